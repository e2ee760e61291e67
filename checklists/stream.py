"""Live events to browsers: many viewers of one reader, and no database connection held by a stream."""

from __future__ import annotations

import json
import random
import time
import uuid
import zoneinfo
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.hub import Hub, get_hub
from checklists.live.admission import Refusal, StreamRequest, find_viewers
from checklists.live.log_tail import LogEvent
from checklists.live.server_sent_events import format_event
from checklists.live.viewer import Viewer
from checklists.revision import Revision

LIFETIME = 600.0  # seconds; then the stream ends, and the browser connects again by itself
PING_INTERVAL = 15.0  # seconds between comments that keep proxies from closing a quiet stream
ALIVE_INTERVAL = 5.0  # seconds; pages show “updated N s ago” from these events
#: Milliseconds after which a browser comes back: hundreds take half a second of the processor together.
RETRY = (200, 700)
SILENCE = 5.0  # seconds without an answer of the database, after which pages say so
CHANGED_INTERVAL = 0.5  # seconds between two events of the kind, however much happens
PROGRESS_INTERVAL = 1.0
VIEWERS_MAX = 500  # of one process; the next viewer is told to come back later
VIEWERS_OF_PERSON_MAX = 8  # of these; one person with many pages must not keep others from theirs
FULL = Refusal(503, "Too many pages are open; this one tries again.", retry_after=10)
TOO_MANY = Refusal(429, "You have too many live pages open, and this one is not live. Close others.", 10)


@dataclass(frozen=True)
class Cursor:
    """What a viewer has already: the revision of the page, and the number of the last log line."""

    revision: Revision
    line: int = 0

    def __str__(self) -> str:
        return f"{self.revision}~{self.line}"

    @classmethod
    def parse(cls, request: HttpRequest) -> Cursor:
        """Reads it from the Last-Event-ID of a stream that broke off, otherwise from the address."""
        revision, _, line = request.headers.get("Last-Event-ID", "").partition("~")
        revision = revision or request.GET.get("since", "")
        line = line or request.GET.get("after", "")
        return cls(Revision.parse(revision), int(line) if line.isdecimal() and len(line) < 16 else 0)


@require_GET
async def stream(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The stream of a page of this cutover; with ``?log=`` also the log of that attempt."""
    (found,) = await sync_to_async(find_viewers)([StreamRequest(request, slug)])
    if isinstance(found, Refusal):
        return found.as_response()
    hub = get_hub()
    if refusal := refuse_too_many(hub, found):
        return refusal.as_response()
    return answer_with(events(hub, found, Cursor.parse(request)))


def refuse_too_many(hub: Hub, viewer: Viewer) -> Refusal | None:
    """Why this viewer cannot be one more, if so."""
    if len(hub.viewers) >= VIEWERS_MAX:
        return FULL
    return TOO_MANY if hub.count_of(viewer.access.person) >= VIEWERS_OF_PERSON_MAX else None


def answer_with(body: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """The answer that is a stream, with what keeps proxies from holding it back."""
    response = StreamingHttpResponse(body, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-cache, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def no_events() -> AsyncGenerator[bytes]:
    """A body for an answer whose events are sent in another way."""
    for piece in list[bytes]():
        yield piece


async def events(hub: Hub, viewer: Viewer, cursor: Cursor) -> AsyncIterator[bytes]:
    """The stream of a viewer who joins here and leaves with its end."""
    # Otherwise this request holds a connection until the stream ends. Closed here and not by the view: after
    # the view, middleware may save the session, which opens one again.
    await sync_to_async(connections.close_all)()
    # Counted once more: many requests at the same moment passed the first count together.
    if hub.count_of(viewer.access.person) >= VIEWERS_OF_PERSON_MAX:
        yield format_event("bye", TOO_MANY.text, str(cursor)).encode()
        return
    # Joined here and not by the caller: `finally` below does not run for a generator that never began.
    hub.join(viewer, after=cursor.line)
    try:
        async with aclosing(events_of_member(hub, viewer, cursor)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        hub.leave(viewer)


async def events_of_member(hub: Hub, viewer: Viewer, cursor: Cursor) -> AsyncGenerator[bytes]:
    """Everything that this viewer of the hub does not have yet; ends with the lifetime or the access."""
    schedule = _EventSchedule(viewer, cursor)
    yield f"retry: {random.randint(*RETRY)}\n\n".encode()  # noqa: S311  # spreads the reconnects
    while not schedule.is_over and not viewer.access_lost:
        due = "".join(schedule.take_due(hub)).encode()
        # All that is due in one piece: each piece is a system call, for each of hundreds of viewers.
        async for lines in schedule.take_lines(hub):
            yield due + lines
            due = b""
        if due:
            yield due
        await viewer.wait()
    if viewer.access_lost:
        yield format_event("bye", viewer.access_lost, str(schedule.cursor)).encode()


class _EventSchedule:
    """What one viewer was sent last, and when; decides what is sent next."""

    def __init__(self, viewer: Viewer, cursor: Cursor) -> None:
        now = time.monotonic()
        self.viewer, self.cursor = viewer, cursor
        self.started_at, self.pinged_at = now, now
        self.sent_at = {"changed": 0.0, "progress": 0.0, "alive": 0.0, "away": 0.0}

    @property
    def is_over(self) -> bool:
        """Has the stream lived long enough? The browser connects again, and its access is checked again."""
        return time.monotonic() - self.started_at > LIFETIME

    def take_due(self, hub: Hub) -> list[str]:
        """The events that are due now, however much happened: at most two changes a second."""
        texts = []
        revision = hub.revisions.get(self.viewer.cutover)
        if revision is not None and revision != self.cursor.revision:
            texts += self._take_change(revision)
        if hub.read_at > self.sent_at["alive"] and self._take_turn("alive", ALIVE_INTERVAL):
            texts.append(format_event("alive", json.dumps({"age": round(time.monotonic() - hub.read_at, 1)})))
        silence = time.monotonic() - (hub.unanswered_since or time.monotonic())
        if silence > SILENCE and self._take_turn("away", ALIVE_INTERVAL):
            since = datetime.now(zoneinfo.ZoneInfo(self.viewer.timezone)) - timedelta(seconds=silence)
            texts.append(format_event("away", json.dumps({"since": f"{since:%H:%M:%S}"})))
        if time.monotonic() - self.pinged_at >= PING_INTERVAL:
            self.pinged_at = time.monotonic()
            texts.append(": ping\n\n")
        return texts

    def _take_change(self, revision: Revision) -> list[str]:
        changed = revision.changed_since(self.cursor.revision)
        kind, pause = ("changed", CHANGED_INTERVAL) if changed else ("progress", PROGRESS_INTERVAL)
        if not self._take_turn(kind, pause):
            return []
        self.cursor = Cursor(revision, self.cursor.line)
        return [format_event(kind, str(revision), str(self.cursor))]

    def _take_turn(self, kind: str, pause: float) -> bool:
        now = time.monotonic()
        if now - self.sent_at[kind] < pause:
            return False
        self.sent_at[kind] = now
        return True

    async def take_lines(self, hub: Hub) -> AsyncIterator[bytes]:
        """Events of the log lines after the cursor, until there are none."""
        while self.viewer.attempt is not None:
            event = await self._next_lines(hub, self.viewer.attempt)
            if event is None:
                return
            self.cursor = Cursor(self.cursor.revision, event.last)
            yield event.with_cursor(self.cursor)

    async def _next_lines(self, hub: Hub, attempt: uuid.UUID) -> LogEvent | None:
        """From the tail, or from the database for a viewer who is far behind."""
        tail = hub.tails[attempt]
        if tail.has_gap_after(self.cursor.line):
            return await hub.read_behind(attempt, self.cursor.line)
        return tail.event_after(self.cursor.line)


urlpatterns = [path("stream/", stream, name="stream")]
