"""What the hub reads from PostgreSQL, in a thread with a connection of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections
from django.template.loader import render_to_string

from checklists.live.log_tail import BATCH, LogTail, RenderedLine
from checklists.models import LogLine, ShownLine

T = TypeVar("T")


class ReaderThread:
    """One thread and one connection for all reads of a hub, while it has viewers.

    Opening a connection costs more than what is read: with a password over TCP about ten milliseconds of
    processor time, ten times a second. Where the process has a pool, this is one of its connections all the
    time: live pages do not wait behind people who tick.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="hub")

    async def run(self, work: Callable[[], T]) -> T:
        """Runs database work; after an error the next one has a new connection."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, work)

    def close(self) -> None:
        """Closes the connection once nothing runs any more, and ends the thread; waits for neither."""
        self._pool.submit(connections.close_all)
        self._pool.shutdown(wait=False)

    @staticmethod
    def _run(work: Callable[[], T]) -> T:
        try:
            return work()
        except BaseException:
            connections.close_all()
            raise


async def run_in_thread(work: Callable[[], T]) -> T:
    """Runs database work in a thread and closes its connections before it returns.

    A stream must not hold a database connection: with a pool of ten, ten open pages would block all others.
    """

    def run() -> T:
        close_old_connections()
        try:
            return work()
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False)()


async def read_lines_between(attempt: uuid.UUID, after: int, upto: int, timezone: str) -> list[RenderedLine]:
    """The next lines of a log from the database, for viewers who are further behind than the tail reaches."""
    return await run_in_thread(lambda: read_lines(attempt, after, timezone, upto=upto))


def read_new_lines(tails: dict[uuid.UUID, LogTail]) -> dict[uuid.UUID, list[RenderedLine]]:
    """For each attempt the lines that come after its tail, at most `BATCH`."""
    return {attempt: read_lines(attempt, tail.last, tail.timezone) for attempt, tail in tails.items()}


def read_lines(
    attempt: uuid.UUID, after: int, timezone: str, *, upto: int | None = None
) -> list[RenderedLine]:
    """The lines of an attempt that come after this number, at most `BATCH`; none after ``upto``."""
    lines = LogLine.objects.filter(attempt=attempt, number__gt=after).order_by("number")
    if upto is not None:
        lines = lines.filter(number__lte=upto)
    return [RenderedLine(line.number, render_line(line, timezone)) for line in ShownLine.read(lines, BATCH)]


def render_line(line: ShownLine, timezone: str) -> str:
    """The HTML of a log line, without line breaks: they would end an event."""
    html = render_to_string("_log_line.html", {"line": line, "visit": {"cutover": {"timezone": timezone}}})
    return " ".join(html.split("\n"))
