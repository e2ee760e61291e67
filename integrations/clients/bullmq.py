"""Reads a queue of BullMQ or Bull in its Redis: depth, ended jobs, schedules, workers, and single jobs.

Source of the keys: docs.bullmq.io, BullMQ 5's own scripts, and what Bull 3 and 4 and BullMQ 1 to 5 were seen
to write (`tests/integrations/clients/queue_layouts.json`).
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from integrations.clients.bullmq_jobs import add_job, remove_job
from integrations.clients.bullmq_schedules import (
    SCORE,
    JobSchedule,
    QueuedRun,
    job_options,
    read_queued_runs,
    read_schedules,
)
from integrations.clients.redis_server import RedisClient, address, connect
from integrations.redact import MASK

__all__ = [
    "EndedJobs",
    "JobSchedule",
    "Queue",
    "QueueDepth",
    "QueuedRun",
    "RedisClient",
    "add_job",
    "address",
    "connect",
    "remove_job",
]

LISTS, SORTED = ("wait", "active", "paused"), ("delayed", "prioritized", "failed", "completed")
CHILDREN = "waiting-children"  # parents of which a child is not done
MARKER = "0:"  # begins an entry of the lists with which BullMQ 4 wakes workers; it is no job
SEARCHED = 20  # reads of 500 keys each in which queues of other names are searched
EVENTS, READS = 1000, 20  # events in one read, and reads in one update
EMAIL = re.compile(r"(?<![^@\s])[^@\s]++@[^@\s]+\.[^@\s]+")
PRIORITIZED = 100  # jobs with a priority among which the oldest is searched
KEPT = 20  # failures that are listed one by one
OVERDUE = 30.0  # seconds after its time in which a worker has taken a delayed job, or none does
CHECKED = 200  # active jobs whose lock is looked for


@dataclass
class EndedJobs:
    """Jobs that ended since the first `update`, by the queue's own events.

    Events also count jobs that the queue removes as soon as they are done. ``failures``: the newest ones,
    with the first line of their reason. ``cursor``: the last event that was read.
    """

    cursor: str = ""
    completed: int = 0
    failed: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)

    def update(self, queue: Queue) -> None:
        """Reads the events since the last call; the first call only notes where to begin.

        Bull writes no events: its ended jobs are counted where it keeps them.
        """
        if queue.library().startswith("Bull "):
            return self._count_kept(queue)
        if not self.cursor:
            newest: Any = queue.client.xrevrange(queue.key("events"), count=1)
            self.cursor = str(newest[0][0]) if newest else "0-0"
            return None
        for _ in range(READS):
            found: Any = queue.client.xrange(queue.key("events"), f"({self.cursor}", count=EVENTS)
            for event, fields in found:
                self.cursor = str(event)
                self._count(queue, fields)
            if len(found) < EVENTS:
                return None
        return None

    def _count_kept(self, queue: Queue) -> None:
        """Jobs that ended since the first call; those that the queue removed at once are not seen."""
        if not self.cursor:
            seconds, micros = queue.client.time()
            self.cursor = str(int(seconds * 1000 + micros / 1000))
            return
        since = f"({self.cursor}"
        self.completed = int(queue.client.zcount(queue.key("completed"), since, "+inf"))
        self.failed = int(queue.client.zcount(queue.key("failed"), since, "+inf"))
        self.failures = queue.failures(min(self.failed, KEPT)) if self.failed else []

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
    """The first line of a failure's reason, at most 200 characters, with e-mail addresses masked."""
    line = (str(reason or "").splitlines() or [""])[0][:200]
    return EMAIL.sub(MASK, line)


@dataclass(frozen=True)
class QueueDepth:
    """The number of jobs in each state, and the age of the oldest waiting one in seconds.

    ``overdue``: delayed jobs whose time is over. ``stalled``: active jobs that no worker holds.
    ``waiting_children``: jobs that wait for other jobs, which no worker can take yet.
    """

    wait: int
    active: int
    paused: int
    delayed: int
    prioritized: int
    failed: int
    completed: int
    oldest_waiting: float
    overdue: int = 0
    stalled: int = 0
    waiting_children: int = 0

    @property
    def waiting(self) -> int:
        """Jobs that are to be done; BullMQ counts those with a priority, those of a paused queue and those
        whose delay is over apart."""
        return self.wait + self.prioritized + self.paused + self.overdue

    def as_facts(self) -> dict[str, Any]:
        """The numbers as JSON values, for evidence."""
        return {**asdict(self), "waiting": self.waiting}


class Queue:
    """One queue; its keys begin with ``prefix:name``. Every read has a limit on its size."""

    def __init__(self, client: RedisClient, name: str, prefix: str = "bull") -> None:
        self.client, self.name, self.prefix = client, name, prefix

    def key(self, part: str) -> str:
        """The full name of one of the queue's keys."""
        return f"{self.prefix}:{self.name}:{part}"

    def exists(self) -> bool:
        """Whether this queue was ever created."""
        return bool(self.client.exists(self.key("meta"), self.key("id")))

    def library(self) -> str:
        """The library that writes this queue, as far as it shows: “BullMQ 5.63.0” (not every version
        writes its number), “BullMQ of an unknown version”, “Bull 3 or 4”."""
        version, events = self.client.hmget(self.key("meta"), "version", "opts.maxLenEvents")
        if version:
            name, _, number = str(version).partition(":")
            return f"{'BullMQ' if name == 'bullmq' else name} {number}"
        if events or self.client.exists(self.key("events")):
            return "BullMQ of an unknown version"
        return "Bull 3 or 4"

    def find_others(self) -> list[str]:
        """“prefix:name” of queues that are in this database, at most ten, from a bounded part of its keys."""
        found: set[str] = set()
        cursor: Any = 0
        for _ in range(SEARCHED):
            cursor, keys = self.client.scan(cursor, match="*:id", count=500)
            found |= {str(key).removesuffix(":id") for key in keys}
            if not int(cursor):
                break
        return sorted(found)[:10]

    def depth(self) -> QueueDepth:
        """All counts in one round trip, then the oldest waiting job."""
        pipe = self.client.pipeline(transaction=False)
        for part in LISTS:
            pipe.llen(self.key(part))
        for part in (*SORTED, CHILDREN):
            pipe.zcard(self.key(part))
        names = (*LISTS, *SORTED, "waiting_children")
        counts = dict(zip(names, map(int, pipe.execute()), strict=True))
        overdue = int(self.client.zcount(self.key("delayed"), "-inf", (time.time() - OVERDUE) * 1000 * SCORE))
        return QueueDepth(
            **counts, oldest_waiting=self._oldest(), overdue=overdue, stalled=self._count_stalled()
        )

    def _count_stalled(self) -> int:
        """Active jobs without a lock: a worker that lives renews the locks of its jobs."""
        listed: list[Any] = self.client.lrange(self.key("active"), 0, CHECKED - 1)
        jobs = [job for job in listed if not str(job).startswith(MARKER)]
        pipe = self.client.pipeline(transaction=False)
        for job in jobs:
            pipe.exists(self.key(f"{job}:lock"))
        return sum(not locked for locked in pipe.execute())

    def _oldest(self) -> float:
        """The age of the oldest waiting job in seconds.

        Workers take jobs from the tails of the lists, so the oldest one is there. Jobs with a priority are
        sorted by it, and the newest may stand before older ones: the first `PRIORITIZED` are compared.
        """
        tails: list[Any] = [self.client.lindex(self.key(part), -1) for part in ("wait", "paused")]
        first: Any = self.client.zrange(self.key("prioritized"), 0, PRIORITIZED - 1)
        pipe = self.client.pipeline(transaction=False)
        for job in (*filter(None, tails), *first):
            pipe.hget(self.key(str(job)), "timestamp")
        made = [int(one) for one in pipe.execute() if one]
        return max(0.0, time.time() - min(made) / 1000) if made else 0.0

    def is_paused(self) -> bool:
        """Whether the queue is paused: its workers take no jobs. Bull 3 and 4 have another key for it."""
        return bool(
            self.client.hexists(self.key("meta"), "paused") or self.client.exists(self.key("meta-paused"))
        )

    def schedules(self) -> list[JobSchedule]:
        """The schedules, the next one first, two hundred at most."""
        return read_schedules(self.client, f"{self.prefix}:{self.name}")

    def queued_runs(self) -> list[QueuedRun]:
        """The delayed jobs that schedules have added, the next one first."""
        return read_queued_runs(self.client, f"{self.prefix}:{self.name}")

    def failures(self, most: int = 5) -> list[dict[str, str]]:
        """The newest failed jobs: id, name and the first line of the reason."""
        ids: Any = self.client.zrevrange(self.key("failed"), 0, most - 1)
        rows: Any = [(job, self.client.hmget(self.key(str(job)), "name", "failedReason")) for job in ids]
        return [
            {"id": str(job), "name": str(name), "reason": first_line(reason)} for job, (name, reason) in rows
        ]

    def workers(self) -> int:
        """The number of connected workers."""
        return len(self.worker_addresses())

    def worker_addresses(self) -> list[str]:
        """The host of each connected worker: BullMQ names their connections after the queue.

        The name does not tell which program the worker belongs to.
        """
        mark = f"{self.prefix}:{base64.b64encode(self.name.encode()).decode()}"
        return sorted(
            str(one.get("addr", "")).rpartition(":")[0]
            for one in self.client.client_list()
            if one.get("name") == mark or str(one.get("name", "")).startswith(f"{mark}:w:")
        )

    def options_of(self, job: str) -> dict[str, Any]:
        """The options by which a job is tried again, as far as it has them."""
        return job_options(self.client, f"{self.prefix}:{self.name}", job)

    def tries_of(self, job: str) -> tuple[int, str]:
        """How often a worker has begun this job, and why it failed last (first line, masked).

        The names of both fields are those of BullMQ 5; earlier versions count only ended attempts.
        """
        fields: Any = self.client.hmget(self.key(job), "ats", "atm", "attemptsMade", "failedReason")
        counts = [int(one) for one in fields[:3] if one]
        return max(counts, default=0), first_line(fields[3])

    def state_of(self, job: str) -> str:
        """“completed”, “failed”, “gone”, or “pending” for every other state."""
        pipe = self.client.pipeline()
        for part in ("completed", "failed"):
            pipe.zscore(self.key(part), job)
        pipe.exists(self.key(job))
        completed, failed, there = pipe.execute()
        if completed is None and failed is None:
            return "pending" if there else "gone"
        return "failed" if completed is None else "completed"
