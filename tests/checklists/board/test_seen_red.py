"""Checks that no rehearsal has seen fail are marked."""

from __future__ import annotations

import pytest

from checklists.board import Board, checks_never_seen_red
from checklists.states import AttemptStatus, CutoverKind
from tests.checklists.histories import RUNBOOK, ended, make_cutover

pytestmark = pytest.mark.django_db
CHECKS = {"look", "restore"}  # the sample's items with sample.look; sample.once judges nothing


def test_a_check_is_marked_until_a_rehearsal_has_seen_it_fail() -> None:
    cutover = make_cutover("looked")
    assert checks_never_seen_red(Board.load(cutover)) == CHECKS
    ended(cutover, "look", AttemptStatus.FAILED)
    ended(cutover, "look")
    assert checks_never_seen_red(Board.load(cutover)) == {"restore"}


def test_an_earlier_rehearsal_counts_for_production_and_production_for_nobody() -> None:
    rehearsal = make_cutover("announced", text=RUNBOOK + "# an earlier text\n")
    ended(rehearsal, "look", AttemptStatus.FAILED)
    production = make_cutover("announced", kind=CutoverKind.PRODUCTION)
    assert checks_never_seen_red(Board.load(production)) == {"restore"}
    ended(production, "restore", AttemptStatus.FAILED)
    assert checks_never_seen_red(Board.load(production)) == {"restore"}


@pytest.mark.parametrize("status", [AttemptStatus.ERRORED, AttemptStatus.TIMED_OUT, AttemptStatus.CANCELLED])
def test_an_attempt_without_a_verdict_does_not_count(status: AttemptStatus) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", status)
    assert "look" in checks_never_seen_red(Board.load(cutover))


def test_another_runbook_counts_for_nothing() -> None:
    other = make_cutover("announced", text=RUNBOOK.replace("name: sample", "name: other"))
    ended(other, "look", AttemptStatus.FAILED)
    assert checks_never_seen_red(Board.load(make_cutover())) == CHECKS
