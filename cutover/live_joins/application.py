"""The ASGI application that lets live streams begin, many at a time, beside Django's handler."""

from __future__ import annotations

import asyncio
import logging
import weakref
from contextlib import aclosing
from functools import partial

from checklists.hub import Hub, get_hub
from checklists.stream import events_of_member, refuse_too_many
from cutover.live_joins.admission import Admission, Admissions
from cutover.stream_queue import SUFFIX, Application, Receive, Scope, Send

logger = logging.getLogger(__name__)
PREFIX = "/cutovers/"
AT_ONCE = 40  # that are admitted with the same queries; others wait for the next turn
PAUSE = 0.02  # seconds before a turn that is not full: it costs much the same for one page and for ten
#: Headers of a request with a body, which only the ordinary path reads.
OF_A_BODY = {b"content-length", b"transfer-encoding"}


class LiveJoins:
    """An application around another one, which gets every request that is not admitted here."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._admissions = Admissions()
        self._queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, JoinQueue]
        self._queues = weakref.WeakKeyDictionary()
        self.hindrance = self._admissions.find_hindrance()
        if self.hindrance:
            logger.warning("Live pages come back slowly after a restart: %s.", self.hindrance)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers for a stream that may begin; otherwise passes on."""
        if self.hindrance or not is_stream(scope):
            await self.application(scope, receive, send)
            return
        hub, loop = get_hub(), asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = self._queues[loop] = JoinQueue(hub, self._admissions)
        admission = await queue.admit(scope)
        # Nothing is awaited between the count and the join: pages that come together are counted, too.
        if admission is None or refuse_too_many(hub, admission.viewer):
            await self.application(scope, receive, send)
            return
        hub.join(admission.viewer, after=admission.cursor.line)
        try:
            await _send_events(hub, admission, receive, send)
        finally:
            hub.leave(admission.viewer)


def is_stream(scope: Scope) -> bool:
    """May this be the request for a stream? (Which view answers, the URLconf decides.)"""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"].startswith(PREFIX)
        and scope["path"].endswith(SUFFIX)
        and not scope.get("root_path")
        and not any(name in OF_A_BODY for name, _ in scope["headers"])
    )


class JoinQueue:
    """Requests that wait for the next turn. What a turn reads, it reads after they came."""

    def __init__(self, hub: Hub, admissions: Admissions) -> None:
        self._hub, self._admissions = hub, admissions
        self._waiting: list[tuple[Scope, asyncio.Future[Admission | None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def admit(self, scope: Scope) -> Admission | None:
        """The admission, or None for one that goes the ordinary path."""
        future: asyncio.Future[Admission | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((scope, future))
        if self._task is None:
            self._task = asyncio.create_task(self._take_turns())
        return await future

    async def _take_turns(self) -> None:
        """Until nobody waits. The connection stays open meanwhile, and after that for those who joined."""
        try:
            with self._hub.reading() as reader:
                while self._waiting:
                    turn, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                    scopes = [scope for scope, _ in turn]
                    found: list[Admission | None] = [None] * len(turn)
                    try:
                        found = await reader.run(partial(self._admissions.admit, scopes))
                    except Exception as error:  # the ordinary path says what is wrong
                        logger.warning("Live pages could not be admitted together: %s", error)
                    for (_, future), admission in zip(turn, found, strict=True):
                        if not future.done():
                            future.set_result(admission)
                    await asyncio.sleep(0 if len(self._waiting) >= AT_ONCE else PAUSE)
        except Exception as error:  # no thread or connection to read with
            logger.warning("Live pages could not be admitted together: %s", error)
        finally:
            self._task = None
            for _, future in self._waiting:  # nobody waits for a turn that does not come
                if not future.done():
                    future.set_result(None)
            self._waiting = []


async def _send_events(hub: Hub, admission: Admission, receive: Receive, send: Send) -> None:
    """Sends until the stream is over or the page is closed."""
    sending = asyncio.create_task(_send_all(hub, admission, send))
    leaving = asyncio.create_task(_wait_for_close(receive))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _send_all(hub: Hub, admission: Admission, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": admission.headers})
    async with aclosing(events_of_member(hub, admission.viewer, admission.cursor)) as pieces:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _wait_for_close(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
