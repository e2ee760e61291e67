"""Wakes workers again for what is still queued: messages may be lost, rows are not."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from checklists.executor.beats import beat
from checklists.executor.times import TIMES

FORGOTTEN = """
    UPDATE checklists_attempt SET woken_at = clock_timestamp()
    WHERE id IN (SELECT id FROM checklists_attempt
                 WHERE status = 'QUEUED'
                   AND coalesce(woken_at, queued_at) < clock_timestamp() - make_interval(secs => %s)
                 ORDER BY queued_at FOR UPDATE SKIP LOCKED LIMIT 500)
    RETURNING id::text
"""


def scan(wake: Callable[[str], object]) -> int:
    """Publishes again for each queued attempt that was not woken lately; any number may scan at once."""
    with connection.cursor() as cursor:
        cursor.execute(FORGOTTEN, [TIMES.wake_again])
        found = [row[0] for row in cursor.fetchall()]
    for attempt_id in found:
        wake(attempt_id)
    beat("dispatcher")
    return len(found)
