"""Finds out what an UNKNOWN attempt did, and reconciles it where the panel may decide without a person."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from checklists.announcements import announce_on_commit
from checklists.executor.fence import held_in, status_in
from checklists.executor.job import AttemptJob
from checklists.executor.locks import lock_item_for_share, retry_after_deadlock
from checklists.executor.process import action_process
from checklists.executor.process.child import run_in_child
from checklists.executor.process.proof_of_death import prove_death
from checklists.executor.timings import TIMES
from checklists.executor.writers.evidence import store_evidence
from checklists.executor.writers.spool import append_lost_lines
from checklists.models import Attempt, AuditEntry
from checklists.models.audit import database_now
from checklists.record.attempts import evidence_as_recorded
from checklists.states import AttemptStatus, Reconciliation
from integrations.actions import Effect
from integrations.errors import Problem
from integrations.redact import Redactor

#: A probe that began before the death was proven does not replace one that began after it.
STORE_FINDING = f"""
    UPDATE checklists_attempt SET finding = %(finding)s
    WHERE {held_in([AttemptStatus.UNKNOWN])} AND (%(dead)s <> '' OR coalesce(finding->>'dead', '') = '')
"""
#: No probe has given an answer on which anybody can decide, and the last one is a while ago.
IS_UNANSWERED = f"""
    {status_in([AttemptStatus.UNKNOWN])} AND (finding = '{{}}' OR (
        (coalesce(finding->>'dead', '') = '' OR coalesce(finding->>'seen', '') IN ('', 'STILL_RUNNING'))
        AND (finding->>'at')::timestamptz < clock_timestamp() - make_interval(secs => %s)))
"""


def probe_attempt(attempt_id: str) -> dict[str, Any] | None:
    """Proves the old executor dead, runs the action's probe and stores the finding.

    The finding is ``{"seen", "saw", "facts", "at", "dead"}``. ``seen`` is empty when the probe could not
    look, ``dead`` when there is no proof of death. None when no such attempt is UNKNOWN. Changes nothing
    but the panel's own rows.
    """
    try:
        key = UUID(str(attempt_id))
    except ValueError:
        return None
    rows = Attempt.objects.select_related("cutover", "item").filter(pk=key, status=AttemptStatus.UNKNOWN)
    attempt = rows.first()
    if attempt is None:
        return None
    # Death first: while the old executor may live, what the probe sees now can still change.
    dead = prove_death(attempt) or attempt.finding.get("dead", "")
    if dead:
        append_lost_lines(attempt)
    finding = {**_run_probe(attempt), "dead": dead}
    _store_finding(attempt, finding)
    return finding


def _run_probe(attempt: Attempt) -> dict[str, Any]:
    nothing = {"seen": "", "facts": {}}
    redactor = Redactor()
    try:
        job = AttemptJob.load(attempt)
        redactor.add(*job.secrets())
    except Problem as problem:
        return {**nothing, "saw": f"The probe failed: {problem}"}
    messages, _ = run_in_child(partial(action_process.run_probe, job, attempt.before), TIMES.probe)
    findings = [message["finding"] for message in messages if "finding" in message]
    if not findings:
        return {**nothing, "saw": f"The probe gave no answer within {TIMES.probe:g} s, or its process died."}
    return dict(redactor.mask_value(findings[-1]))


@retry_after_deadlock
@transaction.atomic
def _store_finding(attempt: Attempt, finding: dict[str, Any]) -> None:
    lock_item_for_share(attempt.cutover_id, attempt.item_id)
    finding["at"] = database_now().isoformat()
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"id": attempt.pk, "fence": attempt.fence, "finding": Jsonb(finding)}
        cursor.execute(STORE_FINDING, {**values, "dead": finding["dead"]})
        if cursor.rowcount != 1:
            return  # a person or another probe reconciled it while this probe ran
    item = attempt.item
    about = {"item": item.key, "title": item.title, "attempt": attempt.pk, "number": attempt.number}
    reconciles = _needs_no_person(attempt, finding)
    if reconciles:
        _reconcile(attempt, Reconciliation(finding["seen"]), finding)
    announce_on_commit(attempt.cutover_id)
    kept = evidence_as_recorded(attempt) if reconciles else {}
    kind = "attempt.reconciled" if reconciles else "attempt.probed"
    AuditEntry.objects.append(
        attempt.cutover, kind, by=None, **about, note=finding["saw"], finding=finding, **kept
    )


def _needs_no_person(attempt: Attempt, finding: dict[str, Any]) -> bool:
    """May the panel reconcile it? Only a certain finding about a harmless action.

    Harmless are actions that only read, and in a rehearsal also those that may be repeated.
    """
    harmless = attempt.effect == Effect.PURE or (
        attempt.effect == Effect.IDEMPOTENT and attempt.cutover.is_rehearsal
    )
    return harmless and bool(finding["dead"]) and finding["seen"] in Reconciliation.values


def _reconcile(attempt: Attempt, found: Reconciliation, finding: dict[str, Any]) -> None:
    now = database_now()
    Attempt.objects.filter(pk=attempt.pk).transition(
        AttemptStatus.RECONCILED,
        reconciliation=found,
        reconciled_at=now,
        ended_at=now,
        summary=f"{found.label}, as its probe found: {finding['saw']}",
    )
    if found == Reconciliation.DONE:
        store_evidence(attempt, ok=True, facts=finding["facts"], at=now)
