"""Wakes workers again for attempts that are still queued: a message may be lost, a row is not."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from checklists.executor.fence import status_in
from checklists.executor.heartbeats import record_heartbeat
from checklists.executor.timings import TIMES
from checklists.states import AttemptStatus

TAKE_DUE = f"""
    UPDATE checklists_attempt SET woken_at = clock_timestamp()
    WHERE id IN (SELECT id FROM checklists_attempt
                 WHERE {status_in([AttemptStatus.QUEUED])}
                   AND coalesce(woken_at, queued_at) < clock_timestamp() - make_interval(secs => %s)
                 ORDER BY queued_at FOR UPDATE SKIP LOCKED LIMIT 500)
    RETURNING id::text
"""


def wake_queued_attempts(wake: Callable[[str], object]) -> int:
    """Publishes a message for each queued attempt that was not woken lately; gives their number.

    Any number of dispatchers may run at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_DUE, [TIMES.wake_again])
        due = [row[0] for row in cursor.fetchall()]
    for attempt_id in due:
        wake(attempt_id)
    record_heartbeat("dispatcher")
    return len(due)
