"""Durations as a runbook writes them and as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checklists.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (0.04, "0.0 s"),
        (4, "4 s"),
        (9.94, "9.9 s"),
        (9.99, "9 s"),
        (12.4, "12 s"),
        (192, "3 min 12 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_its_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(("seconds", "text"), [(59, "59 s"), (192, "3 min"), (7500, "2 h"), (200_000, "2 d")])
def test_a_duration_can_be_cut_to_one_unit(seconds: int, text: str) -> None:
    assert format_duration(seconds, units=1) == text


@pytest.mark.parametrize(
    "text", ["", "5", "5x", "m5", "5m1h", "0s", "-5m", "1.5h", "5 m", "٥m", "366d", "99999999999s", "5M"]
)
def test_a_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.property
@given(st.integers(0, 364), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_read_as_it_is_written(days: int, hours: int, minutes: int, seconds: int) -> None:
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    text = "".join(f"{number}{unit}" for number, unit in parts if number)
    if text:
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        assert parse_duration(text) == length
        shown = parse_duration(format_duration(length).replace("min", "m").replace(" ", ""))
        assert timedelta(0) <= length - shown < timedelta(hours=1)
