"""The one listener of a web process: reads what is new once, for all who watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TypeVar

import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections, connections
from django.http import HttpRequest
from django.template.loader import render_to_string

from checklists.models import Cutover, LogLine
from checklists.revision import Revision, revisions_of

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Seconds: PostgreSQL is asked this often while somebody watches (Redis only makes it sooner),
POLL = 2.0
#: never more often than this,
PAUSE = 0.25
#: and everybody's permission this often.
CHECK = 10.0
#: Lines that are read at once, and kept for those who are a little behind.
BATCH, KEPT = 500, 2000


@dataclass(frozen=True)
class Line:
    """One log line, rendered once for everybody."""

    number: int
    html: str


@dataclass(eq=False)
class Viewer:
    """One open page: a cutover (by id), perhaps an attempt's log, and the session that it is allowed by."""

    cutover: int
    timezone: str
    attempt: uuid.UUID | None
    session: str
    lost: str = ""  # why the stream has to end
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Something may be new."""
        self._news.set()

    async def wait(self, pause: float) -> None:
        """Until something may be new, at least ``pause`` and at most a second."""
        await asyncio.sleep(pause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), 1.0)
        self._news.clear()


@dataclass
class Tail:
    """The last lines of one attempt's log; bounded, however many watch and however slowly."""

    last: int
    timezone: str
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, lines: list[Line]) -> None:
        """Appends what was read after ``last``."""
        self.lines.extend(lines)
        self.last = lines[-1].number if lines else self.last

    def after(self, number: int) -> list[Line] | None:
        """The next lines after that number; None when they are no longer (or not yet) here."""
        if number >= self.last:
            return []
        if not self.lines or self.lines[0].number > number + 1:
            return None
        return [line for line in self.lines if line.number > number][:BATCH]


class Hub:
    """Viewers, what they look at, and two tasks: one listens to Redis, one reads PostgreSQL."""

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self.revisions: dict[int, Revision] = {}
        self.tails: dict[uuid.UUID, Tail] = {}
        self.read_at = 0.0  # time.monotonic() of the last answer of the database
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._checked = time.monotonic()

    def join(self, viewer: Viewer, *, after: int) -> None:
        """A viewer comes; the first one starts the tasks."""
        self.viewers.add(viewer)
        if viewer.attempt is not None:
            self.tails.setdefault(viewer.attempt, Tail(after, viewer.timezone))
        if not self._tasks:
            self.read_at = 0.0  # what was read for earlier viewers is old by now
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._read_on())]
        self._news.set()

    def leave(self, viewer: Viewer) -> None:
        """A viewer goes; the last one stops the tasks, and what nobody watches is forgotten."""
        self.viewers.discard(viewer)
        watched = {v.attempt for v in self.viewers}
        self.tails = {attempt: tail for attempt, tail in self.tails.items() if attempt in watched}
        cutovers = {v.cutover for v in self.viewers}
        self.revisions = {pk: r for pk, r in self.revisions.items() if pk in cutovers}
        if not self.viewers:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    def lines(self, attempt: uuid.UUID, *, after: int) -> list[Line] | None:
        """The next lines after that number, or None for “ask the database”."""
        return self.tails[attempt].after(after)

    async def _listen(self) -> None:
        """Wakes the reader when somebody announces something; without Redis it only comes later."""
        while True:
            try:
                async with _redis() as connection, connection.pubsub() as subscription:
                    await subscription.psubscribe("cutover:*")
                    self._news.set()  # what was announced before we listened
                    async for message in subscription.listen():
                        if self._is_watched(message):
                            self._news.set()
            except (redis.RedisError, OSError) as error:
                logger.warning("Redis does not announce (%s); pages ask PostgreSQL every %s s.", error, POLL)
                await asyncio.sleep(POLL)

    def _is_watched(self, message: dict[str, object]) -> bool:
        channel = message.get("channel")
        name = channel.decode() if isinstance(channel, bytes) else str(channel)
        return name.removeprefix("cutover:") in {str(v.cutover) for v in self.viewers}

    async def _read_on(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), POLL)
            self._news.clear()
            try:
                await self._read()
            except Exception as error:  # the database is away: pages say how old they are
                logger.warning("The stream could not read the database: %s", error)
            await asyncio.sleep(PAUSE)

    async def _read(self) -> None:
        """One look at everything that is watched; wakes those for whom there is something."""
        asked_at = time.monotonic()
        cutovers = {v.cutover for v in self.viewers}
        tails = dict(self.tails)
        revisions, lines = await in_thread(lambda: (revisions_of(cutovers), _new_lines(tails)))
        self.revisions.update(revisions)
        for attempt, new in lines.items():
            tails[attempt].add(new)
            if len(new) == BATCH:
                self._news.set()
        if asked_at - self._checked >= CHECK:
            await self._check(asked_at)
        self.read_at = asked_at
        for viewer in self.viewers:
            viewer.wake()

    async def _check(self, now: float) -> None:
        """Ends the streams of those who signed out, were locked out or lost their part."""
        viewers = list(self.viewers)
        for viewer, lost in zip(viewers, await in_thread(lambda: _losses(viewers)), strict=True):
            viewer.lost = lost
        self._checked = now


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def hub_of_this_loop() -> Hub:
    """The hub of this web process (one event loop, one hub)."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def in_thread(work: Callable[[], T]) -> T:
    """Runs database work in a thread and gives its connection back before it returns."""

    def run() -> T:
        close_old_connections()
        try:
            return work()
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False)()


async def lines_after(attempt: uuid.UUID, number: int, timezone: str) -> list[Line]:
    """The next lines of a log, for a viewer who is further behind than the hub remembers."""
    return await in_thread(lambda: _lines(attempt, number, timezone))


def _redis() -> redis.asyncio.Redis:
    # socket_timeout: redis-py's default of 5 s would end every quiet subscription
    return redis.asyncio.from_url(settings.REDIS_URL, socket_timeout=None, socket_connect_timeout=3)


def _new_lines(tails: dict[uuid.UUID, Tail]) -> dict[uuid.UUID, list[Line]]:
    return {attempt: _lines(attempt, tail.last, tail.timezone) for attempt, tail in tails.items()}


def _lines(attempt: uuid.UUID, after: int, timezone: str) -> list[Line]:
    rows = LogLine.objects.filter(attempt=attempt, number__gt=after).order_by("number")[:BATCH]
    return [Line(row.number, render_line(row, timezone)) for row in rows]


def render_line(line: LogLine, timezone: str) -> str:
    """A log line as `_log_line.html` has it, on one line of text."""
    html = render_to_string("_log_line.html", {"line": line, "visit": {"cutover": {"timezone": timezone}}})
    return " ".join(html.split("\n"))


def _losses(viewers: list[Viewer]) -> list[str]:
    """For each viewer why they may no longer watch, or nothing."""
    engine = import_module(settings.SESSION_ENGINE)
    people = {}
    for session in {v.session for v in viewers}:
        request = HttpRequest()
        request.session = engine.SessionStore(session)
        people[session] = get_user(request)
    return [_loss(people[v.session], v.cutover) for v in viewers]


def _loss(person: object, cutover: int) -> str:
    if not getattr(person, "is_authenticated", False):
        return "You were signed out."
    if not Cutover.objects.visible_to(person).filter(pk=cutover).exists():  # type: ignore[arg-type]
        return "You no longer have a part in this cutover."
    return ""
