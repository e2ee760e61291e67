"""Finds attempts whose lease ran out: no attempt stays RUNNING when its executor is gone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, connection, transaction

from checklists.announcements import announce_on_commit
from checklists.executor.fence import IS_LEASED
from checklists.executor.heartbeats import delete_old_heartbeats, record_heartbeat
from checklists.executor.locks import lock_cutover_for_share, retry_after_deadlock
from checklists.executor.outcome import UNKNOWN_SUMMARY
from checklists.executor.preflight_queue import end_lost_preflights
from checklists.executor.probe import IS_UNANSWERED
from checklists.executor.timings import TIMES
from checklists.models import Attempt, AuditEntry
from checklists.models.audit import database_now
from checklists.states import AttemptStatus

log = logging.getLogger(__name__)
DATABASE_IS_UP_LONG_ENOUGH = (
    "SELECT clock_timestamp() - pg_postmaster_start_time() >= make_interval(secs => %s)"
)
#: The lease may be missing: an executor that died between claim and first heartbeat must be found, too.
LEASE_RAN_OUT = f"{IS_LEASED} AND coalesce(lease_expires_at, claimed_at, queued_at) < clock_timestamp()"
FIND_LOST = f"SELECT id FROM checklists_attempt WHERE {LEASE_RAN_OUT} ORDER BY lease_expires_at LIMIT 500"
LOCK_LOST = f"""
    SELECT status FROM checklists_attempt WHERE id = %s AND {LEASE_RAN_OUT} FOR UPDATE SKIP LOCKED
"""
FIND_UNANSWERED = f"SELECT id::text FROM checklists_attempt WHERE {IS_UNANSWERED}"


class Reaper:
    """Any number may run at once; each round is harmless to repeat."""

    def __init__(self) -> None:
        self._last_clocks: tuple[datetime, float, float] | None = (
            None  # the database's, ours before and after
        )
        self._leases_untrusted_until = 0.0
        self._probe_asked_at: dict[str, float] = {}

    def run_once(self, wake_prober: Callable[[str], object]) -> int:
        """Records a heartbeat, releases lost attempts, asks for probes; gives how many were lost."""
        record_heartbeat("reaper")
        delete_old_heartbeats()
        lost = 0
        if self._can_trust_leases():
            with connection.cursor() as cursor:
                cursor.execute(FIND_LOST)
                expired = [row[0] for row in cursor.fetchall()]
            lost = sum(_release_or_skip(attempt_id) for attempt_id in expired)
            end_lost_preflights()
        self._ask_for_probes(wake_prober)
        return lost

    def _can_trust_leases(self) -> bool:
        """False right after PostgreSQL was away or its clock jumped.

        Nobody could renew while it was away, and after a jump every lease looks older than it is: without
        this, a restart of PostgreSQL would make every healthy attempt UNKNOWN.
        """
        with connection.cursor() as cursor:
            cursor.execute(DATABASE_IS_UP_LONG_ENOUGH, [TIMES.after_outage])
            up = bool(cursor.fetchone()[0])
        # The database read its clock somewhere between the two: an answer may take long, also one on its way.
        before, now, after = time.monotonic(), database_now(), time.monotonic()
        if self._last_clocks is not None:
            then, then_before, then_after = self._last_clocks
            passed = (now - then).total_seconds()
            shortest, longest = before - then_after, after - then_before
            if not shortest - TIMES.clock_jump <= passed <= longest + TIMES.clock_jump:
                log.warning("the database's clock jumped; leases are left alone until they are renewed")
                self._leases_untrusted_until = after + TIMES.lease
        self._last_clocks = (now, before, after)
        return up and after >= self._leases_untrusted_until

    def _ask_for_probes(self, wake_prober: Callable[[str], object]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(FIND_UNANSWERED, [TIMES.look_again])
            waiting = [row[0] for row in cursor.fetchall()]
        now = time.monotonic()
        self._probe_asked_at = {key: at for key, at in self._probe_asked_at.items() if key in waiting}
        for attempt_id in waiting:
            if now - self._probe_asked_at.get(attempt_id, -TIMES.look_again) >= TIMES.look_again:
                self._probe_asked_at[attempt_id] = now
                wake_prober(attempt_id)


def _release_or_skip(attempt_id: UUID) -> bool:
    """Releases it; one whose row cannot be locked now does not hold up the others and is tried again."""
    try:
        return release_lost_attempt(attempt_id)
    except OperationalError as error:
        log.warning("attempt %s: %s", attempt_id, str(error).partition("\n")[0])
        return False


@retry_after_deadlock
@transaction.atomic
def release_lost_attempt(attempt_id: UUID) -> bool:
    """Queues a lost attempt again when its effect had not begun; otherwise it becomes UNKNOWN.

    False when it is not lost: its executor renewed the lease after we had read the row.
    """
    attempt = Attempt.objects.select_related("cutover", "item").get(pk=attempt_id)
    lock_cutover_for_share(attempt.cutover_id)
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LOST, [attempt_id])
        row = cursor.fetchone()
    if row is None:
        return False
    attempt.refresh_from_db()
    began = row[0] == AttemptStatus.RUNNING
    reason = _loss_reason(attempt)
    _change_status(attempt, began, reason)
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


def _change_status(attempt: Attempt, began: bool, reason: str) -> None:
    rows = Attempt.objects.filter(pk=attempt.pk)
    if began:
        rows.transition(AttemptStatus.UNKNOWN, unknown_reason=reason, summary=UNKNOWN_SUMMARY)
    elif attempt.cancel_requested_at:
        # Not queued again: nobody wants it any more.
        summary = "Cancelled before it began."
        rows.transition(AttemptStatus.CANCELLED, ended_at=database_now(), summary=summary)
    else:
        # `woken_at` is cleared so that the dispatcher wakes a worker at once.
        rows.transition(
            AttemptStatus.QUEUED, owner={}, lease_expires_at=None, heartbeat_at=None, woken_at=None
        )


def _loss_reason(attempt: Attempt) -> str:
    owner, beat_at = attempt.owner, attempt.heartbeat_at
    who = f"process {owner.get('pid', '?')} on {owner.get('host', 'an unknown host')}"
    when = f"{beat_at:%H:%M:%S} UTC" if beat_at else "never"
    return f"Its executor ({who}) fell silent: its last heartbeat was at {when}, and its lease ran out."
