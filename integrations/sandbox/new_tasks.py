"""The new API's tasks: adds a job to the queue of its worker by BullMQ's own library.

``POST /tasks/canary`` with a JSON object (or nothing) adds a job that the worker only answers.
"""

from __future__ import annotations

import asyncio
from typing import Any

import bullmq
import redis

from integrations.sandbox.serving import Answer, Asked, say

QUEUE, PREFIX = "automation-tasks", "bull"
PATH = "/tasks/canary"
TIMEOUT = 3.0  # seconds; BullMQ itself would try for ever


class Tasks:
    """Talks to the queue anew for each question: no state."""

    def __init__(self, queue_url: str) -> None:
        self.queue_url = queue_url

    def answer(self, asked: Asked) -> Answer | None:
        """201 with the job's id; 400 for what is no JSON object, 503 without a queue; None where the path is
        another's."""
        if (asked.method, asked.path) != ("POST", PATH):
            return None
        try:
            data = asked.json() if asked.body else {}
        except ValueError:
            return _failure(400, "a JSON object is required", "Bad Request")
        try:
            job = asyncio.run(asyncio.wait_for(self._add(data), TIMEOUT))
        except (redis.RedisError, TimeoutError, OSError, ValueError) as error:
            say(f"POST {PATH}: {type(error).__name__}")
            return _failure(503, "The queue does not answer", "Service Unavailable")
        return Answer(201, {"id": job, "name": "canary", "queue": QUEUE})

    async def _add(self, data: dict[str, Any]) -> str:
        queue = bullmq.Queue(QUEUE, {"connection": self.queue_url, "prefix": PREFIX})
        try:
            job = await queue.add("canary", data, {"removeOnComplete": 100, "removeOnFail": 100})
            return str(job.id)
        finally:
            await queue.close()


def _failure(status: int, message: str, error: str) -> Answer:
    """In Nest's shape."""
    return Answer(status, {"statusCode": status, "message": message, "error": error})
