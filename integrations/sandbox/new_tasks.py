"""The new API's tasks: lists the jobs of its queue, and adds one by BullMQ's own library.

``GET /tasks`` and ``POST /tasks`` take no sign-in, and any name of a job.
Facts: customer/queues.json, answers/tasks-*.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import bullmq
import redis

from integrations.sandbox.serving import Answer, Asked, say

QUEUE, PREFIX = "automation-tasks", "bull"
PATH = "/tasks"
LISTED = ["waiting", "delayed", "active"]
TIMEOUT = 3.0  # seconds; the real API waits for ever
OPTIONS = {
    "attempts": 3,
    "backoff": {"type": "exponential", "delay": 5000},
    "removeOnComplete": {"age": 3600, "count": 500},
}


class Tasks:
    """Talks to the queue anew for each question: no state."""

    def __init__(self, queue_url: str) -> None:
        self.queue_url = queue_url

    def answer(self, asked: Asked) -> Answer | None:
        """The jobs, or 201 with the new one; None where the path is another's."""
        if asked.path != PATH or asked.method not in ("GET", "POST"):
            return None
        try:
            if asked.method == "GET":
                return Answer(200, asyncio.run(asyncio.wait_for(self._list(), TIMEOUT)))
            given = asked.json()
            return Answer(201, asyncio.run(asyncio.wait_for(self._add(given), TIMEOUT)))
        except (redis.RedisError, TimeoutError, OSError, ValueError) as error:
            say(f"{asked.method} {PATH}: {type(error).__name__}")
            return Answer(500, {"statusCode": 500, "message": "Internal server error"})

    def add(self, name: str, payload: dict[str, Any]) -> None:
        """Adds a job, as the API's own services do. Raises what the library raises."""
        asyncio.run(asyncio.wait_for(self._add({"name": name, "payload": payload}), TIMEOUT))

    async def _list(self) -> list[dict[str, Any]]:
        queue = self._queue()
        try:
            return [_described(job) for job in await queue.getJobs(LISTED)]
        finally:
            await queue.close()

    async def _add(self, given: dict[str, Any]) -> dict[str, Any]:
        queue = self._queue()
        try:
            return _described(await queue.add(str(given["name"]), given.get("payload") or {}, OPTIONS))
        finally:
            await queue.close()

    def _queue(self) -> bullmq.Queue:
        return bullmq.Queue(QUEUE, {"connection": self.queue_url, "prefix": PREFIX})


def _described(job: Any) -> dict[str, Any]:
    at = datetime.fromtimestamp((int(job.timestamp) + int(job.delay or 0)) / 1000, UTC)
    text = f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    return {"id": str(job.id), "name": job.name, "payload": job.data, "scheduledAt": text}
