"""Reads the events of a BullMQ queue: which jobs were added and ended since a moment."""

from __future__ import annotations

from typing import Any

from integrations.clients.bullmq import Queue

EVENTS = 1000  # events in one read


class JobEvents:
    """The events of a queue from the moment at which this is made.

    Events also tell of jobs that a worker took at once, or that the queue removed when they were done.
    """

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        newest: Any = queue.client.xrevrange(queue.key("events"), count=1)
        self.cursor = str(newest[0][0]) if newest else "0-0"
        self.names: dict[str, str] = {}  # by the id of each job that was added
        self.ends: dict[str, str] = {}  # “completed” or “failed”, by the id of the job

    def update(self) -> None:
        """Reads the events since the last call."""
        found: Any = self.queue.client.xrange(self.queue.key("events"), f"({self.cursor}", count=EVENTS)
        for event, fields in found:
            self.cursor = str(event)
            kind, job = fields.get("event", ""), fields.get("jobId", "")
            if kind == "added":
                self.names[job] = fields.get("name", "")
            elif kind in ("completed", "failed"):
                self.ends[job] = kind

    def find_added(self, name: str) -> str:
        """The id of the first job of this name that was added; "" when there is none."""
        return next((job for job, known in self.names.items() if known == name), "")
