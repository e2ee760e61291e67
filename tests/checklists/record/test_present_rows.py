"""`record verify` names each row that was changed without an entry, as recorded and as it is now."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from checklists import services
from checklists.models import Attempt, Cutover
from checklists.record.present_rows import find_unrecorded_changes
from checklists.states import Reconciliation
from tests.by_hand import by_hand
from tests.checklists.histories import carried_out, item_of, make_cutover, person, sign

pytestmark = pytest.mark.django_db

#: SQL past every rule → what is said of it.
CHANGES = {
    "UPDATE checklists_cutover SET kind = 'PRODUCTION'": (
        "cutover kind: the record says REHEARSAL, the table has PRODUCTION."
    ),
    "UPDATE checklists_cutover SET epoch = 1, direction = 'FORWARD'": (
        "cutover direction: the record says ROLLBACK, the table has FORWARD."
    ),
    "UPDATE checklists_item SET done_by_id = {kofi} WHERE key = 'announce'": (
        "tick of item announce: the record says ama, the table has kofi."
    ),
    "UPDATE checklists_item SET done_by_id = NULL, done_at = NULL": (
        "tick of item announce: the record says ama, the table has nothing."
    ),
    "UPDATE checklists_item SET skipped_by_id = NULL, skipped_at = NULL, skip_reason = ''": (
        "skip of item celebrate: the record says ama, No cake., the table has nothing."
    ),
    "UPDATE checklists_member SET seats = '{{finance}}' WHERE person_id = {efua}": (
        "part and seats of efua: the record says APPROVER, technical, data, the table has APPROVER, finance."
    ),
    "DELETE FROM checklists_member WHERE person_id = {yaw}": (
        "part and seats of yaw: the record says STAKEHOLDER, the table has nothing."
    ),
    "DELETE FROM checklists_gatepass": "the record has it, the table does not.",
    "UPDATE checklists_signoff SET decision = 'NO_GO', reason = 'x' WHERE person_id = {efua}": (
        "the table has it, the record does not."
    ),
    "UPDATE checklists_item SET quorum = 1 WHERE kind = 'gate'": (
        "item go, quorum: the runbook says 2, the table has 1."
    ),
    "UPDATE checklists_item SET needs = '{{}}' WHERE key = 'go'": (
        "item go, needs: the runbook says look, the table has nothing."
    ),
    "UPDATE checklists_attempt SET status = 'FAILED' WHERE item_id = {look}": (
        "attempt 1 of look: the record says SUCCEEDED, the table has FAILED."
    ),
    "UPDATE checklists_attempt SET requested_by_id = {efua} WHERE item_id = {look}": (
        "attempt 1 of look, who started it: the record says ama, the table has efua."
    ),
    "UPDATE checklists_attempt SET reconciliation = 'PARTIAL' WHERE item_id = {restore}": (
        "attempt 1 of restore, what was found: the record says DONE, the table has PARTIAL."
    ),
    "UPDATE checklists_attempt SET number = 7 WHERE item_id = {look}": (
        "attempt 1 of look, its number: the record says 1, the table has 7."
    ),
    "UPDATE checklists_attempt SET item_id = {restore}, number = 9 WHERE item_id = {look}": (
        "attempt 1 of look, its item: the record says look, the table has restore."
    ),
    "INSERT INTO checklists_attempt SELECT (jsonb_populate_record(a, jsonb_build_object("
    "'id', gen_random_uuid(), 'number', 9))).* FROM checklists_attempt a WHERE item_id = {look}": (
        "attempt 9 of look: the table has it, the record does not."
    ),
    "DELETE FROM checklists_evidence; DELETE FROM checklists_attempt": (
        "attempt 1 of look: the record has it, the table does not."
    ),
    "DELETE FROM checklists_evidence WHERE item_id = {look}": "attempt 1 of look: its evidence is missing.",
    "UPDATE checklists_evidence SET ok = false WHERE item_id = {look}": (
        "attempt 1 of look: its evidence says no, it itself SUCCEEDED."
    ),
    "UPDATE checklists_evidence SET facts = '{{}}' WHERE item_id = {look}": (
        "attempt 1 of look, facts (SHA-256): the record says"
    ),
    "UPDATE checklists_evidence SET digest = repeat('b', 64) WHERE item_id = {look}": (
        "sign-off of efua at gate go: the evidence of look is not the one that was signed."
    ),
    "UPDATE checklists_signoff SET evidence = jsonb_set(evidence, '{{0,content,target}}', '\"db\"')": (
        "sign-off of efua at gate go: its evidence has the digest"
    ),
    "UPDATE checklists_evidence SET observed_at = observed_at - interval '2 hours' WHERE item_id = {look}": (
        "old when it was signed; the gate asks for less than 30"
    ),
    "UPDATE checklists_runbook SET text = replace(text, 'quorum: 2', 'quorum: 1')": (
        "its text does not have its SHA-256."
    ),
}


@pytest.fixture
def cutover() -> Cutover:
    """Signed; then an item was skipped and the rollback ordered."""
    cutover, ama = make_cutover("announced"), person("ama")
    carried_out(cutover, "look", seen=1)
    sign(cutover, "efua", "technical")
    sign(cutover, "kofi", "finance")
    services.skip_item(item=item_of(cutover, "celebrate"), by=ama, reason="No cake.")
    services.order_rollback(cutover=cutover, by=ama, reason="We try it.")
    cutover.refresh_from_db()
    lost = services.start_attempt(item=item_of(cutover, "restore"), by=ama)
    with by_hand():  # its executor died, as the record says
        found = {"dead": "It is.", "seen": "DONE", "facts": {}}
        moments = {"effect_started_at": lost.queued_at, "claimed_at": lost.queued_at}
        Attempt.objects.filter(pk=lost.pk).update(status="UNKNOWN", finding=found, **moments)
    services.reconcile_attempt(attempt=lost, by=ama, found=Reconciliation.DONE, note="I looked.")
    return cutover


def test_rows_that_only_the_panel_changed_are_as_recorded(cutover: Cutover) -> None:
    assert find_unrecorded_changes(cutover) == []


@pytest.mark.parametrize("statement", CHANGES)
def test_a_row_that_sql_changed_is_named_with_both_values(cutover: Cutover, statement: str) -> None:
    ids = {name: person(name).pk for name in ("kofi", "efua", "yaw")}
    ids |= {key: item_of(cutover, key).pk for key in ("look", "restore")}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a commit would have checked by now
    with by_hand(), connection.cursor() as cursor:
        cursor.execute(statement.format(**ids))
    assert any(CHANGES[statement] in line for line in find_unrecorded_changes(cutover))
    out = StringIO()
    with pytest.raises(CommandError, match="changed outside the panel"):
        call_command("record", "verify", cutover.slug, stdout=out)
    assert CHANGES[statement] in out.getvalue()
    assert "The chain is whole" in out.getvalue()
