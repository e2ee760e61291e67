"""Queues the preflights of the schedule, wakes workers for queued ones, and ends those that are lost."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction

from checklists.announcements import announce_on_commit
from checklists.executor.fence import status_in
from checklists.executor.locks import lock_cutover_for_share, retry_after_deadlock
from checklists.executor.timings import TIMES
from checklists.models import AuditEntry, PreflightRun
from checklists.models.audit import database_now
from checklists.states import PreflightStatus

TAKE_DUE = f"""
    UPDATE checklists_preflightrun SET woken_at = clock_timestamp()
    WHERE id IN (SELECT id FROM checklists_preflightrun
                 WHERE {status_in([PreflightStatus.QUEUED])}
                   AND coalesce(woken_at, requested_at) < clock_timestamp() - make_interval(secs => %s)
                 ORDER BY requested_at FOR UPDATE SKIP LOCKED LIMIT 100)
    RETURNING id::text
"""
# One dispatcher at a time decides; another one goes on at once, because this one does the same.
LOCK_SCHEDULE = "SELECT pg_try_advisory_xact_lock(hashtext('cutover:preflight:schedule'))"
#: A run that somebody else asked for counts, too: the systems were asked then. The first use of a pass is the
#: begin of a cutover without a window: from then on the cutover itself changes what the checks see.
IS_CONFIRMED = """
    EXISTS (SELECT 1 FROM checklists_changerequest r JOIN checklists_runbook b ON b.id = c.runbook_id
            WHERE r.kind IN ('runbook', 'amendment') AND r.decision = 'CONFIRMED'
              AND r.payload ->> 'after' = b.sha256)
"""
QUEUE_DUE = f"""
    INSERT INTO checklists_preflightrun
        (id, cutover_id, status, source, requested_at, fence, owner, checks_done, checks_total, note, digest)
    SELECT gen_random_uuid(), c.id, '{PreflightStatus.QUEUED}', 'SCHEDULE', clock_timestamp(), 0,
           '{{}}', 0, 0, '', ''
    FROM checklists_cutover c
    WHERE c.status = 'OPEN' AND c.direction = 'FORWARD'
      AND (c.window_start IS NULL OR c.window_start > clock_timestamp())
      AND (c.kind = 'REHEARSAL' OR {IS_CONFIRMED})
      AND NOT EXISTS (SELECT 1 FROM checklists_gatepass pass
                      JOIN checklists_item gate ON gate.id = pass.gate_id
                      WHERE gate.cutover_id = c.id AND pass.used_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM checklists_preflightrun run WHERE run.cutover_id = c.id
                      AND run.requested_at > clock_timestamp() - make_interval(secs => %s))
    ON CONFLICT DO NOTHING
    RETURNING id::text
"""
FIND_LOST = f"""
    SELECT id FROM checklists_preflightrun
    WHERE {status_in([PreflightStatus.RUNNING])}
      AND coalesce(lease_expires_at, started_at) < clock_timestamp() LIMIT 100
"""
LOST = (
    "Its worker fell silent, so nothing is known of what it had found. Nothing was changed by it. "
    "Look at the worker, then run it again."
)


def queue_scheduled_preflights() -> list[str]:
    """Queues a run for each open cutover whose last one is older than the setting; gives their ids.

    Only before the window opens, and before the pass of a gate was used. With
    ``CUTOVER_PREFLIGHT_MINUTES=0`` it queues none.
    """
    if not settings.CUTOVER_PREFLIGHT_MINUTES:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK_SCHEDULE)
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(QUEUE_DUE, [settings.CUTOVER_PREFLIGHT_MINUTES * 60])
        return [row[0] for row in cursor.fetchall()]


def wake_queued_preflights(wake: Callable[[str], object]) -> int:
    """Publishes a message for each new run of the schedule, and again for runs that nobody has taken."""
    due = queue_scheduled_preflights()
    with connection.cursor() as cursor:
        cursor.execute(TAKE_DUE, [TIMES.wake_again])
        due += [row[0] for row in cursor.fetchall()]
    for run_id in due:
        wake(run_id)
    return len(due)


def end_lost_preflights() -> int:
    """Ends runs whose lease ran out; gives how many. They have no results, so they are never green."""
    with connection.cursor() as cursor:
        cursor.execute(FIND_LOST)
        found = [row[0] for row in cursor.fetchall()]
    return sum(_end_or_skip(run_id) for run_id in found)


def _end_or_skip(run_id: UUID) -> bool:
    try:
        return _end_lost(run_id)
    except OperationalError:
        return False  # tried again in the next round


@retry_after_deadlock
@transaction.atomic
def _end_lost(run_id: UUID) -> bool:
    run = PreflightRun.objects.select_related("cutover").get(pk=run_id)
    lock_cutover_for_share(run.cutover_id)
    now = database_now()
    lost = PreflightRun.objects.filter(
        pk=run_id, status=PreflightStatus.RUNNING, fence=run.fence, lease_expires_at__lt=now
    )
    if not lost.update(status=PreflightStatus.LOST, ended_at=now, note=LOST):
        return False  # its lease was renewed after we had read the row
    announce_on_commit(run.cutover_id)
    AuditEntry.objects.append(run.cutover, "preflight.lost", by=None, run=run.pk, reason=LOST)
    return True
