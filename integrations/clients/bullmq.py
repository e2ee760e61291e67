"""Reads a BullMQ queue in its Redis, and sends it a canary job through BullMQ's own library."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from integrations.clients.redis_server import TIMEOUT, Client, address, connected
from integrations.errors import Unreachable
from integrations.redact import MASK

__all__ = ["Client", "Depth", "Ended", "Queue", "Schedule", "address", "connected", "remove", "send"]

Answered = TypeVar("Answered")
LISTS, SORTED = ("wait", "active", "paused"), ("delayed", "prioritized", "failed", "completed")
MOST_SCHEDULES = 200
EVENTS, LOOKS = 1000, 20  # events of one answer, and answers of one look
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
FIRST = 100  # jobs with a priority of which the oldest is looked for
KEPT = 20  # failures that are told one by one


@dataclass(frozen=True)
class Schedule:
    """A job scheduler of BullMQ 5, or (``old``) one of the repeatable jobs from before: its id, the name of
    its jobs, and the seconds until its next run (negative: it is overdue)."""

    id: str
    name: str
    old: bool
    due_in: float


@dataclass
class Ended:
    """Jobs that ended since the first look, read from the queue's own events: exact also where done jobs are
    thrown away at once. ``failures``: the newest, with the first line of their reason."""

    cursor: str = ""
    completed: int = 0
    failed: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)

    def look(self, queue: Queue) -> None:
        """Takes in what happened since the last look; the first only marks the begin."""
        if not self.cursor:
            newest: Any = queue.client.xrevrange(queue.key("events"), count=1)
            self.cursor = str(newest[0][0]) if newest else "0-0"
            return
        for _ in range(LOOKS):
            found: Any = queue.client.xrange(queue.key("events"), f"({self.cursor}", count=EVENTS)
            for event, fields in found:
                self.cursor = str(event)
                self._count(queue, fields)
            if len(found) < EVENTS:
                return

    def _count(self, queue: Queue, fields: Mapping[str, str]) -> None:
        if fields.get("event") == "completed":
            self.completed += 1
        elif fields.get("event") == "failed":
            self.failed += 1
            job = fields.get("jobId", "")
            name = queue.client.hget(queue.key(job), "name") or "?"
            one = {"id": job, "name": str(name), "reason": first_line(fields.get("failedReason"))}
            self.failures = [one, *self.failures[: KEPT - 1]]


def first_line(reason: str | None) -> str:
    """What is shown of a reason: its first line, shortened, without people's addresses."""
    line = (str(reason or "").splitlines() or [""])[0][:200]
    return ADDRESS.sub(MASK, line)


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

    @property
    def waiting(self) -> int:
        """Jobs that a worker could take: those with a priority stand apart, and all of a paused queue."""
        return self.wait + self.prioritized + self.paused

    def as_facts(self) -> dict[str, Any]:
        """JSON."""
        return {**asdict(self), "waiting": self.waiting}


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
        """Waiting jobs are taken from the tails of the lists, those with a priority from the front, where
        the newest may stand before older ones of less priority: `FIRST` of them are looked at."""
        tails: list[Any] = [self.client.lindex(self.key(part), -1) for part in ("wait", "paused")]
        first: Any = self.client.zrange(self.key("prioritized"), 0, FIRST - 1)
        pipe = self.client.pipeline(transaction=False)
        for job in (*filter(None, tails), *first):
            pipe.hget(self.key(str(job)), "timestamp")
        made = [int(one) for one in pipe.execute() if one]
        return max(0.0, time.time() - min(made) / 1000) if made else 0.0

    def is_paused(self) -> bool:
        """Whether somebody told all its workers to take no jobs."""
        return bool(self.client.hexists(self.key("meta"), "paused"))

    def schedules(self) -> list[Schedule]:
        """All schedules, `MOST_SCHEDULES` at most, the next first."""
        found: Any = self.client.zrange(self.key("repeat"), 0, MOST_SCHEDULES - 1, withscores=True)
        return [self._schedule(str(member), float(score)) for member, score in found]

    def _schedule(self, member: str, at: float) -> Schedule:
        """Only a job scheduler counts its runs (``ic``). One of those from before is named by its hash,
        and before that by its own key, “name:id:end:zone:pattern”."""
        known: Any = self.client.hmget(self.key(f"repeat:{member}"), "name", "ic")
        name, runs = known
        return Schedule(member, str(name or member.split(":")[0]), runs is None, at / 1000 - time.time())

    def failures(self, most: int = 5) -> list[dict[str, str]]:
        """The newest failed jobs: id, name and the first line of the reason."""
        ids: Any = self.client.zrevrange(self.key("failed"), 0, most - 1)
        rows: Any = [(job, self.client.hmget(self.key(str(job)), "name", "failedReason")) for job in ids]
        return [
            {"id": str(job), "name": str(name), "reason": first_line(reason)} for job, (name, reason) in rows
        ]

    def workers(self) -> int:
        """How many workers are connected: BullMQ names their connections after the queue."""
        mark = f"{self.prefix}:{base64.b64encode(self.name.encode()).decode()}"
        names = [str(one.get("name", "")) for one in self.client.client_list()]
        return sum(name == mark or name.startswith(f"{mark}:w:") for name in names)

    def state_of(self, job: str) -> str:
        """“completed”, “failed”, “gone”, or “pending” for anything else."""
        pipe = self.client.pipeline()
        for part in ("completed", "failed"):
            pipe.zscore(self.key(part), job)
        pipe.exists(self.key(job))
        completed, failed, there = pipe.execute()
        if completed is None and failed is None:
            return "pending" if there else "gone"
        return "failed" if completed is None else "completed"


def _within_time(url: str, work: Coroutine[Any, Any, Answered]) -> Answered:
    """What BullMQ's library answers; left alone it would try for ever. Raises `Unreachable`."""
    try:
        return asyncio.run(asyncio.wait_for(work, TIMEOUT))
    except TimeoutError:
        raise Unreachable(
            f"Redis at {address(url)} stopped answering.",
            means="Whether the canary was added or removed is not known.",
            next="Look at its server; then try again.",
        ) from None


def send(url: str, queue: str, prefix: str, name: str, data: Mapping[str, Any], job: str = "") -> str:
    """Adds a job as BullMQ itself does; its id, which is ``job`` where that is given. It stays after it was
    done, for the caller to look at; it is tried once."""
    import bullmq  # here: it brings an event loop along, which only a canary needs

    async def add() -> str:
        one = bullmq.Queue(queue, {"connection": url, "prefix": prefix})
        options = {"removeOnComplete": 100, "removeOnFail": 100, **({"jobId": job} if job else {})}
        try:
            return str((await one.add(name, dict(data), options)).id)
        finally:
            await one.close()

    return _within_time(url, add())


def remove(url: str, queue: str, prefix: str, job: str) -> bool:
    """Takes a job away, whatever became of it; False while a worker holds it."""
    import bullmq

    async def take_away() -> bool:
        one = bullmq.Queue(queue, {"connection": url, "prefix": prefix})
        try:
            return bool(await one.backend.remove(job, True))
        finally:
            await one.close()

    return _within_time(url, take_away())
