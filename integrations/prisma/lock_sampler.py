"""Measures on the copy of a rehearsal how long the Prisma CLI holds each lock, by looking again and again."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import TypedDict

import psycopg

from integrations.clients import postgres
from integrations.errors import Problem
from integrations.prisma.alignment_rehearsal import BLOCKING_LOCKS

HELD = """
SELECT DISTINCT c.relname, l.mode FROM pg_locks l JOIN pg_stat_activity a USING (pid)
JOIN pg_class c ON c.oid = l.relation
WHERE a.application_name = %s AND a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND l.granted AND c.relkind IN ('r', 'p') AND c.relnamespace <> 'pg_catalog'::regnamespace
    AND l.mode = ANY (%s)
"""


class SampledLock(TypedDict):
    """A lock that was seen: ``ms`` from the first look with it to the last, ``resolution_ms``: by so many
    milliseconds it can have been held longer. A lock that was held for less may be missing."""

    table: str
    mode: str
    ms: int
    resolution_ms: int


class LockSampler:
    """Looks at the blocking locks of all sessions with an application name each time it is polled."""

    def __init__(self, url: str, application: str) -> None:
        self.url, self.application = url, application
        self._seen: dict[tuple[str, str], tuple[float, float]] = {}
        self._gap, self._latest = 0.0, 0.0
        self._stack = ExitStack()
        self._connection: postgres.Connection | None = None

    def poll(self) -> None:
        """Looks once; what the look itself meets is not raised."""
        with suppress(psycopg.Error, Problem):
            if self._connection is None:
                self._connection = self._stack.enter_context(postgres.connect(self.url, readonly=True))
            rows = self._connection.execute(HELD, [self.application, list(BLOCKING_LOCKS)]).fetchall()
            now = time.monotonic()
            self._gap = max(self._gap, now - self._latest) if self._latest else self._gap
            self._latest = now
            for table, mode in rows:
                first, _ = self._seen.get((table, mode), (now, now))
                self._seen[table, mode] = (first, now)

    def close(self) -> None:
        """Ends the session that looks."""
        self._stack.close()

    def list_locks(self) -> list[SampledLock]:
        """Returns what was seen, the longest first."""
        resolution = round(2000 * self._gap)  # before the first look with it, and after the last
        found: list[SampledLock] = [
            {"table": table, "mode": mode, "ms": round(1000 * (last - first)), "resolution_ms": resolution}
            for (table, mode), (first, last) in self._seen.items()
        ]
        return sorted(found, key=lambda lock: (-lock["ms"], lock["table"], lock["mode"]))
