"""Writes an ending: status, evidence and record in one transaction, under the fence."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from checklists.executor.ending import Ending
from checklists.executor.lease import Fenced
from checklists.executor.locks import again_after_deadlock, share_item
from checklists.executor.projection import keep_evidence
from checklists.models import Attempt, AuditEntry
from checklists.models.audit import database_now
from checklists.states import AttemptStatus
from integrations.errors import Problem

#: Those in which the action has said its word, so that its facts count.
SPOKEN = frozenset({AttemptStatus.SUCCEEDED, AttemptStatus.FAILED})


@again_after_deadlock
def conclude(
    attempt: Attempt, ending: Ending, *, facts: dict[str, Any], finding: dict[str, Any] | None = None
) -> None:
    """Makes the ending true, or raises `Fenced` when the attempt is somebody else's by now.

    Evidence that cannot be read makes it an error in words instead.
    """
    try:
        _conclude(attempt, ending, facts, finding)
    except Problem as problem:
        unreadable = Ending(AttemptStatus.ERRORED, problem.what, problem=problem.as_facts())
        _conclude(attempt, unreadable, {}, finding)


@transaction.atomic
def _conclude(
    attempt: Attempt, ending: Ending, facts: dict[str, Any], finding: dict[str, Any] | None
) -> None:
    share_item(attempt.cutover_id, attempt.item_id)
    now = database_now()
    unknown = ending.status == AttemptStatus.UNKNOWN
    ours = Attempt.objects.filter(pk=attempt.pk, fence=attempt.fence).leased()
    moved = ours.move(
        ending.status,
        ended_at=None if unknown else now,
        summary=ending.summary,
        problem=ending.problem,
        unknown_reason=ending.unknown_reason,
        **({"finding": finding} if finding else {}),
    )
    if not moved:
        raise Fenced
    if ending.status in SPOKEN:
        keep_evidence(attempt, ok=ending.status == AttemptStatus.SUCCEEDED, facts=facts, at=now)
    AuditEntry.objects.append(
        attempt.cutover,
        "attempt.lost" if unknown else "attempt.ended",
        by=None,
        item=attempt.item.key,
        title=attempt.item.title,
        attempt=attempt.pk,
        number=attempt.number,
        status=ending.status,
        summary=ending.unknown_reason or ending.summary,
    )
