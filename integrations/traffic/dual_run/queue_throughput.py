"""The depth of a queue during a dual run, and the throughput of its worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations.clients import bullmq
from integrations.systems import System


@dataclass
class QueueThroughput:
    """One queue since the watch began, as of the last `measure`. The names are keys of the evidence."""

    redis: System = field(repr=False)
    name: str
    done: int = 0
    newly_failed: int = 0
    completed_per_minute: float = 0.0
    most_waiting: int = 0
    depth: dict[str, Any] = field(default_factory=dict)
    ended: bullmq.EndedJobs = field(default_factory=bullmq.EndedJobs, repr=False)

    def measure(self, elapsed: float) -> None:
        """Reads the queue, ``elapsed`` seconds after the watch began. Raises `Unreachable`."""
        with bullmq.connect(self.redis["url"]) as client:
            queue = bullmq.Queue(client, self.name, self.redis.get("prefix", "bull"))
            self.ended.update(queue)
            depth = queue.depth()
        self.done, self.newly_failed = self.ended.completed, self.ended.failed
        self.completed_per_minute = round(self.done / max(elapsed, 1.0) * 60, 1)
        self.most_waiting = max(self.most_waiting, depth.waiting)
        self.depth = depth.as_facts()

    @property
    def waiting(self) -> int:
        """Jobs that wait now."""
        return int(self.depth.get("waiting", 0))

    def as_facts(self) -> dict[str, Any]:
        """Returns JSON values."""
        facts = {name: value for name, value in vars(self).items() if name not in ("redis", "ended")}
        return {**facts, "failures": self.ended.failures}
