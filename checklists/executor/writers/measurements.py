"""Writes the points of an attempt's curves to PostgreSQL, at most one a second, under the fence."""

from __future__ import annotations

import time
from math import isfinite
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from checklists.executor.fence import IS_OURS_AND_RUNNING, Fenced
from checklists.executor.timings import MEASUREMENT_INTERVAL, MEASUREMENTS_MAX
from checklists.executor.writers.announcer import Announcer
from integrations.redact import Redactor

APPEND = f"""
    WITH held AS (
        UPDATE checklists_attempt SET progress_at = clock_timestamp()
        WHERE {IS_OURS_AND_RUNNING} RETURNING id)
    INSERT INTO checklists_measurement (attempt_id, number, at, values)
    SELECT held.id, %(number)s, clock_timestamp() - make_interval(secs => %(ago)s), %(values)s FROM held
    ON CONFLICT (attempt_id, number) DO NOTHING
"""
IS_HELD = f"SELECT 1 FROM checklists_attempt WHERE {IS_OURS_AND_RUNNING}"


class MeasurementWriter:
    """Keeps one point until PostgreSQL holds it.

    Values that come within a second become one point: the last value of each name.
    """

    def __init__(self, attempt_id: UUID, fence: int, redactor: Redactor, announcer: Announcer) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self.number = 0
        self._waiting: dict[str, float] = {}
        self._added_at = self._flushed_at = 0.0

    def add(self, values: dict[str, float]) -> None:
        """Takes the finite values of a point."""
        finite = {self.redactor.mask_text(name): value for name, value in values.items() if isfinite(value)}
        if finite and self.number < MEASUREMENTS_MAX:
            self._waiting |= finite
            self._added_at = time.monotonic()

    def flush(self) -> None:
        """Writes the point when a second has passed since the one before. Raises `Fenced`."""
        if not self._waiting or time.monotonic() - self._flushed_at < MEASUREMENT_INTERVAL:
            return
        point: dict[str, Any] = {"number": self.number + 1, "values": Jsonb(self._waiting)}
        with connection.cursor() as cursor:
            cursor.execute(APPEND, {**self.keys, **point, "ago": time.monotonic() - self._added_at})
            if cursor.rowcount != 1:
                # Either we are fenced, or an earlier try was committed and its answer was lost.
                cursor.execute(IS_HELD, self.keys)
                if cursor.fetchone() is None:
                    raise Fenced
        self.number += 1
        self._waiting, self._flushed_at = {}, time.monotonic()
        self.announcer.announce("progress")
