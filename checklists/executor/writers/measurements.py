"""Ships the points of an attempt's curves to PostgreSQL, at most one a second, under the fence."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from checklists.executor.announcer import Announcer
from checklists.executor.lease import Fenced
from checklists.executor.times import MEASURED_APART, MEASURED_MOST
from integrations.redact import Redactor

APPEND = """
    WITH held AS (
        UPDATE checklists_attempt SET progress_at = clock_timestamp()
        WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING' RETURNING id)
    INSERT INTO checklists_measurement (attempt_id, number, at, values)
    SELECT held.id, %(number)s, clock_timestamp() - make_interval(secs => %(ago)s), %(values)s FROM held
    ON CONFLICT (attempt_id, number) DO NOTHING
"""
HELD = """
    SELECT 1 FROM checklists_attempt WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING'
"""


class Measuring:
    """Points wait here until PostgreSQL holds them. What comes within a second is one point: the last
    value of each name."""

    def __init__(self, attempt_id: UUID, fence: int, redactor: Redactor, announcer: Announcer) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self.number = 0
        self._waiting: dict[str, float] = {}
        self._heard = self._shipped = 0.0

    def add(self, values: dict[str, float]) -> None:
        """Takes a point; one that has no finite value is none."""
        finite = {self.redactor.text(n): v for n, v in values.items() if v == v and abs(v) != float("inf")}
        if finite and self.number < MEASURED_MOST:
            self._waiting |= finite
            self._heard = time.monotonic()

    def ship(self) -> None:
        """Writes what waits when a second has gone since the last point. Raises `Fenced`."""
        if not self._waiting or time.monotonic() - self._shipped < MEASURED_APART:
            return
        point: dict[str, Any] = {"number": self.number + 1, "values": Jsonb(self._waiting)}
        with connection.cursor() as cursor:
            cursor.execute(APPEND, {**self.keys, **point, "ago": time.monotonic() - self._heard})
            if cursor.rowcount != 1:  # a point that an unheard answer wrote before, or the fence is gone
                cursor.execute(HELD, self.keys)
                if cursor.fetchone() is None:
                    raise Fenced
        self.number += 1
        self._waiting, self._shipped = {}, time.monotonic()
        self.announcer.say("progress")
