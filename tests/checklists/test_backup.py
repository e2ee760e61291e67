"""The latest verification of a backup decides everywhere, and the database lets nobody read an older one."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.db import DatabaseError, connection, transaction

from checklists import services
from checklists.action_context import build_context
from checklists.models import Backup, BackupVerification, Cutover
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, ItemState
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover, person, verify, view_of

pytestmark = pytest.mark.django_db

SHA256 = "ab" * 32
GOOD = {"sha256": SHA256, "equal": True, "seconds": 4.5, "database": "kept"}
#: Two items that verify the same backup, one before the gate and one after it.
RUNBOOK = """
name: sample
title: A sample move
timezone: UTC
systems: {}
roles: {lead: Migration lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: prepare
    title: Prepare
    items:
      - {key: announce, title: Announce it, kind: manual, owner: lead, how: Tell everybody.}
      - {key: look, title: Verify it, kind: action, owner: lead, action: sample.look,
         params: {thing: the moon}}
      - {key: again, title: Verify it again, kind: action, owner: lead, action: sample.look,
         params: {thing: the sun}}
      - {key: go, title: Change it?, kind: gate, owner: lead, needs: [look],
         seats: [technical, data, finance], quorum: 2, evidence: [{item: look, fresh_for: 30m}],
         opens: The change may begin.}
"""


@pytest.fixture
def cutover(db: object) -> Cutover:
    return make_cutover(text=RUNBOOK)


@pytest.fixture
def backup(cutover: Cutover) -> Backup:
    """A backup that “look” has verified, on which the gate was signed."""
    attempt = ended(cutover, "look", facts={"verified": GOOD, "backup": {"sha256": SHA256}})
    made = Backup.objects.create(
        cutover=cutover, attempt=attempt, path="b", bytes=1, sha256=SHA256, taken_at=database_now()
    )
    verify(made, attempt)
    made.refresh_from_db()
    assert made.verified_by == attempt
    return made


def test_a_failed_verification_by_another_item_voids_the_gate_and_names_the_change(
    cutover: Cutover, backup: Backup
) -> None:
    gate = view_of(cutover, "go").gate
    services.sign_gate(
        gate=view_of(cutover, "go").item,
        by=person("efua"),
        seat="technical",
        decision="GO",
        reason="",
        digest=gate.digest,
        nonce="0f8fad5b-d9cb-469f-a165-70867728950e",
    )
    verify(backup, ended(cutover, "again", AttemptStatus.FAILED), equal=False)
    view, gate = view_of(cutover, "look"), view_of(cutover, "go").gate
    assert view.state == ItemState.CONTRADICTED
    assert (gate.given, len(gate.voided)) == (0, 1)
    why = "“saw it (1)” → “1.3 Verify it again (#1) found otherwise: backup abababababab: equal → It differs"
    assert why in gate.voided[0].why
    assert "It differs." in gate.blockers[0].what

    verify(backup, ended(cutover, "again"))
    assert view_of(cutover, "look").state == ItemState.DONE, "the latest decides"
    assert view_of(cutover, "go").gate.given == 1


def test_no_action_reads_the_older_success(cutover: Cutover, backup: Backup) -> None:
    assert build_context(cutover).evidence["look"]["verified"] == GOOD
    verify(backup, ended(cutover, "again", AttemptStatus.FAILED), equal=False)
    facts = build_context(cutover).evidence["look"]
    assert facts["verified"]["equal"] is False
    assert "It differs." in facts["backup"]["failed_verification"]


def test_the_database_refuses_a_backup_that_is_called_verified_without_a_verification(
    cutover: Cutover, backup: Backup
) -> None:
    attempt = ended(cutover, "again", AttemptStatus.FAILED)
    verify(backup, attempt, equal=False)
    backup.refresh_from_db()
    assert (backup.verified_by, backup.verified_at, backup.restore_seconds) == (None, None, None)
    for change in ({"verified_by": attempt, "verified_at": database_now()}, {"restore_seconds": 1.0}):
        with pytest.raises(DatabaseError, match="by its verifications only"), transaction.atomic():
            Backup.objects.update(**change)
    with pytest.raises(DatabaseError, match="by its verifications only"), transaction.atomic():
        Backup.objects.create(
            cutover=cutover, attempt=attempt, path="c", bytes=1, sha256="cd" * 32,
            taken_at=database_now(), restore_seconds=1.0,
        )  # fmt: skip
    with pytest.raises(DatabaseError), transaction.atomic():
        BackupVerification.objects.update(equal=True)
    with pytest.raises(DatabaseError, match="verified_by_a_timed_restore"), transaction.atomic():
        BackupVerification.objects.create(
            backup=backup, attempt=ended(cutover, "again"), equal=True, at=database_now()
        )


def test_earlier_verifications_become_rows_in_their_order(cutover: Cutover, backup: Backup) -> None:
    """Before, a failed verification after a success left the backup verified."""
    failed = {**GOOD, "equal": False, "seconds": None, "problems": ["It differs."]}
    ended(cutover, "again", AttemptStatus.FAILED, facts={"verified": failed})
    with by_hand(), connection.cursor() as cursor:  # as it was before there was such a table
        cursor.execute("DELETE FROM checklists_backupverification")
    keep = import_module("checklists.migrations.0011_earlier_verifications").keep_verifications
    with connection.schema_editor(atomic=False) as editor:
        for _ in range(2):
            keep(None, editor)
    assert list(BackupVerification.objects.values_list("equal", "reason")) == [
        (True, ""),
        (False, "It differs."),
    ]
    backup.refresh_from_db()
    assert backup.verified_at is None
