"""Ships an attempt's log lines and progress to PostgreSQL: masked, numbered, gapless, under the fence."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import connection

from checklists.executor.announcer import Announcer
from checklists.executor.lease import Fenced
from checklists.executor.times import LOG_BATCH, LOG_BEHIND, LOG_CAP, LOG_WAITING, TIMES
from integrations.redact import Redactor

APPEND = """
    WITH moved AS (
        UPDATE checklists_attempt SET log_next = %(after)s
        WHERE id = %(id)s AND fence = %(fence)s AND status IN ('CLAIMED', 'RUNNING') AND log_next = %(first)s
        RETURNING id)
    INSERT INTO checklists_logline (attempt_id, number, at, text)
    SELECT moved.id, %(first)s + line.place - 1, clock_timestamp(), line.text
    FROM moved, unnest(%(texts)s::text[]) WITH ORDINALITY AS line(text, place)
"""
NEXT = """
    SELECT log_next FROM checklists_attempt
    WHERE id = %(id)s AND fence = %(fence)s AND status IN ('CLAIMED', 'RUNNING')
"""
PROGRESS = """
    UPDATE checklists_attempt
    SET progress_done = %(done)s, progress_total = %(total)s, progress_what = %(what)s,
        progress_at = clock_timestamp()
    WHERE id = %(id)s AND fence = %(fence)s AND status = 'RUNNING'
"""


class Log:
    """Lines wait here, already masked, until PostgreSQL holds them; only then are they announced."""

    def __init__(
        self, attempt_id: UUID, fence: int, first: int, redactor: Redactor, announcer: Announcer
    ) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self.next, self.waiting = first, list[str]()
        self._shipped = time.monotonic()

    @property
    def is_behind(self) -> bool:
        """Is so much unwritten that the action should wait?"""
        return len(self.waiting) > LOG_BEHIND

    def add(self, line: str) -> None:
        """Takes the next line; beyond the cap one last line says so."""
        number = self.next + len(self.waiting)
        if number <= LOG_CAP:
            self.waiting.append(self.redactor.line(line))
        elif number == LOG_CAP + 1:
            self.waiting.append(f"Output truncated: more than {LOG_CAP:,} lines are not kept.")

    def ship(self, *, everything: bool = False) -> None:
        """Writes one batch when it is time, or all of them. Raises `Fenced`."""
        due = time.monotonic() - self._shipped >= TIMES.log or len(self.waiting) >= LOG_WAITING
        while self.waiting and (due or everything):
            self._append(self.waiting[:LOG_BATCH])
            due = False
            self._shipped = time.monotonic()

    def _append(self, batch: list[str]) -> None:
        after = self.next + len(batch)
        with connection.cursor() as cursor:
            cursor.execute(APPEND, {**self.keys, "first": self.next, "after": after, "texts": batch})
            if cursor.rowcount != len(batch):
                # The answer to an earlier try may have been lost after its commit.
                cursor.execute(NEXT, self.keys)
                if cursor.fetchone() != (after,):
                    raise Fenced
        self.next = after
        del self.waiting[: len(batch)]
        self.announcer.say("log")


class Progress:
    """The latest progress, written at most twice a second."""

    def __init__(self, attempt_id: UUID, fence: int, redactor: Redactor, announcer: Announcer) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self._latest: dict[str, Any] | None = None
        self._shipped = 0.0

    def set(self, done: float, total: float, what: str) -> None:
        """Takes the newest state; an older one that was not written yet is forgotten."""
        self._latest = {"done": done, "total": total, "what": self.redactor.text(what)[:300]}

    def ship(self, *, everything: bool = False) -> None:
        """Writes it when it is time."""
        if self._latest is None or (time.monotonic() - self._shipped < TIMES.progress and not everything):
            return
        with connection.cursor() as cursor:
            cursor.execute(PROGRESS, {**self.keys, **self._latest})
        self._latest, self._shipped = None, time.monotonic()
        self.announcer.say("progress")
