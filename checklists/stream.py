"""Live events to browsers: one listener a web process, any number of viewers, no database connection held."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.hub import Hub, Viewer, hub_of_this_loop, lines_after
from checklists.models import Attempt, Cutover
from checklists.revision import Revision

#: Seconds. A browser asks again by itself after LIFE; pages say “updated N s ago” from ALIVE.
LIFE, PING, ALIVE, CHANGED, PROGRESS, LOG = 600.0, 15.0, 5.0, 0.5, 1.0, 0.25
#: Viewers that one process serves; the next one is told to come back.
MOST = 500


@dataclass(frozen=True)
class Cursor:
    """What a viewer has already: the revision of the page and the last log line."""

    revision: Revision
    line: int = 0

    def __str__(self) -> str:
        return f"{self.revision}~{self.line}"

    @classmethod
    def of(cls, request: HttpRequest) -> Cursor:
        """From the Last-Event-ID of a stream that broke off, else from the address."""
        revision, _, line = request.headers.get("Last-Event-ID", "").partition("~")
        revision = revision or request.GET.get("since", "")
        line = line or request.GET.get("after", "")
        return cls(Revision.parse(revision), int(line) if line.isdecimal() and len(line) < 16 else 0)


@require_GET
async def stream(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The one stream of a page of this cutover; with ``?log=`` also the log of that attempt."""
    viewer = await sync_to_async(_admit)(request, slug)
    await sync_to_async(connections.close_all)()  # or this request pins one until the stream ends
    if isinstance(viewer, HttpResponse):
        return viewer
    hub = hub_of_this_loop()
    if len(hub.viewers) >= MOST:
        return HttpResponse("Too many pages are open; this one tries again.", status=503, headers=_LATER)
    response = StreamingHttpResponse(
        events(hub, viewer, Cursor.of(request)), content_type="text/event-stream"
    )
    response.headers["Cache-Control"] = "no-cache, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


_LATER = {"Retry-After": "10"}


def _admit(request: HttpRequest, slug: str) -> Viewer | HttpResponse:
    """The viewer, or 401 without a session and 404 for what is not theirs to see."""
    if not isinstance(request.user, User):
        return HttpResponse("Sign in again.", status=401)
    cutover = Cutover.objects.visible_to(request.user).filter(slug=slug).first()
    if cutover is None:
        return HttpResponse("There is no such cutover, or you have no part in it.", status=404)
    attempt: uuid.UUID | None = None
    if asked := request.GET.get("log"):
        attempt = _attempt(cutover, asked)
        if attempt is None:
            return HttpResponse("This cutover has no such attempt.", status=404)
    return Viewer(cutover.pk, cutover.timezone, attempt, request.session.session_key or "")


def _attempt(cutover: Cutover, asked: str) -> uuid.UUID | None:
    try:
        wanted = uuid.UUID(asked)
    except ValueError:
        return None
    return Attempt.objects.filter(cutover=cutover, pk=wanted).values_list("pk", flat=True).first()


async def events(hub: Hub, viewer: Viewer, cursor: Cursor) -> AsyncIterator[bytes]:
    """Everything that this viewer has not had yet, until LIFE is over, access is lost or they leave."""
    telling = _Telling(viewer, cursor)
    hub.join(viewer, after=cursor.line)  # in here: a generator that never began has nothing to give back
    try:
        yield f"retry: {random.randint(400, 1200)}\n\n".encode()  # noqa: S311  # spreads reconnects
        while not telling.over and not viewer.lost:
            for text in telling.due(hub):
                yield text.encode()
            async for text in telling.lines(hub):
                yield text.encode()
            await viewer.wait(LOG)
        if viewer.lost:
            yield _event("bye", viewer.lost, str(telling.cursor)).encode()
    finally:
        hub.leave(viewer)


class _Telling:
    """What one viewer was told last, and when."""

    def __init__(self, viewer: Viewer, cursor: Cursor) -> None:
        now = time.monotonic()
        self.viewer, self.cursor = viewer, cursor
        self.born, self.pinged = now, now
        self.told = {"changed": 0.0, "progress": 0.0, "alive": 0.0}

    @property
    def over(self) -> bool:
        """Has it lived long enough? The browser comes back and is checked anew."""
        return time.monotonic() - self.born > LIFE

    def due(self, hub: Hub) -> list[str]:
        """The events that have become due: at most two changes a second, however many happened."""
        texts = []
        revision = hub.revisions.get(self.viewer.cutover)
        if revision is not None and revision != self.cursor.revision:
            texts += self._news(revision)
        if hub.read_at > self.told["alive"] and self._may("alive", ALIVE):
            texts.append(_event("alive", json.dumps({"age": round(time.monotonic() - hub.read_at, 1)})))
        if time.monotonic() - self.pinged >= PING:
            self.pinged = time.monotonic()
            texts.append(": ping\n\n")
        return texts

    def _news(self, revision: Revision) -> list[str]:
        changed = revision.changed_since(self.cursor.revision)
        kind, pause = ("changed", CHANGED) if changed else ("progress", PROGRESS)
        if not self._may(kind, pause):
            return []
        self.cursor = Cursor(revision, self.cursor.line)
        return [_event(kind, str(revision), str(self.cursor))]

    def _may(self, kind: str, pause: float) -> bool:
        now = time.monotonic()
        if now - self.told[kind] < pause:
            return False
        self.told[kind] = now
        return True

    async def lines(self, hub: Hub) -> AsyncIterator[str]:
        """Log lines after the cursor: from the hub, or for who is far behind from the database."""
        while self.viewer.attempt is not None:
            lines = hub.lines(self.viewer.attempt, after=self.cursor.line)
            if lines is None:
                lines = await lines_after(self.viewer.attempt, self.cursor.line, self.viewer.timezone)
            if not lines:
                return
            self.cursor = Cursor(self.cursor.revision, lines[-1].number)
            yield _event("log", "".join(line.html for line in lines), str(self.cursor))


def _event(kind: str, data: str, cursor: str = "") -> str:
    """One server-sent event; no value may hold a line break of its own."""
    data = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"{f'id: {cursor}' + chr(10) if cursor else ''}event: {kind}\n{data}\n"


urlpatterns = [path("stream/", stream, name="stream")]
