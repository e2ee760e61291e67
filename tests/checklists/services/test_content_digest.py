"""A signature is bound to what the evidence says, not to the attempt that said it."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from checklists import services
from checklists.board import Board, compare_with_signed
from checklists.board.gate import rules_of
from checklists.board.signed_facts import compare_facts
from checklists.models import Cutover, GatePass, SignOff
from checklists.services.ticks import HandedIn
from checklists.states import AttemptStatus, ItemState, MemberPart
from tests.by_hand import by_hand
from tests.checklists.histories import (
    RUNBOOK,
    admin,
    end,
    ended,
    item_of,
    make_cutover,
    person,
    sign,
    view_of,
)

pytestmark = pytest.mark.django_db


def given(cutover: Cutover) -> int:
    return int(view_of(cutover, "go").gate.given)


def test_a_check_that_is_repeated_with_the_same_result_keeps_signatures_and_the_pass() -> None:
    cutover = make_cutover("signed_once")
    ended(cutover, "look", facts={"seen": 1}, summary="it took 9 s this time")
    assert given(cutover) == 1
    sign(cutover, "kofi", "finance")
    ended(cutover, "look", facts={"seen": 1})
    assert view_of(cutover, "go").state == ItemState.DONE
    assert GatePass.objects.count() == 1


def test_while_the_check_runs_again_the_gate_is_shut_and_says_that_signatures_may_come_back() -> None:
    cutover = make_cutover("signed")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    gate = view_of(cutover, "go").gate
    assert (gate.passed, gate.given) == (None, 0)
    assert "If the result is the same, the signature counts again." in gate.voided[0].why
    end(attempt, AttemptStatus.ERRORED)
    ended(cutover, "look", facts={"seen": 1})
    assert view_of(cutover, "go").state == ItemState.DONE


def test_a_changed_fact_voids_and_is_shown_with_both_values() -> None:
    cutover = make_cutover("announced")
    tables = [{"name": "churches", "rows": 412}, {"name": "members", "rows": 9}]
    ended(cutover, "look", facts={"tables": tables, "looked_at": "02:00"}, summary="2 tables")
    sign(cutover, "efua", "technical")
    tables = [{"name": "members", "rows": 9}, {"name": "churches", "rows": 411}]
    ended(cutover, "look", facts={"tables": tables, "looked_at": "02:10"}, summary="2 tables")
    gate = view_of(cutover, "go").gate
    assert gate.given == 0
    assert gate.voided[0].why.startswith("1.2 Look at it has other facts than were signed")
    [void] = compare_with_signed(gate)
    assert [str(change) for change in void.changes] == ["1.2 tables.churches.rows: 412 → 411"]


def test_a_target_is_content() -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts={"seen": 1}, resource="db:old")
    sign(cutover, "efua", "technical")
    ended(cutover, "look", facts={"seen": 1}, resource="db:new")
    assert given(cutover) == 0


def test_a_new_fact_and_a_vanished_one_are_changes_too() -> None:
    changes = compare_facts({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1]}, "d": "new"})
    assert [str(change) for change in changes] == ["a: 1 → –", "b.c.2: 2 → –", "d: – → new"]


TICKED = RUNBOOK.replace(
    "evidence: [{item: look, fresh_for: 30m}]", "evidence: [{item: look}, {item: announce}]"
)


def test_ticking_again_with_the_same_words_keeps_signatures_and_other_words_void_them() -> None:
    cutover = make_cutover("signed_once", text=TICKED)
    announce = item_of(cutover, "announce")
    services.untick_item(item=announce, by=person("ama"), reason="once more")
    assert given(cutover) == 0
    services.tick_item(item=announce, by=person("ama"))
    assert given(cutover) == 1
    services.untick_item(item=announce, by=person("ama"), reason="once more")
    services.tick_item(item=announce, by=person("ama"), given=HandedIn(note="by letter"))
    assert given(cutover) == 0


def test_a_skip_voids_what_was_signed_before() -> None:
    cutover = make_cutover("signed_once", text=TICKED)
    announce = item_of(cutover, "announce")
    services.untick_item(item=announce, by=person("ama"), reason="not yet")
    services.skip_item(item=announce, by=person("ama"), reason="no time")
    gate = view_of(cutover, "go").gate
    assert gate.given == 0
    assert "“Ticked by ama” → “Skipped by ama: no time”" in gate.voided[0].why


def test_a_signer_who_starts_the_check_again_no_longer_counts_although_the_result_is_the_same() -> None:
    cutover = make_cutover("signed")
    ended(cutover, "look", facts={"seen": 1}, by="efua")
    gate = view_of(cutover, "go").gate
    assert (gate.given, gate.passed) == (1, None)
    assert gate.voided[0].why.startswith("efua started 1.2 Look at it, and nobody approves their own work")


def test_a_signer_who_lost_the_seat_or_the_account_no_longer_counts() -> None:
    cutover = make_cutover("signed_once")
    services.add_member(
        cutover=cutover, person=person("efua"), part=MemberPart.APPROVER, seats=["data"], by=admin()
    )
    gate = view_of(cutover, "go").gate
    assert gate.given == 0
    assert "efua no longer holds this seat" in gate.voided[0].why


# ── what an earlier panel stored ─────────────────────────────────────────────


def as_of_version_1(cutover: Cutover) -> None:
    """Signatures and passes as an earlier panel wrote them, on the digest that it computed."""
    board = Board.load(cutover)
    digest = rules_of(board.items["go"], board.items, board.rows).digest_of_version_1
    with by_hand(), connection.cursor() as cursor:
        for table in ("checklists_signoff", "checklists_gatepass"):
            cursor.execute(f"UPDATE {table} SET digest = %s, digest_version = 1", [digest])
        for sign_off in SignOff.objects.all():
            lines = [{k: v for k, v in line.items() if k != "content"} for line in sign_off.evidence]
            cursor.execute(
                "UPDATE checklists_signoff SET evidence = %s WHERE id = %s", [json.dumps(lines), sign_off.pk]
            )


def test_a_gate_that_passed_under_an_earlier_panel_stays_passed_by_the_rule_of_then() -> None:
    cutover = make_cutover("signed")
    as_of_version_1(cutover)
    view = view_of(cutover, "go")
    assert (view.state, view.gate.given) == (ItemState.DONE, 2)
    ended(cutover, "look", facts={"seen": 1})  # the rule of then: another attempt voids it
    gate = view_of(cutover, "go").gate
    assert (gate.passed, gate.given) == (None, 0)
    assert "earlier version of the panel" in gate.voided[0].why


def test_a_signature_of_an_earlier_panel_that_completed_no_quorum_is_void_in_plain_words() -> None:
    cutover = make_cutover("signed_once")
    as_of_version_1(cutover)
    gate = view_of(cutover, "go").gate
    assert gate.given == 0
    assert "earlier version of the panel" in gate.voided[0].why
    sign(cutover, "efua", "technical")
    sign(cutover, "kofi", "finance")
    assert view_of(cutover, "go").state == ItemState.DONE
