"""Lets the effect of an attempt begin, or refuses. Nothing outside the panel changes before this commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from checklists.board import Board, ItemView
from checklists.executor.fence import IS_OURS_AND_RUNNING, Fenced, held_in
from checklists.executor.locks import lock_cutover_for_share, retry_after_deadlock
from checklists.executor.timings import TIMES
from checklists.models import Attempt, AuditEntry, GatePass
from checklists.states import AttemptStatus

BEGIN = f"""
    UPDATE checklists_attempt
    SET status = %(running)s, effect_started_at = clock_timestamp(), before = %(before)s, owner = %(owner)s
    WHERE {held_in([AttemptStatus.CLAIMED])}
      AND lease_expires_at > clock_timestamp() AND cancel_requested_at IS NULL
"""
MAY_START = f"""
    SELECT 1 FROM checklists_attempt
    WHERE {IS_OURS_AND_RUNNING} AND cancel_requested_at IS NULL
      AND epoch = (SELECT epoch FROM checklists_cutover cutover WHERE cutover.id = cutover_id)
"""
REAPER_IS_ALIVE = """
    SELECT EXISTS (SELECT 1 FROM checklists_servicebeat WHERE name = 'reaper'
                   AND at > clock_timestamp() - make_interval(secs => %s))
"""


@dataclass(frozen=True)
class EffectRefusal:
    """Why the effect may not begin, in a sentence. ``temporary`` when trying again soon may help."""

    reason: str
    temporary: bool = False


@retry_after_deadlock
def begin_effect(attempt: Attempt, *, before: dict[str, Any], owner: dict[str, Any]) -> EffectRefusal | None:
    """None when the beginning of the effect is committed; otherwise a refusal, and nothing was changed.

    Ordering a rollback locks the cutover's row exclusively and we lock it for share: either the rollback
    sees this attempt running, or we see the rollback's epoch.

    Raises `Fenced` when the attempt is no longer ours. After any other exception nobody knows whether
    the commit happened, so the caller must not act.
    """
    with transaction.atomic():
        lock_cutover_for_share(attempt.cutover_id)
        fresh = Attempt.objects.select_related("cutover__runbook").get(pk=attempt.pk)
        if fresh.fence != attempt.fence or fresh.status != AttemptStatus.CLAIMED:
            raise Fenced
        # Read under the lock: the page that started this attempt may be minutes old.
        board = Board.load(fresh.cutover)
        view = next(v for v in board.items.values() if v.item.pk == attempt.item_id)
        refusal = _find_refusal(fresh, view)
        if refusal is None and not _mark_running(attempt, before, owner):
            refusal = EffectRefusal("It was cancelled, or its lease ran out, just when it was to begin.")
        if refusal is None:
            _append_entry(attempt, board, view)
        return refusal


@contextmanager
def hold_off_rollback(attempt: Attempt) -> Iterator[bool]:
    """True when the attempt may start something now; an order of rollback waits until the block is left.

    Between the commit of `begin_effect` and the start of the action, or of one of its programs, a rollback
    may have been ordered: whoever ordered it was told that nothing starts any more.
    """
    with transaction.atomic():
        lock_cutover_for_share(attempt.cutover_id)
        with connection.cursor() as cursor:
            cursor.execute(MAY_START, {"id": attempt.pk, "fence": attempt.fence})
            permitted = cursor.fetchone() is not None
        yield permitted


def _find_refusal(attempt: Attempt, view: ItemView) -> EffectRefusal | None:
    cutover = attempt.cutover
    if attempt.epoch != cutover.epoch:
        return EffectRefusal("A rollback was ordered after this was started, so it did not begin.")
    if attempt.direction != cutover.direction:
        direction = cutover.get_direction_display().lower()
        return EffectRefusal(f"The cutover goes {direction}, so it did not begin.")
    if view.blockers:
        return EffectRefusal(f"It did not begin: {view.blockers[0].what}")
    if attempt.cancel_requested_at is None and not _reaper_is_alive():
        return EffectRefusal(
            "It did not begin: no reaper is running, so nobody would notice if its worker were lost. "
            "Start the reaper (manage.py reaper), then start this again.",
            temporary=True,
        )
    return None


def _reaper_is_alive() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(REAPER_IS_ALIVE, [TIMES.reaper_fresh])
        row = cursor.fetchone()
    return bool(row and row[0])


def _mark_running(attempt: Attempt, before: dict[str, Any], owner: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"before": Jsonb(before), "owner": Jsonb(owner)}
        keys: dict[str, Any] = {"id": attempt.pk, "fence": attempt.fence, "running": AttemptStatus.RUNNING}
        cursor.execute(BEGIN, {**keys, **values})
        return bool(cursor.rowcount == 1)


def _append_entry(attempt: Attempt, board: Board, view: ItemView) -> None:
    gates = [gate.pk for gate in board.passes_behind(view)]
    GatePass.objects.filter(pk__in=gates, used_at=None).update(used_at=board.now)
    AuditEntry.objects.append(
        board.cutover,
        "attempt.began",
        by=None,
        item=view.item.key,
        title=view.item.title,
        attempt=attempt.pk,
        number=attempt.number,
        fence=attempt.fence,
        gates=gates,
    )
