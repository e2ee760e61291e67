"""The trend of comparisons over all cutovers of a runbook that a person may see."""

from __future__ import annotations

import pytest

from checklists.comparisons.trend import EDGE, HEIGHT, WIDTH, get_trends
from checklists.models import Cutover
from integrations.parity.result import TableResult
from tests.checklists.histories import make_cutover, person
from tests.checklists.views.test_parity import compared

pytestmark = pytest.mark.django_db


def test_comparisons_of_one_item_are_in_order_over_all_cutovers_of_the_runbook() -> None:
    for differing in (40, 10, 0):
        compared(make_cutover("announced"), TableResult("members", 99, 99, changed=differing, digest="d"))
    (trend,) = get_trends("sample", Cutover.objects.all())
    assert [one.differing for one in trend.attempts] == [40, 10, 0]
    assert [one.equal for one in trend.attempts] == [False, False, True]
    assert (trend.highest, trend.first.differing, trend.last.differing) == (40, 40, 0)
    assert [(point.x, point.y) for point in trend.points] == [
        (EDGE, EDGE), (WIDTH / 2, 101.0), (WIDTH - EDGE, HEIGHT - EDGE),
    ]  # fmt: skip


def test_where_nothing_ever_differed_the_curve_lies_at_the_bottom() -> None:
    for _ in range(2):
        compared(make_cutover("announced"), TableResult("members", 99, 99))
    (trend,) = get_trends("sample", Cutover.objects.all())
    assert {point.y for point in trend.points} == {HEIGHT - EDGE}


def test_other_runbooks_and_invisible_cutovers_are_left_out() -> None:
    compared(make_cutover("announced"), TableResult("members", 99, 99))
    assert get_trends("other", Cutover.objects.all()) == []
    assert get_trends("sample", Cutover.objects.visible_to(person("stranger"))) == []
