"""Writes the outcome of an attempt: status, evidence and audit entry in one transaction, under the fence."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from checklists.executor.fence import Fenced
from checklists.executor.locks import lock_item_for_share, retry_after_deadlock
from checklists.executor.outcome import UNKNOWN_SUMMARY, AttemptOutcome
from checklists.executor.writers.evidence import store_evidence
from checklists.models import Attempt, AuditEntry
from checklists.models.audit import database_now
from checklists.record.attempts import evidence_as_recorded
from checklists.states import AttemptStatus
from integrations.actions import Effect
from integrations.errors import Problem

#: Statuses in which the action itself gave the verdict, so that the facts it reported count.
VERDICTS = frozenset({AttemptStatus.SUCCEEDED, AttemptStatus.FAILED})


@retry_after_deadlock
def finish_attempt(
    attempt: Attempt, outcome: AttemptOutcome, *, facts: dict[str, Any], finding: dict[str, Any] | None = None
) -> None:
    """Commits the outcome. Raises `Fenced` when the attempt is no longer ours.

    Evidence that the panel cannot read makes it ERRORED instead, or UNKNOWN when it may run at most once:
    the action did its work, and nobody may be invited to repeat it.
    """
    try:
        _write_outcome(attempt, outcome, facts, finding)
    except Problem as problem:
        _write_outcome(attempt, _without_evidence(attempt, outcome, problem), {}, finding)


def _without_evidence(attempt: Attempt, outcome: AttemptOutcome, problem: Problem) -> AttemptOutcome:
    if attempt.effect == Effect.AT_MOST_ONCE:
        said = f"It ended with “{outcome.summary}”, but: {problem}"
        return AttemptOutcome(AttemptStatus.UNKNOWN, UNKNOWN_SUMMARY, unknown_reason=said)
    return AttemptOutcome(AttemptStatus.ERRORED, problem.what, problem=problem.as_facts())


@transaction.atomic
def _write_outcome(
    attempt: Attempt, outcome: AttemptOutcome, facts: dict[str, Any], finding: dict[str, Any] | None
) -> None:
    lock_item_for_share(attempt.cutover_id, attempt.item_id)
    now = database_now()
    unknown = outcome.status == AttemptStatus.UNKNOWN
    ours = Attempt.objects.filter(pk=attempt.pk, fence=attempt.fence).leased()
    written = ours.transition(
        outcome.status,
        ended_at=None if unknown else now,
        summary=outcome.summary,
        problem=outcome.problem,
        unknown_reason=outcome.unknown_reason,
        **({"finding": finding} if finding else {}),
    )
    if not written:
        raise Fenced
    if outcome.status in VERDICTS:
        store_evidence(attempt, ok=outcome.status == AttemptStatus.SUCCEEDED, facts=facts, at=now)
    AuditEntry.objects.append(
        attempt.cutover,
        "attempt.lost" if unknown else "attempt.ended",
        by=None,
        item=attempt.item.key,
        title=attempt.item.title,
        attempt=attempt.pk,
        number=attempt.number,
        status=outcome.status,
        summary=outcome.unknown_reason or outcome.summary,
        **evidence_as_recorded(attempt),
    )
