"""Writes an attempt's log lines to PostgreSQL: masked, numbered without gaps, under the fence."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from itertools import accumulate
from typing import Any
from uuid import UUID

from django.db import connection

from checklists.executor.fence import IS_OURS, Fenced
from checklists.executor.timings import (
    LOG_BATCH,
    LOG_BATCH_CHARACTERS,
    LOG_FLUSH,
    LOG_FLUSH_SECONDS,
    LOG_MAX_LINES,
    LOG_MAX_UNWRITTEN,
    TIMES,
)
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
    FROM moved, jsonb_array_elements_text(%(texts)s::jsonb) WITH ORDINALITY AS line(text, place)
"""
CONTINUED = (
    "…+"  # for people, at the end of a piece of a long line; whether it goes on is told beside the text
)
READ_NEXT = f"SELECT log_next FROM checklists_attempt WHERE {IS_OURS}"


def next_batch(waiting: list[str]) -> list[str]:
    """The first lines, at least one: at most `LOG_BATCH`, and no more than one statement writes soon."""
    lines = waiting[:LOG_BATCH]
    return lines[: max(1, bisect_right(list(accumulate(map(len, lines))), LOG_BATCH_CHARACTERS))]


class LogWriter:
    """Keeps lines, already masked, until PostgreSQL holds them; only then they are announced."""

    def __init__(
        self, attempt_id: UUID, fence: int, first: int, redactor: Redactor, announcer: Announcer
    ) -> None:
        self.keys: dict[str, Any] = {"id": attempt_id, "fence": fence}
        self.redactor, self.announcer = redactor, announcer
        self.next, self.waiting = first, list[str]()
        self.spool = Spool(attempt_id, fence)
        self._saved = 0  # so many of those that wait are in the spool
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
                self._keep(shown, CONTINUED if more else "")
        elif number == LOG_MAX_LINES + 1:
            self._keep(f"Output truncated: more than {LOG_MAX_LINES:,} lines are not kept.")

    def end_lines(self) -> None:
        """Adds what is left of lines whose last piece never came, because the action was killed."""
        for line in self.redactor.end_lines():
            self._keep(line)

    def _keep(self, line: str, end: str = "") -> None:
        """In pieces that a page can show."""
        while len(line) > LINE:
            self.waiting.append(line[:LINE] + CONTINUED)
            line = line[LINE:]
        self.waiting.append(line + end)

    def save(self) -> None:
        """Keeps what was taken since the last time in a file: it survives the death of this process."""
        if len(self.waiting) > self._saved:
            self.spool.add(self.next + self._saved, self.waiting[self._saved :])
            self._saved = len(self.waiting)

    def flush(self, *, everything: bool = False) -> None:
        """Writes what is due, in whole batches, for a moment; or all lines. Raises `Fenced`."""
        self.save()
        now = time.monotonic()
        until = now + LOG_FLUSH_SECONDS  # a lease has to be renewed in between
        due = now - self._flushed_at >= TIMES.log or len(self.waiting) >= LOG_FLUSH
        while self.waiting and (due or everything):
            self._append(next_batch(self.waiting))
            self._flushed_at = time.monotonic()
            due = len(self.waiting) >= LOG_BATCH and self._flushed_at < until

    def _append(self, batch: list[str]) -> None:
        after = self.next + len(batch)
        with connection.cursor() as cursor:
            texts = json.dumps(batch)  # an array would be quoted element by element, in Python
            cursor.execute(APPEND, {**self.keys, "first": self.next, "after": after, "texts": texts})
            if cursor.rowcount != len(batch):
                # Either we are fenced, or an earlier try was committed and its answer was lost.
                cursor.execute(READ_NEXT, self.keys)
                if cursor.fetchone() != (after,):
                    raise Fenced
        self.next = after
        del self.waiting[: len(batch)]
        self._saved -= len(batch)
        if not self.waiting:
            self.spool.clear()
        self.announcer.announce("log")
