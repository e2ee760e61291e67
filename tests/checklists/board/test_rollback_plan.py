"""The plan of a rollback is made from what happened, not only from the runbook."""

from datetime import timedelta

import pytest

from checklists import services
from checklists.action_context import build_context
from checklists.board import Board
from checklists.models import Cutover
from checklists.runbook import read
from checklists.states import AttemptStatus, CutoverStatus, ItemState, Reconciliation
from tests.checklists.histories import ended, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db

TEXT = """
name: there-and-back
title: There and back
timezone: Africa/Accra
systems: {}
roles: {lead: Migration lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: there
    title: There
    items:
      - {key: freeze, title: Freeze, kind: action, owner: lead, action: sample.look, undo: unfreeze}
      - {key: migrate, title: Migrate, kind: action, owner: lead, action: sample.look, undo: restore}
      - {key: migrate-more, title: More, kind: action, owner: lead, action: sample.look, undo: restore}
      - {key: switch, title: Switch, kind: action, owner: lead, action: sample.look, undo: switch-back}
      - {key: start-new, title: Start, kind: manual, owner: lead, how: Start it., undo: stop-new}
  - key: back
    title: Back
    direction: rollback
    items:
      - {key: stop-new, title: Stop the new one, kind: manual, owner: lead, how: Stop it.}
      - {key: count-loss, title: Count the loss, kind: manual, owner: lead, how: Count., goes_with: [restore]}
      - {key: restore, title: Restore, kind: action, owner: lead, action: sample.look, needs: [count-loss]}
      - {key: unfreeze, title: Unfreeze, kind: action, owner: lead, action: sample.look, needs: [freeze]}
      - {key: switch-back, title: Switch back, kind: action, owner: lead, action: sample.look}
      - {key: tell, title: Tell everybody, kind: manual, owner: lead, how: Tell them., needs: [unfreeze]}
"""
BACK = ["stop-new", "count-loss", "restore", "unfreeze", "switch-back", "tell"]


def gone_back(*happened: str, **more: AttemptStatus) -> Cutover:
    """A cutover in which these items happened, in this order, and then the rollback was ordered."""
    cutover = make_cutover(text=TEXT)
    for place, key in enumerate(happened):
        if key == "start-new":
            services.tick_item(item=item_of(cutover, key), by=person("ama"))
        else:
            ago = timedelta(minutes=len(happened) - place)
            ended(cutover, key, more.get(key, AttemptStatus.SUCCEEDED), ago=ago)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="The smoke test is red.")
    return Cutover.objects.get(pk=cutover.pk)


def order(cutover: Cutover) -> list[str]:
    board = Board.load(cutover)
    return [
        view.item.key
        for view, _ in board.rollback_steps()
        if board.items[view.item.key].state != "NOT_NEEDED"
    ]


def test_the_item_that_began_last_is_reverted_first():
    assert order(gone_back("freeze", "migrate", "switch")) == [
        "count-loss",
        "switch-back",
        "restore",
        "unfreeze",
        "tell",
    ]
    assert order(gone_back("switch", "freeze", "migrate"))[1:] == [
        "restore",
        "unfreeze",
        "switch-back",
        "tell",
    ]


def test_the_order_of_the_rollback_is_enforced():
    cutover = gone_back("freeze", "migrate", "switch")
    blockers = view_of(cutover, "restore").blockers
    assert [b.item.key for b in blockers] == ["count-loss", "switch-back"]
    assert "takes back what was done later" in blockers[1].what
    ended(cutover, "switch-back")
    assert [b.item.key for b in view_of(cutover, "restore").blockers] == ["count-loss"]


def test_an_item_that_never_began_needs_no_undo_and_blocks_nothing():
    cutover = gone_back("freeze")
    restore = view_of(cutover, "restore")
    assert restore.state == ItemState.NOT_NEEDED
    assert restore.why_not_needed == ("There is nothing to take back: 1.2 Migrate, 1.3 More never began.")
    assert view_of(cutover, "count-loss").state == ItemState.NOT_NEEDED
    assert order(cutover) == ["unfreeze", "tell"]
    assert view_of(cutover, "unfreeze").state == ItemState.READY


def test_an_attempt_that_failed_or_was_lost_may_have_left_something():
    for status in (
        AttemptStatus.FAILED,
        AttemptStatus.ERRORED,
        AttemptStatus.TIMED_OUT,
        AttemptStatus.CANCELLED,
    ):
        assert view_of(gone_back("migrate", migrate=status), "restore").state == ItemState.BLOCKED


def test_an_attempt_that_was_found_not_done_left_nothing():
    cutover = make_cutover(text=TEXT)
    ended(cutover, "migrate", AttemptStatus.RECONCILED, reconciliation=Reconciliation.NOT_DONE)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="Enough.")
    assert view_of(Cutover.objects.get(pk=cutover.pk), "restore").state == ItemState.NOT_NEEDED


def test_an_undo_waits_while_the_item_that_it_reverts_still_runs():
    cutover = make_cutover(text=TEXT)
    ended(cutover, "switch", AttemptStatus.RUNNING)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="Enough.")
    assert view_of(Cutover.objects.get(pk=cutover.pk), "switch-back").blockers[0].what == (
        "1.4 Switch is still under way."
    )


def test_a_rollback_waits_for_no_forward_item():
    cutover = gone_back("freeze", freeze=AttemptStatus.FAILED)
    assert view_of(cutover, "unfreeze").blockers == []


def test_a_ticked_item_counts_as_begun():
    cutover = gone_back("freeze", "start-new")
    assert order(cutover) == ["stop-new", "unfreeze", "tell"]
    assert view_of(cutover, "unfreeze").blockers[0].item.key == "stop-new"


def test_before_a_rollback_is_ordered_its_plan_is_shown_and_no_item_is_not_needed():
    cutover = make_cutover(text=TEXT)
    ended(cutover, "freeze")
    board = Board.load(cutover)
    plan = {view.item.key: why for view, why in board.rollback_steps()}
    assert list(plan) == BACK
    assert [key for key, why in plan.items() if not why] == ["unfreeze", "tell"]
    assert board.items["restore"].state == ItemState.BLOCKED


def test_an_item_that_is_not_needed_may_still_be_done():
    cutover = gone_back("freeze")
    services.tick_item(item=item_of(cutover, "stop-new"), by=person("ama"))
    assert view_of(cutover, "stop-new").state == ItemState.DONE


def test_a_cutover_is_rolled_back_once_every_needed_item_is_done():
    cutover = gone_back("freeze")
    ended(cutover, "unfreeze")
    services.tick_item(item=item_of(cutover, "tell"), by=person("ama"))
    closed = services.close_cutover(cutover=cutover, status=CutoverStatus.ROLLED_BACK, by=person("ama"))
    assert not closed.is_open


def test_an_undo_gets_the_traces_of_an_attempt_that_failed():
    cutover = make_cutover(text=TEXT)
    ended(cutover, "switch", before={"weights": [100, 0]}, facts={"seen": 1})
    ended(cutover, "switch", AttemptStatus.ERRORED, before={"weights": [90, 10]})
    context = build_context(cutover)
    assert context.evidence["switch"] == {"seen": 1}
    assert context.traces["switch"] == {"weights": [90, 10]}


def test_only_items_of_the_rollback_go_with_another():
    wrong = TEXT.replace("key: switch, title: Switch", "key: switch, goes_with: [restore], title: Switch")
    assert any("goes_with" in error.what for error in read(wrong).errors)
    unknown = TEXT.replace("goes_with: [restore]", "goes_with: [nothing]")
    assert any("there is no item “nothing”" in error.what for error in read(unknown).errors)
