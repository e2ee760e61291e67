"""A guard's hold on its attempt: renewed by heartbeats, lost for good when the fence is stale."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from checklists.executor.times import TIMES

RENEW = """
    UPDATE checklists_attempt
    SET heartbeat_at = clock_timestamp(),
        lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
    WHERE id = %(id)s AND fence = %(fence)s AND status IN ('CLAIMED', 'RUNNING')
"""
ASK = """
    SELECT attempt.cancel_requested_at IS NOT NULL, coalesce(person.username, ''),
           clock_timestamp() > coalesce(effect_started_at, claimed_at) + deadline
    FROM checklists_attempt attempt LEFT JOIN auth_user person ON person.id = cancel_requested_by_id
    WHERE attempt.id = %(id)s AND fence = %(fence)s AND status IN ('CLAIMED', 'RUNNING')
"""


class Fenced(Exception):
    """The attempt is not ours any more: whatever we know or do, we write nothing."""


@dataclass(frozen=True)
class Wishes:
    """What the row asks of its executor."""

    cancelled: bool = False
    cancelled_by: str = ""
    overdue: bool = False


class Lease:
    """Renews and asks when it is time. ``renewed`` is our own clock at the last renewal that counted:
    it is taken *before* the statement is sent, so that it is never later than what the row says."""

    def __init__(self, attempt_id: UUID, fence: int) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence, "lease": TIMES.lease}
        self.renewed = self._tried = time.monotonic()
        self._asked = 0.0

    @property
    def age(self) -> float:
        """Seconds since the last renewal."""
        return time.monotonic() - self.renewed

    def tend(self) -> Wishes | None:
        """Does what is due; what the row asks, or None when it was not asked. Raises `Fenced`."""
        now = time.monotonic()
        if now - self._tried >= (TIMES.heartbeat if self.renewed == self._tried else TIMES.poll):
            self._renew(now)
        if now - self._asked < TIMES.poll:
            return None
        self._asked = now
        with connection.cursor() as cursor:
            cursor.execute(ASK, self.keys)
            row = cursor.fetchone()
        if row is None:
            raise Fenced
        return Wishes(*row)

    def _renew(self, now: float) -> None:
        self._tried = now
        with connection.cursor() as cursor:
            cursor.execute(RENEW, self.keys)
            if cursor.rowcount != 1:
                raise Fenced
        self.renewed = now
