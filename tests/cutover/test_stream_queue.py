"""Few streams begin at once, and other pages do not wait for them."""

from __future__ import annotations

import asyncio
from typing import Any

from cutover.stream_queue import BEGIN_AT_ONCE, StreamQueue

STREAM = {"type": "http", "path": "/cutovers/move/stream/"}
PAGE = {"type": "http", "path": "/cutovers/move/"}


class Slow:
    """An application whose answers begin when they are let, and have a first part when they are let."""

    def __init__(self) -> None:
        self.begun, self.failing = 0, False
        self.answer, self.closed = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        if self.failing:
            raise RuntimeError("this one fails")
        await self.answer.wait()
        await send({"type": "http.response.start", "status": 200})
        await self.closed.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.sleep(3600)


async def receive() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def send(message: Any) -> None:
    """Takes everything."""


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_streams_wait_for_a_place_until_the_first_part_of_an_answer_and_pages_do_not() -> None:
    async def play() -> list[int]:
        slow = Slow()
        queue = StreamQueue(slow)
        streams = [asyncio.create_task(queue(STREAM, receive, send)) for _ in range(3 * BEGIN_AT_ONCE)]
        await settle()
        counts = [slow.begun]
        page = asyncio.create_task(queue(PAGE, receive, send))
        await settle()
        counts.append(slow.begun)
        slow.answer.set()
        await settle()
        counts.append(slow.begun)  # the heads of the answers alone: the connections are not closed yet
        slow.closed.set()
        await settle()
        counts.append(slow.begun)
        for task in (*streams, page):
            task.cancel()
        return counts

    assert asyncio.run(play()) == [BEGIN_AT_ONCE, BEGIN_AT_ONCE + 1, BEGIN_AT_ONCE + 1, 3 * BEGIN_AT_ONCE + 1]


def test_a_stream_that_fails_or_goes_away_gives_its_place_back() -> None:
    async def play() -> int:
        slow = Slow()
        queue = StreamQueue(slow)
        slow.failing = True
        failed = [queue(STREAM, receive, send) for _ in range(2 * BEGIN_AT_ONCE)]
        assert len(await asyncio.gather(*failed, return_exceptions=True)) == 2 * BEGIN_AT_ONCE
        slow.failing = False
        gone = [asyncio.create_task(queue(STREAM, receive, send)) for _ in range(2 * BEGIN_AT_ONCE)]
        await settle()
        for task in gone:
            task.cancel()
        await settle()
        slow.begun = 0
        last = asyncio.create_task(queue(STREAM, receive, send))
        await settle()
        last.cancel()
        return slow.begun

    assert asyncio.run(play()) == 1
