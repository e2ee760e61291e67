"""What a rollback would lose is counted at any time; the count from before the order settles nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from checklists import services
from checklists.board import Board
from checklists.forecast import RollbackCost, find_rollback_costs
from checklists.headline import headline
from checklists.models import Attempt, Cutover
from checklists.pending_tasks import pending_tasks
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, Direction, ItemState
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db

TEXT = """
name: there-and-back
title: There and back
timezone: UTC
systems: {}
roles: {lead: Migration lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: there
    title: There
    items:
      - {key: back-up, title: Back up, kind: action, owner: lead, action: sample.look}
      - {key: switch, title: Switch, kind: action, owner: lead, action: sample.look,
         needs: [back-up], undo: restore}
  - key: back
    title: Back
    direction: rollback
    items:
      - {key: stop-new, title: Stop the new one, kind: manual, owner: lead, how: Stop it.}
      - {key: count, title: Count the loss, kind: action, owner: lead, action: sample.count,
         needs: [back-up, stop-new], fresh_for: 2h}
      - {key: decide, title: Go back?, kind: gate, owner: lead, needs: [count],
         seats: [technical, data, finance],
         quorum: 2, evidence: [{item: count, fresh_for: 2h}], opens: The restore.}
      - {key: restore, title: Restore, kind: action, owner: lead, action: sample.look, needs: [decide]}
"""
LOSS = {"loss": {"answer": "loss", "rows": 12}}


@pytest.fixture
def cutover(db: object) -> Cutover:
    return make_cutover(text=TEXT)


def cost_of(cutover: Cutover) -> RollbackCost:
    (cost,) = find_rollback_costs(Board.load(Cutover.objects.get(pk=cutover.pk)))
    return cost


def counted(cutover: Cutover, **more: Any) -> Attempt:
    """A count that was made before the rollback was ordered."""
    attempt = ended(cutover, "count", **{"facts": LOSS, "summary": "12 rows created", **more})
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(direction=Direction.FORWARD)
    return attempt


def order(cutover: Cutover) -> Cutover:
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It is red.")
    return Cutover.objects.get(pk=cutover.pk)


def test_it_starts_before_the_rollback_is_ordered_once_there_is_a_backup(cutover: Cutover) -> None:
    with pytest.raises(CommandRefused, match="Back up is not done yet"):
        services.start_attempt(item=item_of(cutover, "count"), by=person("ama"))
    ended(cutover, "back-up")
    attempt = services.start_attempt(item=item_of(cutover, "count"), by=person("ama"))
    assert (attempt.direction, attempt.status) == (Direction.FORWARD, AttemptStatus.QUEUED)
    for key in ("stop-new", "restore"):
        assert view_of(cutover, key).state == ItemState.BLOCKED, "only what reads may run early"


def test_it_is_not_the_next_thing_to_do_and_its_red_is_no_trouble_of_the_way_forward(
    cutover: Cutover,
) -> None:
    ended(cutover, "back-up")
    assert [view.item.key for view in Board.load(cutover).next] == ["switch"]
    counted(cutover, status=AttemptStatus.FAILED, facts={"loss": {"answer": "unknown"}})
    assert Board.load(cutover).failed == []
    assert cost_of(cutover).answer == "unknown"


def test_a_count_from_before_the_order_is_shown_and_settles_nothing(cutover: Cutover) -> None:
    ended(cutover, "back-up")
    assert (cost_of(cutover).attempt, cost_of(cutover).answer) == (None, "unknown")
    attempt = counted(cutover, ago=timedelta(minutes=10))
    cost = cost_of(cutover)
    assert (cost.attempt, cost.answer, cost.before_order) == (attempt, "loss", False)
    assert cost.age is not None
    assert timedelta(minutes=10) <= cost.age < timedelta(minutes=11)

    cutover = order(cutover)
    services.tick_item(item=item_of(cutover, "stop-new"), by=person("ama"))
    view = view_of(cutover, "count")
    assert view.state == ItemState.READY, "the new stack may have written since"
    assert view_of(cutover, "decide").gate.facts[0].missing
    assert (cost_of(cutover).attempt, cost_of(cutover).before_order) == (attempt, True)
    again = services.start_attempt(item=item_of(cutover, "count"), by=person("ama"), after=view.attempts)
    assert (again.number, again.direction) == (2, Direction.ROLLBACK)


def test_a_count_that_runs_when_the_rollback_is_ordered_is_asked_to_stop(cutover: Cutover) -> None:
    ended(cutover, "back-up")
    attempt = services.start_attempt(item=item_of(cutover, "count"), by=person("ama"))
    order(cutover)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.CANCELLED


def test_nobody_waits_for_a_count_before_a_rollback_is_ordered() -> None:
    cutover = make_cutover(text=TEXT)
    ended(cutover, "back-up")
    ended(cutover, "switch")
    board = Board.load(cutover)
    assert board.items["count"].state == ItemState.READY
    assert headline(board) == "Everything is done; the cutover can be closed."
    assert pending_tasks(board) == []
    ended(cutover, "count", "FAILED")
    assert pending_tasks(Board.load(cutover)) == []
