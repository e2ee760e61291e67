"""Writes an attempt's log lines to PostgreSQL: masked, numbered without gaps, under the fence."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import connection

from checklists.executor.fence import IS_OURS, Fenced
from checklists.executor.timings import LOG_BATCH, LOG_FLUSH, LOG_MAX_LINES, LOG_MAX_UNWRITTEN, TIMES
from checklists.executor.writers.announcer import Announcer
from checklists.executor.writers.spool import Spool
from integrations.program_output import LINE
from integrations.redact import Redactor

#: Writes only when the first line has the number that comes next, so that no line is lost, doubled or moved.
APPEND = f"""
    WITH moved AS (
        UPDATE checklists_attempt SET log_next = %(after)s
        WHERE {IS_OURS} AND log_next = %(first)s
        RETURNING id)
    INSERT INTO checklists_logline (attempt_id, number, at, text)
    SELECT moved.id, %(first)s + line.place - 1, clock_timestamp(), line.text
    FROM moved, unnest(%(texts)s::text[]) WITH ORDINALITY AS line(text, place)
"""
CONTINUED = (
    "…+"  # for people, at the end of a piece of a long line; whether it goes on is told beside the text
)
READ_NEXT = f"SELECT log_next FROM checklists_attempt WHERE {IS_OURS}"


def wrap(line: str) -> list[str]:
    """The line in pieces that a page can show."""
    return [line[at : at + LINE] for at in range(0, max(1, len(line)), LINE)]


class LogWriter:
    """Keeps lines, already masked, until PostgreSQL holds them; only then they are announced."""

    def __init__(
        self, attempt_id: UUID, fence: int, first: int, redactor: Redactor, announcer: Announcer
    ) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self.next, self.waiting = first, list[str]()
        self.spool = Spool(attempt_id, fence)
        self._flushed_at = time.monotonic()

    @property
    def is_behind(self) -> bool:
        """Are so many lines unwritten that the action should wait?"""
        return len(self.waiting) > LOG_MAX_UNWRITTEN

    def add(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Takes the next line of a stream, or with ``more`` a piece of a long one.

        Beyond the limit one last line says that the rest is not kept.
        """
        number = self.next + len(self.waiting)
        if number <= LOG_MAX_LINES:
            shown = self.redactor.mask_piece(line, stream=stream, more=more)
            if shown or not more:
                *pieces, last = wrap(shown)
                self._keep([*(piece + CONTINUED for piece in pieces), last + CONTINUED if more else last])
        elif number == LOG_MAX_LINES + 1:
            self._keep([f"Output truncated: more than {LOG_MAX_LINES:,} lines are not kept."])

    def end_lines(self) -> None:
        """Adds what is left of lines whose last piece never came, because the action was killed."""
        for line in self.redactor.end_lines():
            *pieces, last = wrap(line)
            self._keep([*(piece + CONTINUED for piece in pieces), last])

    def _keep(self, texts: list[str]) -> None:
        """In a file first: whatever was taken from the action's pipe survives the death of this process."""
        self.spool.add(self.next + len(self.waiting), texts)
        self.waiting += texts

    def flush(self, *, everything: bool = False) -> None:
        """Writes one batch when it is due, or all lines. Raises `Fenced`."""
        due = time.monotonic() - self._flushed_at >= TIMES.log or len(self.waiting) >= LOG_FLUSH
        while self.waiting and (due or everything):
            self._append(self.waiting[:LOG_BATCH])
            due = False
            self._flushed_at = time.monotonic()

    def _append(self, batch: list[str]) -> None:
        after = self.next + len(batch)
        with connection.cursor() as cursor:
            cursor.execute(APPEND, {**self.keys, "first": self.next, "after": after, "texts": batch})
            if cursor.rowcount != len(batch):
                # Either we are fenced, or an earlier try was committed and its answer was lost.
                cursor.execute(READ_NEXT, self.keys)
                if cursor.fetchone() != (after,):
                    raise Fenced
        self.next = after
        del self.waiting[: len(batch)]
        if not self.waiting:
            self.spool.clear()
        self.announcer.announce("log")
