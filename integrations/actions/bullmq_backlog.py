"""Watches a queue for a set time: jobs that pile up, fail, or are held by no worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from integrations import actions
from integrations.clients.bullmq import EndedJobs, Queue, QueueDepth

PAUSE = 0.5  # seconds between two reads
STALLED_READS = 2  # in a row: a job is moved and locked in one step, but our reads are several


class BacklogFacts(TypedDict):
    """One read: the depth, and what ended since the watch began."""

    depth: dict[str, Any]  # from `bullmq.QueueDepth`
    watched_seconds: float
    completed: int
    completed_per_minute: float
    newly_failed: list[dict[str, str]]


@dataclass(frozen=True)
class BacklogLimits:
    """How long to watch, and the limits; ``max_oldest``: seconds that one job may wait, None: any."""

    seconds: float
    max_waiting: int
    max_failed: int
    max_oldest: float | None

    def find_broken(self, ended: EndedJobs, depth: QueueDepth) -> list[str]:
        """A sentence about each broken limit."""
        broken = []
        if depth.waiting > self.max_waiting:
            late = f", {depth.overdue} of them delayed jobs whose time is over" if depth.overdue else ""
            broken.append(
                f"{depth.waiting} jobs wait{late}, the limit is {self.max_waiting}: the worker is too slow, "
                "or down."
            )
        if self.max_oldest is not None and depth.oldest_waiting > self.max_oldest:
            waits = f"{depth.oldest_waiting:.0f} s, the limit is {self.max_oldest:g} s"
            broken.append(f"The oldest job waits for {waits}: the worker is too slow, or stuck.")
        if ended.failed > self.max_failed:
            broken.append(
                f"{ended.failed} job(s) failed during the watch: their reasons are in the evidence."
            )
        return broken


def watch_backlog(
    queue: Queue, limits: BacklogLimits, report: actions.Report, record: Callable[[BacklogFacts], None]
) -> list[str]:
    """Reads the queue until the time is over or a limit is broken; returns the broken limits."""
    began, ended, stalled = time.monotonic(), EndedJobs(), 0
    while True:
        ended.update(queue)
        depth, elapsed = queue.depth(), time.monotonic() - began
        stalled = stalled + 1 if depth.stalled else 0
        record(_measure(ended, depth, elapsed, limits.seconds, report))
        broken = [*limits.find_broken(ended, depth), *find_paused(queue)]
        if stalled >= STALLED_READS:
            broken.append(
                f"{depth.stalled} active job(s) are held by no worker: the worker that took them is gone. "
                "Check its log; BullMQ runs them again when a worker is there."
            )
        if broken or (elapsed >= limits.seconds and not stalled):
            return broken
        report.raise_if_cancelled()
        time.sleep(PAUSE)


def _measure(
    ended: EndedJobs, depth: QueueDepth, elapsed: float, seconds: float, report: actions.Report
) -> BacklogFacts:
    per_minute = round(ended.completed / max(elapsed, 1.0) * 60, 1)
    report.measure(
        waiting=depth.waiting, active=depth.active, failed=depth.failed, completed_per_minute=per_minute
    )
    report.progress(min(elapsed, seconds), seconds, f"{depth.waiting} waiting, {depth.active} active")
    return {
        "depth": depth.as_facts(),
        "watched_seconds": round(elapsed, 1),
        "completed": ended.completed,
        "completed_per_minute": per_minute,
        "newly_failed": ended.failures,
    }


def find_paused(queue: Queue) -> list[str]:
    """A sentence when the queue is paused."""
    if not queue.is_paused():
        return []
    return [f"{queue.name} is paused: workers take no jobs. Resume it, unless somebody paused it on purpose."]
