"""How deep the queue is during a watch, and how fast its worker goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations.clients import bullmq
from integrations.systems import System


@dataclass
class Pace:
    """One queue since the watch began; counts are those of its newest look."""

    redis: System = field(repr=False)
    name: str
    done: int = 0
    newly_failed: int = 0
    completed_per_minute: float = 0.0
    most_waiting: int = 0
    depth: dict[str, Any] = field(default_factory=dict)
    ended: bullmq.Ended = field(default_factory=bullmq.Ended, repr=False)

    def look(self, gone: float) -> None:
        """Reads the queue ``gone`` seconds after the begin. Raises `Unreachable`."""
        with bullmq.connected(self.redis["url"]) as client:
            queue = bullmq.Queue(client, self.name, self.redis.get("prefix", "bull"))
            self.ended.look(queue)
            depth = queue.depth()
        self.done, self.newly_failed = self.ended.completed, self.ended.failed
        self.completed_per_minute = round(self.done / max(gone, 1.0) * 60, 1)
        self.most_waiting = max(self.most_waiting, depth.waiting)
        self.depth = depth.as_facts()

    @property
    def waiting(self) -> int:
        """Jobs that wait now."""
        return int(self.depth.get("waiting", 0))

    def as_facts(self) -> dict[str, Any]:
        """JSON."""
        facts = {name: value for name, value in vars(self).items() if name not in ("redis", "ended")}
        return {**facts, "failures": self.ended.failures}
