"""The only door to the outside world: an effect begins when this has committed, or it does not begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from checklists.executor.lease import Fenced
from checklists.executor.locks import again_after_deadlock, share_cutover
from checklists.executor.times import TIMES
from checklists.gates import Board, ItemView
from checklists.models import Attempt, AuditEntry, GatePass
from checklists.states import AttemptStatus

BEGIN = """
    UPDATE checklists_attempt
    SET status = 'RUNNING', effect_started_at = clock_timestamp(), before = %(before)s, owner = %(owner)s
    WHERE id = %(id)s AND fence = %(fence)s AND status = 'CLAIMED'
      AND lease_expires_at > clock_timestamp() AND cancel_requested_at IS NULL
"""
REAPER_SEEN = """
    SELECT EXISTS (SELECT 1 FROM checklists_servicebeat WHERE name = 'reaper'
                   AND at > clock_timestamp() - make_interval(secs => %s))
"""


@dataclass(frozen=True)
class Refusal:
    """Why the effect may not begin; ``for_now`` when waiting a little may help."""

    why: str
    for_now: bool = False


@again_after_deadlock
def begin_effect(attempt: Attempt, *, before: dict[str, Any], owner: dict[str, Any]) -> Refusal | None:
    """None when it is committed that the effect begins now; else nothing was changed.

    Ordering a rollback locks the cutover's row exclusively, we share it: either the rollback sees
    us running, or we see its epoch. Raises `Fenced` when the attempt is not ours any more. Any
    other exception means that nobody knows whether it is committed: then the caller must not act.
    """
    with transaction.atomic():
        share_cutover(attempt.cutover_id)
        now = Attempt.objects.select_related("cutover__runbook").get(pk=attempt.pk)
        if now.fence != attempt.fence or now.status != AttemptStatus.CLAIMED:
            raise Fenced
        board = Board.of(now.cutover)
        view = next(v for v in board.items.values() if v.item.pk == attempt.item_id)
        refusal = _refusal(now, board, view)
        if refusal is None and not _begun(attempt, before, owner):
            refusal = Refusal("It was cancelled, or its lease ran out, just when it was to begin.")
        if refusal is None:
            _record(attempt, board, view)
        return refusal


def _refusal(attempt: Attempt, board: Board, view: ItemView) -> Refusal | None:
    cutover = attempt.cutover
    if attempt.epoch != cutover.epoch:
        return Refusal("A rollback was ordered after this was started, so it did not begin.")
    if attempt.direction != cutover.direction:
        return Refusal(f"The cutover goes {cutover.get_direction_display().lower()}, so it did not begin.")
    if view.blockers:
        return Refusal(f"It did not begin: {view.blockers[0].what}")
    if attempt.cancel_requested_at is None and not _reaper_is_there():
        return Refusal(
            "It did not begin: no reaper is running, so nobody would notice if its worker were lost. "
            "Start the reaper (manage.py reaper), then start this again.",
            for_now=True,
        )
    return None


def _reaper_is_there() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(REAPER_SEEN, [TIMES.reaper_fresh])
        row = cursor.fetchone()
    return bool(row and row[0])


def _begun(attempt: Attempt, before: dict[str, Any], owner: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"before": Jsonb(before), "owner": Jsonb(owner)}
        cursor.execute(BEGIN, {"id": attempt.pk, "fence": attempt.fence, **values})
        return bool(cursor.rowcount == 1)


def _record(attempt: Attempt, board: Board, view: ItemView) -> None:
    relied_on = [gate.pk for gate in board.passes_behind(view)]
    GatePass.objects.filter(pk__in=relied_on, used_at=None).update(used_at=board.now)
    AuditEntry.objects.append(
        board.cutover,
        "attempt.began",
        by=None,
        item=view.item.key,
        title=view.item.title,
        attempt=attempt.pk,
        number=attempt.number,
        fence=attempt.fence,
        gates=relied_on,
    )
