"""Asks an ASGI application for a stream, without a server: what it answers, and who answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from cutover.live_joins.application import LiveJoins

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Request:
    """A browser's request; ``session`` is its cookie."""

    path: str
    session: str = ""
    query: str = ""
    method: str = "GET"
    host: str = "localhost"
    headers: tuple[Header, ...] = ((b"accept", b"text/event-stream"),)

    def scope(self) -> dict[str, Any]:
        """As uvicorn makes it."""
        cookie = f"{settings.SESSION_COOKIE_NAME}={self.session}".encode("latin-1")
        headers = [(b"host", self.host.encode()), *self.headers]
        return {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"},
            **{"method": self.method, "path": self.path, "raw_path": self.path.encode(), "root_path": ""},
            **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)},
            "query_string": self.query.encode(),
            "headers": headers + ([(b"cookie", cookie)] if self.session else []),
        }


@dataclass
class Answer:
    """What came back, up to the first part of the body."""

    status: int = 0
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""
    began: asyncio.Event = field(default_factory=asyncio.Event)


@cache
def ordinary() -> Any:
    """Django's own handler."""
    return get_asgi_application()


@dataclass
class Recorded:
    """The ordinary path, and how many requests took it."""

    requests: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += 1
        await ordinary()(scope, receive, send)


def new_joins() -> tuple[LiveJoins, Recorded]:
    """The application of the web process, and what it passes on."""
    recorded = Recorded()
    return LiveJoins(recorded), recorded


@asynccontextmanager
async def asking(application: Any, request: Request) -> AsyncIterator[Answer]:
    """The answer; inside of the block the page stays open."""
    answer, closed, told = Answer(), asyncio.Event(), False

    async def receive() -> dict[str, Any]:
        nonlocal told
        if not told:
            told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await closed.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], sorted(message["headers"])
        else:
            answer.body += message.get("body", b"")
            answer.began.set()

    task = asyncio.create_task(application(request.scope(), receive, send))
    try:
        waiting = asyncio.create_task(answer.began.wait())
        await asyncio.wait({task, waiting}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert answer.began.is_set(), task
        yield answer
    finally:
        closed.set()
        async with asyncio.timeout(20):
            await task


async def ask(application: Any, request: Request) -> Answer:
    """The answer of a page that is closed again."""
    async with asking(application, request) as answer:
        return answer
