"""Looks at what an UNKNOWN attempt did, and settles it where a machine may."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from checklists.announcements import announce_on_commit
from checklists.executor import acting
from checklists.executor.child import answer
from checklists.executor.job import Job
from checklists.executor.locks import again_after_deadlock, share_item
from checklists.executor.projection import keep_evidence
from checklists.executor.proof import proof_of_death
from checklists.executor.times import TIMES
from checklists.models import Attempt, AuditEntry
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, Reconciliation
from integrations.actions.base import Effect
from integrations.errors import Problem
from integrations.redact import Redactor

FOUND = """
    UPDATE checklists_attempt SET finding = %(finding)s
    WHERE id = %(id)s AND fence = %(fence)s AND status = 'UNKNOWN'
"""


def look(attempt_id: str) -> dict[str, Any] | None:
    """Proves the old executor dead, asks the action's probe, keeps the finding; None when nothing is unknown.

    The finding is ``{"seen", "saw", "facts", "at", "dead"}``; ``seen`` is empty when the probe could
    not look, ``dead`` when there is no proof of death. Changes nothing but the panel's own rows.
    """
    try:
        key = UUID(str(attempt_id))
    except ValueError:
        return None
    rows = Attempt.objects.select_related("cutover", "item").filter(pk=key, status=AttemptStatus.UNKNOWN)
    attempt = rows.first()
    if attempt is None:
        return None
    dead = proof_of_death(attempt) or attempt.finding.get("dead", "")
    finding = {**_ask(attempt), "dead": dead}
    _keep(attempt, finding)
    return finding


def _ask(attempt: Attempt) -> dict[str, Any]:
    nothing = {"seen": "", "facts": {}}
    redactor = Redactor()
    try:
        job = Job.of(attempt)
        redactor.add(*job.secrets())
    except Problem as problem:
        return {**nothing, "saw": f"The probe could not look: {problem}"}
    messages, _ = answer(partial(acting.look, job, attempt.before), TIMES.probe)
    found = [message["finding"] for message in messages if "finding" in message]
    if not found:
        return {**nothing, "saw": f"The probe gave no answer within {TIMES.probe:g} s, or its process died."}
    return dict(redactor.value(found[-1]))


@again_after_deadlock
@transaction.atomic
def _keep(attempt: Attempt, finding: dict[str, Any]) -> None:
    share_item(attempt.cutover_id, attempt.item_id)
    now = database_now()
    finding["at"] = now.isoformat()
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"id": attempt.pk, "fence": attempt.fence, "finding": Jsonb(finding)}
        cursor.execute(FOUND, values)
        if cursor.rowcount != 1:
            return  # settled by somebody meanwhile
    item = attempt.item
    about = {"item": item.key, "title": item.title, "attempt": attempt.pk, "number": attempt.number}
    settled = _may_be_settled_by_a_machine(attempt, finding)
    if settled:
        _settle(attempt, Reconciliation(finding["seen"]), finding)
    announce_on_commit(attempt.cutover_id)
    kind = "attempt.reconciled" if settled else "attempt.probed"
    AuditEntry.objects.append(attempt.cutover, kind, by=None, **about, note=finding["saw"], finding=finding)


def _may_be_settled_by_a_machine(attempt: Attempt, finding: dict[str, Any]) -> bool:
    """Only what is certain, and harmless: what merely looks, and what may be repeated in a rehearsal."""
    harmless = attempt.effect == Effect.PURE or (
        attempt.effect == Effect.IDEMPOTENT and attempt.cutover.is_rehearsal
    )
    return harmless and bool(finding["dead"]) and finding["seen"] in Reconciliation.values


def _settle(attempt: Attempt, found: Reconciliation, finding: dict[str, Any]) -> None:
    now = database_now()
    Attempt.objects.filter(pk=attempt.pk).move(
        AttemptStatus.RECONCILED,
        reconciliation=found,
        reconciled_at=now,
        ended_at=now,
        summary=f"{found.label}, as its probe found: {finding['saw']}",
    )
    if found == Reconciliation.DONE:
        keep_evidence(attempt, ok=True, facts=finding["facts"], at=now)
