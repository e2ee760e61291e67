"""A canary job: a job without effect that proves that a worker takes jobs from a queue."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from integrations import actions
from integrations.clients import bullmq
from integrations.clients.bullmq import Queue


class CanaryJob(TypedDict):
    """The job that was added: its id and name, its state when it ended, and whether it was removed."""

    job: str
    name: str
    state: str
    seconds: float
    removed: bool


@dataclass
class Canary:
    """A job of that name in a queue; ``job`` is the id that it gets ("": BullMQ chooses one)."""

    url: str
    queue: Queue
    name: str
    job: str

    def run(
        self, data: Mapping[str, Any], seconds: float, report: actions.Report
    ) -> tuple[CanaryJob, list[str]]:
        """Adds the job, waits for it, and removes it in any case. Returns its end, and what is wrong."""
        place = (self.url, self.queue.name, self.queue.prefix)
        began = time.monotonic()
        try:
            self.job = bullmq.add_job(*place, self.name, data, self.job)
            report.log(f"Canary {self.job} ({self.name}) added.")
            state = self._wait_for_end(seconds, report)
            took = round(time.monotonic() - began, 2)
            failures = self.queue.failures(20)
            reason = next((one["reason"] for one in failures if one["id"] == self.job), "no reason given")
        finally:
            # Also after a cancel: a job that no worker takes would stay in the customer's queue.
            removed = not self.job or bullmq.remove_job(*place, self.job)
            report.log(f"Canary {self.job} {'removed' if removed else 'is held by a worker: it stays'}.")
        facts: CanaryJob = {
            "job": self.job,
            "name": self.name,
            "state": state,
            "seconds": took,
            "removed": removed,
        }
        return facts, _judge(state, took, reason)

    def _wait_for_end(self, seconds: float, report: actions.Report) -> str:
        """The state of the job when it has ended, or when its time is over."""
        until = time.monotonic() + seconds
        while (state := self.queue.state_of(self.job)) == "pending" and time.monotonic() < until:
            report.raise_if_cancelled()
            time.sleep(0.05)
        return state


def _judge(state: str, took: float, reason: str) -> list[str]:
    if state == "completed":
        return []
    if state == "failed":
        return [f"The worker failed the canary: {reason}. Does it know this job's name?"]
    if state == "gone":
        return ["Somebody removed the canary from the queue before it ended: start this item again."]
    return [f"The canary has waited for {took:g} s: the worker takes no jobs. Check its log."]
