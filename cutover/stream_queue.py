"""Lets a few live streams begin at a time on the ordinary path, however many pages ask at once."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = Mapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BEGIN_AT_ONCE = 4
SUFFIX = "/stream/"


class StreamQueue:
    """An ASGI application around another one.

    What `live_joins` does not admit needs a thread and a database connection for its session and its person.
    Hundreds of threads at once keep the event loop from running: nobody gets a line, all other pages wait.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self._places: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._places = weakref.WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on; a stream waits for a place, which it has until the first part of its answer.

        Not until the head of the answer: it still has its database connection then.
        """
        if scope["type"] != "http" or not scope["path"].endswith(SUFFIX):
            await self.application(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        places = self._places.setdefault(loop, asyncio.Semaphore(BEGIN_AT_ONCE))
        await places.acquire()
        has_place = True

        def leave() -> None:
            nonlocal has_place
            if has_place:
                has_place = False
                places.release()

        async def send_and_leave(message: Message) -> None:
            if message["type"] == "http.response.body":
                leave()
            await send(message)

        try:
            await self.application(scope, receive, send_and_leave)
        finally:
            leave()
