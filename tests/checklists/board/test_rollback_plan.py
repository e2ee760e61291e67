"""The way back is made from what truly happened, not from the text."""

from datetime import timedelta

import pytest

from checklists import services
from checklists.gates import Board
from checklists.models import Cutover
from checklists.runbook import read
from checklists.states import AttemptStatus, CutoverStatus, ItemState, Reconciliation
from checklists.surroundings import context_of
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
    board = Board.of(cutover)
    return [
        view.item.key for view, _ in board.plan_back() if board.items[view.item.key].state != "NOT_NEEDED"
    ]


def test_what_happened_last_is_taken_back_first():
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


def test_it_is_not_only_shown_so_it_also_waits_so():
    cutover = gone_back("freeze", "migrate", "switch")
    blockers = view_of(cutover, "restore").blockers
    assert [b.item.key for b in blockers] == ["count-loss", "switch-back"]
    assert "takes back what was done later" in blockers[1].what
    ended(cutover, "switch-back")
    assert [b.item.key for b in view_of(cutover, "restore").blockers] == ["count-loss"]


def test_what_never_began_needs_no_taking_back_and_holds_nothing_up():
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


def test_an_undo_waits_for_what_it_takes_back_while_that_still_runs():
    cutover = make_cutover(text=TEXT)
    ended(cutover, "switch", AttemptStatus.RUNNING)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="Enough.")
    assert view_of(Cutover.objects.get(pk=cutover.pk), "switch-back").blockers[0].what == (
        "1.4 Switch is still under way."
    )


def test_nothing_forward_is_waited_for_on_the_way_back():
    cutover = gone_back("freeze", freeze=AttemptStatus.FAILED)
    assert view_of(cutover, "unfreeze").blockers == []


def test_a_tick_counts_as_having_happened():
    cutover = gone_back("freeze", "start-new")
    assert order(cutover) == ["stop-new", "unfreeze", "tell"]
    assert view_of(cutover, "unfreeze").blockers[0].item.key == "stop-new"


def test_before_the_order_the_plan_is_there_and_nothing_is_called_unneeded():
    cutover = make_cutover(text=TEXT)
    ended(cutover, "freeze")
    board = Board.of(cutover)
    plan = {view.item.key: why for view, why in board.plan_back()}
    assert list(plan) == BACK
    assert [key for key, why in plan.items() if not why] == ["unfreeze", "tell"]
    assert board.items["restore"].state == ItemState.BLOCKED


def test_whoever_knows_better_may_still_do_what_is_not_needed():
    cutover = gone_back("freeze")
    services.tick_item(item=item_of(cutover, "stop-new"), by=person("ama"))
    assert view_of(cutover, "stop-new").state == ItemState.DONE


def test_a_cutover_is_rolled_back_when_all_that_is_needed_is_done():
    cutover = gone_back("freeze")
    ended(cutover, "unfreeze")
    services.tick_item(item=item_of(cutover, "tell"), by=person("ama"))
    closed = services.close_cutover(cutover=cutover, status=CutoverStatus.ROLLED_BACK, by=person("ama"))
    assert not closed.is_open


def test_an_undo_finds_the_traces_of_what_failed_half_way():
    cutover = make_cutover(text=TEXT)
    ended(cutover, "switch", before={"weights": [100, 0]}, facts={"seen": 1})
    ended(cutover, "switch", AttemptStatus.ERRORED, before={"weights": [90, 10]})
    context = context_of(cutover)
    assert context.evidence["switch"] == {"seen": 1}
    assert context.traces["switch"] == {"weights": [90, 10]}


def test_only_items_of_the_way_back_go_with_another():
    wrong = TEXT.replace("key: switch, title: Switch", "key: switch, goes_with: [restore], title: Switch")
    assert any("goes_with" in mistake.what for mistake in read(wrong).mistakes)
    unknown = TEXT.replace("goes_with: [restore]", "goes_with: [nothing]")
    assert any("there is no item “nothing”" in mistake.what for mistake in read(unknown).mistakes)
