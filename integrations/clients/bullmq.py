"""Reads a BullMQ queue in its Redis, and sends it a canary job through BullMQ's own library."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import redis

from integrations.errors import Problem, Unreachable

TIMEOUT = 10.0  # seconds for an answer
LISTS, SORTED = ("wait", "active", "paused"), ("delayed", "prioritized", "failed", "completed")
MOST_SCHEDULES = 200

Client = redis.Redis


@dataclass(frozen=True)
class Depth:
    """How many jobs are in each state, and the age of the oldest that waits, in seconds."""

    wait: int
    active: int
    paused: int
    delayed: int
    prioritized: int
    failed: int
    completed: int
    oldest_waiting: float

    def as_facts(self) -> dict[str, Any]:
        """JSON."""
        return asdict(self)


@contextmanager
def connected(url: str) -> Iterator[Client]:
    """A session with the queue's Redis. Raises `Unreachable` in words; no password is repeated."""
    client: Client | None = None
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, decode_responses=True,
            client_name="cutover",
        )  # fmt: skip
        client.ping()
        yield client
    except (redis.RedisError, ValueError) as error:
        raise _in_words(url, error) from None
    finally:
        if client is not None:
            client.close()


def address(url: str) -> str:
    """Host and port, without login."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def _in_words(url: str, error: Exception) -> Problem:
    where = address(url)
    if isinstance(error, redis.AuthenticationError):
        return Unreachable(
            f"Redis at {where} refuses the login.",
            means="API and worker would be refused just so.",
            next="Check user and password in REDIS_URL.",
        )
    if isinstance(error, redis.exceptions.NoPermissionError):
        return Problem(
            f"Redis at {where} forbids a command: {error}.",
            means="What it would have told is not known.",
            next="Give the login the right in its ACL, or look by another login.",
        )
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return Unreachable(
            f"Redis at {where} does not answer.",
            means="Nobody listens there, or a firewall stands between.",
            next="Check REDIS_URL, and that the server runs.",
        )
    return Problem(f"Redis at {where} refused: {type(error).__name__}.", next="Look into its log.")


class Queue:
    """One queue: ``prefix:name`` in front of all its keys. Every reading is bounded."""

    def __init__(self, client: Client, name: str, prefix: str = "bull") -> None:
        self.client, self.name, self.prefix = client, name, prefix

    def key(self, part: str) -> str:
        """A key of the queue."""
        return f"{self.prefix}:{self.name}:{part}"

    def exists(self) -> bool:
        """Whether anybody ever made this queue."""
        return bool(self.client.exists(self.key("meta"), self.key("id")))

    def depth(self) -> Depth:
        """All counts in one round trip, then the oldest job that waits."""
        pipe = self.client.pipeline(transaction=False)
        for part in LISTS:
            pipe.llen(self.key(part))
        for part in SORTED:
            pipe.zcard(self.key(part))
        counts = dict(zip((*LISTS, *SORTED), map(int, pipe.execute()), strict=True))
        return Depth(**counts, oldest_waiting=self._oldest())

    def _oldest(self) -> float:
        """Waiting jobs are taken from the list's tail."""
        tail = self.client.lindex(self.key("wait"), -1)
        made = self.client.hget(self.key(str(tail)), "timestamp") if tail else None
        return max(0.0, time.time() - int(made) / 1000) if made else 0.0

    def finished(self) -> int:
        """How many jobs were completed since the queue was made, as its metrics or its set tell."""
        metrics = self.client.hget(self.key("metrics:completed"), "count")
        return int(metrics) if metrics else int(self.client.zcard(self.key("completed")))

    def schedules(self) -> list[str]:
        """Ids of job schedulers (BullMQ 5), and keys of the older repeatable jobs."""
        found = self.client.zrange(self.key("repeat"), 0, MOST_SCHEDULES)
        return [self._schedule(str(one)) for one in found]

    def _schedule(self, key: str) -> str:
        """Older ones are named by a hash whose fields hold the job's name."""
        name = self.client.hget(self.key(f"repeat:{key}"), "name")
        return key if name is None or ":" not in key else str(name)

    def failures(self, most: int = 5) -> list[dict[str, str]]:
        """The newest failed jobs: id, name and the first line of the reason."""
        ids = self.client.zrevrange(self.key("failed"), 0, most - 1)
        rows = [(job, self.client.hmget(self.key(str(job)), "name", "failedReason")) for job in ids]
        return [
            {"id": str(job), "name": str(name), "reason": (str(reason or "").splitlines() or [""])[0][:200]}
            for job, (name, reason) in rows
        ]

    def workers(self) -> int:
        """How many workers are connected: BullMQ names their connections after the queue."""
        mark = f"{self.prefix}:{base64.b64encode(self.name.encode()).decode()}"
        names = [str(one.get("name", "")) for one in self.client.client_list()]
        return sum(name == mark or name.startswith(f"{mark}:w:") for name in names)

    def state_of(self, job: str) -> str:
        """“completed”, “failed”, or “pending” for anything else."""
        pipe = self.client.pipeline(transaction=False)
        for part in ("completed", "failed"):
            pipe.zscore(self.key(part), job)
        completed, failed = pipe.execute()
        return "completed" if completed is not None else "failed" if failed is not None else "pending"


def send(url: str, queue: str, prefix: str, name: str, data: Mapping[str, Any]) -> str:
    """Adds a job as BullMQ itself does; its id. It stays after it was done, for the caller to look at."""
    import bullmq  # here: it brings an event loop along, which only a canary needs

    async def add() -> str:
        one = bullmq.Queue(queue, {"connection": url, "prefix": prefix})
        try:
            job = await one.add(name, dict(data), {"removeOnComplete": 100, "removeOnFail": 100})
            return str(job.id)
        finally:
            await one.close()

    return asyncio.run(add())


def remove(url: str, queue: str, prefix: str, job: str) -> None:
    """Takes a finished job away."""
    import bullmq

    async def take_away() -> None:
        one = bullmq.Queue(queue, {"connection": url, "prefix": prefix})
        try:
            await one.remove(job)
        finally:
            await one.close()

    asyncio.run(take_away())
