"""A guard's hold on its attempt: renewed by heartbeats, lost for good when the fence is stale."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from checklists.executor.fence import IS_OURS, Fenced
from checklists.executor.timings import TIMES

MAX_LATENCY = 1.0  # seconds; a slower answer does not tell the database's time well enough
#: The lease counts from when the guard sent the statement. A database that stands still executes it much
#: later, perhaps for a guard that was killed meanwhile, and would give a dead guard a whole new lease.
RENEW = f"""
    UPDATE checklists_attempt
    SET heartbeat_at = least(clock_timestamp(), %(sent)s::timestamptz),
        lease_expires_at =
            least(clock_timestamp(), %(sent)s::timestamptz) + make_interval(secs => %(lease)s)
    WHERE {IS_OURS}
    RETURNING clock_timestamp()
"""
READ_STOP_REQUEST = f"""
    SELECT cancel_requested_at IS NOT NULL,
           coalesce((SELECT username FROM auth_user person WHERE person.id = cancel_requested_by_id), ''),
           clock_timestamp() > coalesce(effect_started_at, claimed_at) + deadline
    FROM checklists_attempt WHERE {IS_OURS}
"""


@dataclass(frozen=True)
class StopRequest:
    """What the attempt's row says about stopping: cancelled by a person, or past its deadline."""

    cancelled: bool = False
    cancelled_by: str = ""
    overdue: bool = False


class Lease:
    """Renews the lease of one attempt and reads its stop request, each when it is due."""

    def __init__(self, attempt_id: UUID, fence: int) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence, "lease": TIMES.lease}
        #: Our monotonic clock at the last renewal that succeeded. It is read before the statement is
        #: sent, so we always believe that the lease ends earlier than the row says.
        self.renewed_at = self._tried_at = time.monotonic()
        self._polled_at = 0.0
        self._clocks: tuple[datetime, float] | None = None  # the database's clock and ours, at one moment

    @property
    def age(self) -> float:
        """Seconds since the last renewal."""
        return time.monotonic() - self.renewed_at

    def renew_and_poll(self) -> StopRequest | None:
        """Renews the lease and reads the stop request, where due; None when it was not read.

        Raises `Fenced`.
        """
        now = time.monotonic()
        # After a renewal that failed we do not wait for the next heartbeat: the lease is running out.
        due_after = TIMES.heartbeat if self.renewed_at == self._tried_at else TIMES.poll
        if now - self._tried_at >= due_after:
            self._renew(now)
        if now - self._polled_at < TIMES.poll:
            return None
        self._polled_at = now
        with connection.cursor() as cursor:
            cursor.execute(READ_STOP_REQUEST, self.keys)
            row = cursor.fetchone()
        if row is None:
            raise Fenced
        return StopRequest(*row)

    def poll_at_once(self) -> None:
        """Has the stop request read by the next call, however short ago the last one was."""
        self._polled_at = 0.0

    def _renew(self, now: float) -> None:
        """Renews it; ``now`` is our monotonic clock just before the statement is sent."""
        self._tried_at = now
        with connection.cursor() as cursor:
            cursor.execute(RENEW, {**self.keys, "sent": self._database_time(now)})
            row = cursor.fetchone()
        if row is None:
            raise Fenced
        self.renewed_at = now
        answered = time.monotonic()
        if answered - now < MAX_LATENCY or self._clocks is None:
            self._clocks = (row[0], answered)

    def _database_time(self, now: float) -> datetime | None:
        """What the database's clock says at that moment of ours; None before it was first asked."""
        if self._clocks is None:
            return None
        theirs, ours = self._clocks
        return theirs + timedelta(seconds=now - ours)
