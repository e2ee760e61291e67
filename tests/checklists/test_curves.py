"""Curves are drawn from what was measured, and no peak is lost."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from checklists.curves import HEIGHT, WIDTH, Curve, downsample, read_curves
from checklists.models import Measurement
from tests.checklists.histories import ended, make_cutover

BEGAN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def points(values):
    return [(BEGAN + timedelta(seconds=n), float(value)) for n, value in enumerate(values)]


def test_a_single_peak_among_thousands_stays_in_the_drawing():
    values = [1.0] * 5000
    values[3333] = 99.0
    drawn = downsample(points(values), 160)
    assert len(drawn) <= 160
    assert max(value for _, value in drawn) == 99.0


def test_the_line_stays_in_its_box_and_begins_at_zero():
    line = Curve("waiting", "", points([5, 10, 7])).line
    xs, ys = zip(*[map(float, pair.split(",")) for pair in line.split()], strict=True)
    assert list(xs) == sorted(xs)
    assert max(xs) < WIDTH
    assert max(ys) < HEIGHT / 2 + 5  # 5 of 10 is half-way up: the axis begins at 0


def test_one_point_and_equal_values_are_drawn_too():
    assert re.fullmatch(r"[\d.]+,[\d.]+", Curve("waiting", "", points([0])).line)


@pytest.mark.django_db
def test_names_become_words_with_their_unit():
    attempt = ended(make_cutover("announced"), "look")
    values = {"new_errors_percent": 1.5, "completed_per_minute": 12, "waiting": 3}
    for number in (1, 2):
        Measurement.objects.create(
            attempt=attempt, number=number, at=BEGAN + timedelta(seconds=number), values=values
        )
    found = {curve.name: (curve.unit, curve.last, len(curve.points)) for curve in read_curves(attempt)}
    assert found == {"new errors": ("%", 1.5, 2), "completed": ("a minute", 12, 2), "waiting": ("", 3, 2)}
