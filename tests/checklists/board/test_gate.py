"""The state of a cutover, computed from what happened."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checklists import services
from checklists.board import Board, allowed_commands, seats_for, why_not_sign
from checklists.models import GatePass, Member
from checklists.states import AttemptStatus, Decision, ItemState, Reconciliation
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db


def states(cutover):
    return {key: view.state for key, view in Board.load(cutover).items.items()}


def test_in_a_new_cutover_only_items_without_needs_are_ready():
    assert states(make_cutover()) == {
        "announce": ItemState.READY,
        "look": ItemState.BLOCKED,
        "go": ItemState.BLOCKED,
        "change-it": ItemState.BLOCKED,
        "celebrate": ItemState.BLOCKED,
        "restore": ItemState.BLOCKED,
    }


def test_a_blocked_item_names_what_it_waits_for():
    blocker = view_of(make_cutover(), "look").blockers[0]
    assert blocker.what == "1.1 Announce it is not done yet."
    assert blocker.item.key == "announce"


def test_a_rollback_item_waits_for_the_order():
    assert "nobody has ordered" in view_of(make_cutover(), "restore").blockers[0].what


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (AttemptStatus.QUEUED, ItemState.QUEUED),
        (AttemptStatus.CLAIMED, ItemState.QUEUED),
        (AttemptStatus.RUNNING, ItemState.RUNNING),
        (AttemptStatus.SUCCEEDED, ItemState.DONE),
        (AttemptStatus.FAILED, ItemState.FAILED),
        (AttemptStatus.ERRORED, ItemState.FAILED),
        (AttemptStatus.TIMED_OUT, ItemState.FAILED),
        (AttemptStatus.UNKNOWN, ItemState.UNKNOWN),
        (AttemptStatus.CANCELLED, ItemState.READY),
    ],
)
def test_the_latest_attempt_decides_the_state_of_an_action(status, state):
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.SUCCEEDED)
    ended(cutover, "look", status)
    assert view_of(cutover, "look").state == state


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (Reconciliation.DONE, ItemState.DONE),
        (Reconciliation.NOT_DONE, ItemState.READY),
        (Reconciliation.PARTIAL, ItemState.FAILED),
    ],
)
def test_a_reconciled_attempt_has_the_state_that_was_found(found, state):
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.RECONCILED, reconciliation=found)
    assert view_of(cutover, "look").state == state


def test_an_item_whose_undo_succeeded_later_is_undone():
    cutover = make_cutover("changed")
    ended(cutover, "restore")
    assert view_of(cutover, "change-it").state == ItemState.UNDONE
    assert "was taken back" in view_of(cutover, "celebrate").blockers[0].what


def test_a_gate_without_its_evidence_cannot_be_signed():
    view = view_of(make_cutover("announced"), "go")
    assert view.state == ItemState.BLOCKED
    assert view.gate.blockers[0].what == "1.2 Look at it: nothing yet"


def test_a_gate_waits_for_signatures_once_its_evidence_is_there():
    view = view_of(make_cutover("looked"), "go")
    assert view.state == ItemState.READY
    assert (view.gate.given, view.gate.needed) == (0, 2)


def test_the_quorum_passes_the_gate_and_unblocks_what_needs_it():
    cutover = make_cutover("signed")
    assert view_of(cutover, "go").state == ItemState.DONE
    assert view_of(cutover, "change-it").state == ItemState.READY


def test_evidence_that_is_too_old_cannot_be_signed():
    cutover = make_cutover("announced")
    ended(cutover, "look", ago=timedelta(minutes=31))
    blocker = view_of(cutover, "go").gate.blockers[0]
    assert blocker.what == "1.2 Look at it is 31 min old; this gate asks for less than 30 min. Do it again."


@pytest.fixture
def ageing():
    """A signed cutover whose evidence is 29 min 50 s old.

    The clock is the database's and evidence is append-only, so for it to be too old the gate has
    to ask for something fresher: `make_old` does that.
    """
    cutover = make_cutover("announced")
    ended(cutover, "look", ago=timedelta(minutes=29, seconds=50))
    sign(cutover, "efua", "technical")
    sign(cutover, "kofi", "finance")

    def make_old():
        with by_hand():
            item_of(cutover, "go").gate_evidence.update(fresh_for=timedelta(minutes=29))

    return cutover, make_old


def test_a_used_gate_stays_open_while_its_evidence_only_ages(ageing):
    cutover, make_old = ageing
    with by_hand():
        GatePass.objects.filter(gate__cutover=cutover).update(used_at="2026-01-01T00:00:00Z")
    make_old()
    assert view_of(cutover, "go").state == ItemState.DONE


def test_an_unused_gate_closes_when_its_evidence_has_aged(ageing):
    cutover, make_old = ageing
    assert view_of(cutover, "go").state == ItemState.DONE
    make_old()
    view = view_of(cutover, "go")
    assert view.state == ItemState.BLOCKED
    assert view.gate.given == 0
    assert "asks for less than 29 min" in view.gate.voided[0].why


def test_new_evidence_voids_the_signatures_and_names_the_fact_that_changed():
    cutover = make_cutover("signed")
    ended(cutover, "look", summary="saw something else")
    gate = view_of(cutover, "go").gate
    assert gate.passed is None
    assert gate.given == 0
    assert gate.voided[0].why == "1.2 Look at it changed: “saw it (1)” → “saw something else”."


def test_a_bad_verdict_in_the_evidence_keeps_the_gate_shut():
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.FAILED, summary="3 rows differ")
    assert view_of(cutover, "go").gate.blockers[0].what == "1.2 Look at it: 3 rows differ"


def test_a_no_go_closes_the_gate_at_once():
    cutover = make_cutover("signed_once")
    sign(cutover, "kofi", "finance", Decision.NO_GO, reason="the totals")
    view = view_of(cutover, "go")
    assert view.state == ItemState.NO_GO
    assert view.gate.no_go.reason == "the totals"


def test_a_stakeholder_may_do_nothing():
    cutover = make_cutover("looked")
    board = Board.load(cutover)
    yaw = Member.objects.get(cutover=cutover, person=person("yaw"))
    assert all(allowed_commands(yaw, view, board) == set() for view in board.items.values())


def test_a_lead_may_tick_what_is_ready_and_untick_what_is_done():
    cutover = make_cutover("announced")
    board = Board.load(cutover)
    ama = board.member(person("ama"))
    assert "untick" in allowed_commands(ama, board.items["announce"], board)
    assert {"start", "skip"} <= allowed_commands(ama, board.items["look"], board)
    assert "start" not in allowed_commands(ama, board.items["change-it"], board)


def test_a_done_at_most_once_action_is_not_offered_again():
    cutover = make_cutover("changed")
    board = Board.load(cutover)
    ama = board.member(person("ama"))
    assert "start" in allowed_commands(ama, board.items["look"], board)
    assert "start" not in allowed_commands(ama, board.items["change-it"], board)


def test_an_approver_signs_and_does_not_act():
    cutover = make_cutover("looked")
    board = Board.load(cutover)
    efua = board.member(person("efua"))
    assert allowed_commands(efua, board.items["go"], board) == {"note", "sign"}
    assert allowed_commands(efua, board.items["look"], board) == {"note"}


def test_a_person_who_started_the_work_is_told_that_someone_else_must_approve():
    cutover = make_cutover("announced")
    ended(cutover, "look", by="efua")
    view = view_of(cutover, "go")
    efua = Member.objects.get(cutover=cutover, person=person("efua"))
    assert why_not_sign(efua, view).startswith("You started 1.2 Look at it, so someone else")


def test_a_person_keeps_the_seat_they_signed_in():
    cutover = make_cutover("signed_once")
    efua = Member.objects.get(cutover=cutover, person=person("efua"))
    assert seats_for(efua, view_of(cutover, "go")) == ["technical"]


def test_a_rehearsal_may_ask_for_fewer_signatures():
    cutover = make_cutover("looked", rehearsal_quorum=1)
    sign(cutover, "efua", "technical")
    assert view_of(cutover, "go").state == ItemState.DONE


def test_a_closed_cutover_blocks_everything():
    cutover = make_cutover()
    services.close_cutover(cutover=cutover, status="ABANDONED", by=person("ama"), reason="postponed")
    cutover.refresh_from_db()
    assert view_of(cutover, "announce").blockers[0].what == "This cutover is closed: abandoned."


def test_a_large_runbook_takes_no_more_queries_than_a_small_one():
    counts = []
    for size in (50, 500):
        items = "".join(
            f"      - {{key: n{i}, title: Item {i}, kind: manual, owner: lead, how: x, needs: [announce]}}\n"
            for i in range(size)
        )
        cutover = make_cutover(text=RUNBOOK.replace("  - key: change\n", f"{items}  - key: change\n"))
        with CaptureQueriesContext(connection) as captured:
            board = Board.load(cutover)
        assert len(board.items) == size + 6
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 17
