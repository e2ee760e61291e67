"""The one reader of a web process: reads new rows once and hands them to all open pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Iterator

import redis.asyncio
from django.conf import settings

from checklists.announcements import channel
from checklists.live.hub_reader import ReaderThread, read_lines_between, read_new_lines
from checklists.live.log_tail import BATCH, LogEvent, LogTail, RenderedLine
from checklists.live.viewer import Viewer
from checklists.live.viewer_access import find_lost_access
from checklists.revision import Revision, read_revisions

logger = logging.getLogger(__name__)

POLL_INTERVAL = 2.0  # seconds between two reads of PostgreSQL; an announcement in Redis makes it sooner
MIN_INTERVAL = 0.1  # seconds between two reads, however many announcements come
REST = 2.0  # … and at least so many times as long as handing the last read to all viewers took
WAKE_INTERVAL = 1.0  # seconds after which viewers wake up when nothing is new: ages, pings, access
ACCESS_CHECK_INTERVAL = 1.0  # seconds between two checks whether the viewers may still watch


class Hub:
    """The viewers of one event loop, and three tasks: listen to Redis, read PostgreSQL, wake viewers."""

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self._pages_of: Counter[int] = Counter()  # person (by id) → how many of the viewers
        self.revisions: dict[int, Revision] = {}
        self.tails: dict[uuid.UUID, LogTail] = {}
        self.read_at = 0.0  # time.monotonic() when the last successful read was sent
        self.unanswered_since: float | None = None  # … and since when the database has not answered
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._reader: ReaderThread | None = None  # while there are viewers, or pages that join
        self._joining = 0  # batches of pages that join, which read with the same connection
        self._reading_behind: dict[tuple[uuid.UUID, int], asyncio.Task[list[RenderedLine]]] = {}
        self._woken_at = 0.0
        self._access_checked_at = time.monotonic()

    def join(self, viewer: Viewer, *, after: int) -> None:
        """Adds a viewer who has the log up to line ``after``; the first viewer starts the tasks."""
        self.viewers.add(viewer)
        self._pages_of[viewer.access.person] += 1
        if viewer.attempt is not None:
            self.tails.setdefault(viewer.attempt, LogTail(after, viewer.timezone))
        if not self._tasks:
            self.read_at = 0.0  # what was read for earlier viewers may be minutes old
            self.unanswered_since = None
            reader = self._open_reader()
            work = (self._listen_to_redis(), self._read_when_due(reader), self._wake_by_the_clock())
            self._tasks = [asyncio.create_task(each) for each in work]
        self.announce()

    def count_of(self, person: int) -> int:
        """How many open pages this person has in this process."""
        return self._pages_of[person]

    def leave(self, viewer: Viewer) -> None:
        """Removes a viewer and what only they watched; the last viewer stops the tasks."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)
            self._pages_of[viewer.access.person] -= 1
            if not self._pages_of[viewer.access.person]:
                del self._pages_of[viewer.access.person]
        if not any(each.attempt == viewer.attempt for each in self.viewers):
            self.tails.pop(viewer.attempt, None)  # type: ignore[arg-type]  # None is no key
        if not any(each.cutover == viewer.cutover for each in self.viewers):
            self.revisions.pop(viewer.cutover, None)
        if not self.viewers:
            for task in self._tasks:
                task.cancel()
            self._tasks = []
            self._close_unused_reader()

    @contextlib.contextmanager
    def reading(self) -> Iterator[ReaderThread]:
        """The reader of the hub, for pages that join: one connection for all, the first viewer too."""
        self._joining += 1
        try:
            yield self._open_reader()
        finally:
            self._joining -= 1
            self._close_unused_reader()

    def _open_reader(self) -> ReaderThread:
        if self._reader is None:
            self._reader = ReaderThread()
        return self._reader

    def _close_unused_reader(self) -> None:
        if self._reader is not None and not self.viewers and not self._joining:
            self._reader.close()
            self._reader = None

    async def read_behind(self, attempt: uuid.UUID, after: int) -> LogEvent | None:
        """The next lines for a viewer who is further behind than the tail reaches.

        Hundreds of pages come back with the same last line after a restart: they share one read, and the
        tail keeps what fits.
        """
        tail, key = self.tails[attempt], (attempt, after)
        reading = self._reading_behind.get(key)
        if reading is None:
            upto = tail.begins_after
            reading = asyncio.create_task(read_lines_between(attempt, after, upto, tail.timezone))
            self._reading_behind[key] = reading
            reading.add_done_callback(lambda done: self._forget_reading(key, done))
        lines = await asyncio.shield(reading)  # others wait for it, too, when this page is closed
        tail.add_before(lines)
        return LogEvent.of(lines) if lines else None

    def _forget_reading(self, key: tuple[uuid.UUID, int], done: asyncio.Task[list[RenderedLine]]) -> None:
        del self._reading_behind[key]
        if not done.cancelled():
            done.exception()  # all who waited may be gone: asyncio would complain that nobody looked

    def announce(self) -> None:
        """Wakes the reader, because there may be something new."""
        self._news.set()

    async def _listen_to_redis(self) -> None:
        """Wakes the reader at each announcement. Without Redis the reader only comes later."""
        while True:
            try:
                async with _redis() as connection, connection.pubsub() as subscription:
                    await subscription.psubscribe(channel("*"))
                    self.announce()  # something may have been announced before we listened
                    async for message in subscription.listen():
                        if self._is_watched(message):
                            self.announce()
            except (redis.RedisError, OSError) as error:
                logger.warning(
                    "Redis does not announce (%s); pages read PostgreSQL every %s s.", error, POLL_INTERVAL
                )
                await asyncio.sleep(POLL_INTERVAL)

    def _is_watched(self, message: dict[str, object]) -> bool:
        sent = message.get("channel")
        name = sent.decode() if isinstance(sent, bytes) else str(sent)
        return any(name == channel(each.cutover) for each in self.viewers)

    async def _read_when_due(self, reader: ReaderThread) -> None:
        while True:
            await _wait_or_time_out(self._news, POLL_INTERVAL)
            # Cleared before the read: an announcement that comes during the read causes another one.
            self._news.clear()
            handing_out = 0.0
            try:
                handing_out = await self._read(reader)
            except Exception as error:  # the database is away; pages show how old they are
                logger.warning("The stream could not read the database: %s", error)
            await asyncio.sleep(max(MIN_INTERVAL, REST * handing_out))

    async def _read(self, reader: ReaderThread) -> float:
        """Reads everything that is watched once, and wakes the viewers; gives the seconds that these took."""
        asked_at = time.monotonic()
        self.unanswered_since = self.unanswered_since or asked_at
        cutovers = {v.cutover for v in self.viewers}
        tails = dict(self.tails)
        revisions, lines = await reader.run(lambda: (read_revisions(cutovers), read_new_lines(tails)))
        self.revisions.update(revisions)
        for attempt, new in lines.items():
            tails[attempt].add(new)
            if len(new) == BATCH:
                self.announce()  # there may be more
        if asked_at - self._access_checked_at >= ACCESS_CHECK_INTERVAL:
            await self._check_access(reader, asked_at)
        self.read_at, self.unanswered_since = asked_at, None
        began = self._wake_viewers()
        await asyncio.sleep(0)  # the loop runs every viewer that was woken before it comes back here
        return time.monotonic() - began

    async def _wake_by_the_clock(self) -> None:
        """Also while a read hangs: pages then say that the database does not answer."""
        while True:
            await asyncio.sleep(WAKE_INTERVAL)
            if time.monotonic() - self._woken_at >= WAKE_INTERVAL:
                self._wake_viewers()

    def _wake_viewers(self) -> float:
        self._woken_at = time.monotonic()
        for viewer in self.viewers:
            viewer.wake()
        return self._woken_at

    async def _check_access(self, reader: ReaderThread, now: float) -> None:
        """Ends the streams of people who signed out, were deactivated or left the cutover."""
        viewers = list(self.viewers)
        lost = await reader.run(lambda: find_lost_access([each.access for each in viewers]))
        for viewer, reason in zip(viewers, lost, strict=True):
            viewer.access_lost = reason
        self._access_checked_at = now


async def _wait_or_time_out(event: asyncio.Event, seconds: float) -> None:
    """Waits for the event, at most ``seconds``.

    Not with `asyncio.wait_for`: in Python 3.11 it swallows a cancellation that comes in the same turn of
    the loop as the event. The cancelled task would go on reading for ever.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop; a web process has one loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def _redis() -> redis.asyncio.Redis:
    # redis-py's default socket_timeout of 5 s would end every quiet subscription
    return redis.asyncio.from_url(settings.REDIS_URL, socket_timeout=None, socket_connect_timeout=3)
