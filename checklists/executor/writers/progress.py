"""Writes an attempt's latest progress to PostgreSQL, at most twice a second, under the fence."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import connection

from checklists.executor.fence import IS_OURS_AND_RUNNING
from checklists.executor.timings import TIMES
from checklists.executor.writers.announcer import Announcer
from integrations.redact import Redactor

WRITE = f"""
    UPDATE checklists_attempt
    SET progress_done = %(done)s, progress_total = %(total)s, progress_what = %(what)s,
        progress_at = clock_timestamp()
    WHERE {IS_OURS_AND_RUNNING}
"""


class ProgressWriter:
    """Keeps the newest progress until it is written. A fence is noticed by the log and the lease."""

    def __init__(self, attempt_id: UUID, fence: int, redactor: Redactor, announcer: Announcer) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self._latest: dict[str, Any] | None = None
        self._flushed_at = 0.0

    def set(self, done: float, total: float, what: str) -> None:
        """Takes the newest progress; an older one that was not written yet is dropped."""
        self._latest = {"done": done, "total": total, "what": self.redactor.mask_text(what)[:300]}

    def flush(self, *, everything: bool = False) -> None:
        """Writes the newest progress when it is due, or at once."""
        due = everything or time.monotonic() - self._flushed_at >= TIMES.progress
        if self._latest is None or not due:
            return
        with connection.cursor() as cursor:
            cursor.execute(WRITE, {**self.keys, **self._latest})
        self._latest, self._flushed_at = None, time.monotonic()
        self.announcer.announce("progress")
