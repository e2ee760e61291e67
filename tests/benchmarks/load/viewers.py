"""Many viewers of one log, on one event loop: each reads its stream, and connects again when it ends."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

EVENT_ID = re.compile(rb"(?:^|\n)id: (\S+)")
LINE = re.compile(rb'<li id="line-(\d+)".*?\[(\d+\.\d+)\] copied')
RETRY = (0.2, 0.7)  # seconds, as the server tells browsers (`stream.RETRY`)


@dataclass
class Watch:
    """What the viewers saw. Delays are seconds from handing a line to the database to its arrival."""

    delays: list[tuple[float, float]] = field(default_factory=list)  # (arrived, delay) of each line
    joins: list[tuple[float, float]] = field(default_factory=list)  # (answered, seconds after the request)
    refused: int = 0
    repeated: int = 0
    gaps: int = 0

    def between(self, begin: float, end: float) -> list[float]:
        """The delays of lines that arrived in that time."""
        return [delay for arrived, delay in self.delays if begin <= arrived < end]


@dataclass
class LogViewer:
    """One open page. ``last``: the last line that it has; ``cursor``: the last event's id."""

    host: str
    port: int
    path: str
    cookie: str
    watch: Watch
    last: int = 0
    newest: float = 0.0  # when the last line was written
    cursor: str = ""
    joined: bool = False

    async def keep_watching(self) -> None:
        """Reads, and connects again after each end of the stream, until it is cancelled."""
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, EOFError):
                await self._watch_once()
            self.joined = False
            await asyncio.sleep(random.uniform(*RETRY))  # as the server spreads browsers

    async def _watch_once(self) -> None:
        asked = time.monotonic()
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=2**22)
        try:
            resumed = f"Last-Event-ID: {self.cursor}\r\n" if self.cursor else ""
            # HTTP/1.0: the body comes as it is, without chunks
            writer.write(
                f"GET {self.path} HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                f"Cookie: {self.cookie}\r\n{resumed}\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                self.watch.refused += 1
                return
            now = time.monotonic()
            self.watch.joins.append((now, now - asked))
            self.joined, rest = True, b""
            while data := await reader.read(2**18):
                whole, mark, rest = (rest + data).rpartition(b"\n\n")
                if mark:
                    self._take(whole, time.monotonic())
        finally:
            writer.close()

    def _take(self, events: bytes, now: float) -> None:
        for number, sent in LINE.findall(events):
            expected, number = self.last + 1, int(number)
            if number < expected:
                self.watch.repeated += 1
                continue
            self.watch.gaps += number - expected
            self.last, self.newest = number, float(sent)
            self.watch.delays.append((now, now - float(sent)))
        if ids := EVENT_ID.findall(events):
            self.cursor = ids[-1].decode()


@dataclass
class Viewers:
    """All viewers, started and stopped together."""

    viewers: Sequence[LogViewer]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """All at the same moment."""
        self.tasks = [asyncio.create_task(each.keep_watching()) for each in self.viewers]

    async def stop(self) -> None:
        """Closes every page."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def count(self, condition: Callable[[LogViewer], bool]) -> int:
        """How many are so."""
        return sum(condition(each) for each in self.viewers)

    async def until(self, condition: Callable[[LogViewer], bool], seconds: float = 120) -> float:
        """Waits until all are so; gives the time of then."""
        async with asyncio.timeout(seconds):
            while self.count(condition) < len(self.viewers):
                await asyncio.sleep(0.01)
        return time.monotonic()


def percentile(values: Sequence[float], part: float) -> float:
    """The value below which that part of them lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
