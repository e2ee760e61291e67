"""Finds attempts whose executor was lost: nothing stays RUNNING that nobody runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, connection, transaction

from checklists.announcements import announce_on_commit
from checklists.executor.beats import beat, forget_old_beats
from checklists.executor.locks import again_after_deadlock, share_cutover
from checklists.executor.times import TIMES
from checklists.models import Attempt, AuditEntry
from checklists.models.audit import database_now
from checklists.states import AttemptStatus

log = logging.getLogger(__name__)
UP_LONG_ENOUGH = "SELECT clock_timestamp() - pg_postmaster_start_time() >= make_interval(secs => %s)"
EXPIRED = """
    SELECT id FROM checklists_attempt
    WHERE status IN ('CLAIMED', 'RUNNING')
      AND coalesce(lease_expires_at, claimed_at, queued_at) < clock_timestamp()
    ORDER BY lease_expires_at LIMIT 500
"""
LOST = """
    SELECT status FROM checklists_attempt
    WHERE id = %s AND status IN ('CLAIMED', 'RUNNING')
      AND coalesce(lease_expires_at, claimed_at, queued_at) < clock_timestamp()
    FOR UPDATE SKIP LOCKED
"""
UNANSWERED = """
    SELECT id::text FROM checklists_attempt
    WHERE status = 'UNKNOWN'
      AND (finding = '{}' OR (
        (coalesce(finding->>'dead', '') = '' OR coalesce(finding->>'seen', '') IN ('', 'STILL_RUNNING'))
        AND (finding->>'at')::timestamptz < clock_timestamp() - make_interval(secs => %s)))
"""


class Reaper:
    """Any number may run at once; each round is harmless to repeat."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None
        self._calm_until = 0.0
        self._asked: dict[str, float] = {}

    def round(self, wake_probe: Callable[[str], object]) -> int:
        """Says it is there, lets go of what was lost, has the unknown looked at; how many were lost."""
        beat("reaper")
        forget_old_beats()
        lost = 0
        if self._may_judge():
            with connection.cursor() as cursor:
                cursor.execute(EXPIRED)
                expired = [row[0] for row in cursor.fetchall()]
            lost = sum(_tried(attempt_id) for attempt_id in expired)
        self._ask_probes(wake_probe)
        return lost

    def _may_judge(self) -> bool:
        """Not right after PostgreSQL was away or its clock jumped: leases then look older than they are."""
        with connection.cursor() as cursor:
            cursor.execute(UP_LONG_ENOUGH, [TIMES.after_outage])
            up = bool(cursor.fetchone()[0])
        now, ours = database_now(), time.monotonic()
        if self._last is not None:
            jumped = abs((now - self._last[0]).total_seconds() - (ours - self._last[1])) > TIMES.clock_jump
            if jumped:
                log.warning("the database's clock jumped; leases are left alone until they are renewed")
                self._calm_until = ours + TIMES.lease
        self._last = (now, ours)
        return up and ours >= self._calm_until

    def _ask_probes(self, wake_probe: Callable[[str], object]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(UNANSWERED, [TIMES.look_again])
            waiting = [row[0] for row in cursor.fetchall()]
        now = time.monotonic()
        self._asked = {key: at for key, at in self._asked.items() if key in waiting}
        for attempt_id in waiting:
            if now - self._asked.get(attempt_id, -TIMES.look_again) >= TIMES.look_again:
                self._asked[attempt_id] = now
                wake_probe(attempt_id)


def _tried(attempt_id: UUID) -> bool:
    """One that cannot be had at this moment does not keep us from the others; its turn comes again."""
    try:
        return let_go(attempt_id)
    except OperationalError as error:
        log.warning("attempt %s: %s", attempt_id, str(error).partition("\n")[0])
        return False


@again_after_deadlock
@transaction.atomic
def let_go(attempt_id: UUID) -> bool:
    """A lost attempt: queued again when its effect had not begun, else UNKNOWN. False when it is not lost."""
    attempt = Attempt.objects.select_related("cutover", "item").get(pk=attempt_id)
    share_cutover(attempt.cutover_id)
    with connection.cursor() as cursor:
        cursor.execute(LOST, [attempt_id])
        row = cursor.fetchone()
    if row is None:
        return False
    attempt.refresh_from_db()
    began = row[0] == AttemptStatus.RUNNING
    reason = _reason(attempt)
    rows = Attempt.objects.filter(pk=attempt.pk)
    if began:
        rows.move(
            AttemptStatus.UNKNOWN,
            unknown_reason=reason,
            summary="We do not know what it did. Look at it, then decide.",
        )
    elif attempt.cancel_requested_at:
        rows.move(AttemptStatus.CANCELLED, ended_at=database_now(), summary="Cancelled before it began.")
    else:
        rows.move(AttemptStatus.QUEUED, owner={}, lease_expires_at=None, heartbeat_at=None, woken_at=None)
    announce_on_commit(attempt.cutover_id)
    AuditEntry.objects.append(
        attempt.cutover,
        "attempt.lost" if began else "attempt.requeued",
        by=None,
        item=attempt.item.key,
        title=attempt.item.title,
        attempt=attempt.pk,
        number=attempt.number,
        reason=reason,
    )
    return True


def _reason(attempt: Attempt) -> str:
    owner, beat_at = attempt.owner, attempt.heartbeat_at
    who = f"process {owner.get('pid', '?')} on {owner.get('host', 'an unknown host')}"
    when = f"{beat_at:%H:%M:%S} UTC" if beat_at else "never"
    return f"Its executor ({who}) fell silent: its last heartbeat was at {when}, and its lease ran out."
