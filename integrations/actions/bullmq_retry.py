"""A job that fails before it does anything, to prove that a worker tries a failed job again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from integrations import actions
from integrations.clients import bullmq
from integrations.clients.bullmq import Queue

POLL = 0.1  # seconds between two reads of the job
RELEASE_WAIT = 5.0  # seconds in which a worker lets go of a job that it has failed
#: used where no job of the queue says how its jobs are tried
FALLBACK = {"attempts": 2, "backoff": {"type": "fixed", "delay": 1000}}
NOT_PROVEN = [
    "that a job with an effect is tried again after a real failure: this one fails before it does anything",
    "any try after the second",
    "which program's worker took it: BullMQ does not say to which program a worker belongs",
]


class RetryFacts(TypedDict):
    """The job: how often a worker began it, why it failed, and the options that it had.

    ``pause``: seconds from its first failure to the second try (None: there was none). ``not_proven``: what
    this does not prove.
    """

    job: str
    name: str
    tries: int
    reason: str
    options: dict[str, Any]
    pause: float | None
    removed: bool
    not_proven: list[str]


@dataclass
class RetryCanary:
    """A job of that name in a queue, with the retry options of the queue's own jobs where they are known."""

    url: str
    queue: Queue
    name: str
    job: str
    options: Mapping[str, Any]

    def run(
        self, data: Mapping[str, Any], seconds: float, report: actions.Report
    ) -> tuple[RetryFacts, list[str]]:
        """Adds the job, waits for its second try, removes it in any case. Returns facts, what is wrong."""
        place, options = (self.url, self.queue.name, self.queue.prefix), dict(self.options) or dict(FALLBACK)
        pause, removed = None, False
        try:
            self.job = bullmq.add_job(*place, self.name, data, self.job, options)
            report.log(f"{self.job} ({self.name}) added: it fails, and has to be tried again.")
            pause = self._wait_for_second_try(seconds, report)
            tries, reason = self.queue.tries_of(self.job)
            state = self.queue.state_of(self.job)
        finally:
            removed = not self.job or self._remove(place)
            report.log(f"{self.job} {'removed' if removed else 'is held by a worker: it stays'}.")
        facts: RetryFacts = {
            "job": self.job,
            "name": self.name,
            "tries": tries,
            "reason": reason,
            "options": options,
            "pause": pause,
            "removed": removed,
            "not_proven": NOT_PROVEN,
        }
        return facts, _judge(facts, state, seconds)

    def _wait_for_second_try(self, seconds: float, report: actions.Report) -> float | None:
        """The seconds from the first failure to the second try; None when there was none in time."""
        until, failed_at = time.monotonic() + seconds, 0.0
        while time.monotonic() < until and self.queue.state_of(self.job) == "pending":
            report.raise_if_cancelled()
            tries, reason = self.queue.tries_of(self.job)
            if tries >= 2:
                return round(time.monotonic() - failed_at, 1)
            if tries == 1 and reason and not failed_at:
                failed_at = time.monotonic()
                report.log(f"It failed as intended ({reason}); waiting for the second try.")
            time.sleep(POLL)
        return None

    def _remove(self, place: tuple[str, str, str]) -> bool:
        """A worker may still hold the job: it is asked again until that worker has failed it."""
        until = time.monotonic() + RELEASE_WAIT
        while not (removed := bullmq.remove_job(*place, self.job)) and time.monotonic() < until:
            time.sleep(POLL)
        return removed


def _judge(facts: RetryFacts, state: str, seconds: float) -> list[str]:
    name, tries = facts["name"], facts["tries"]
    if tries >= 2:
        return []
    if state == "completed":
        return [
            f"The worker completed “{name}”, so no retry was proven. Name a job that fails in retry_canary:."
        ]
    if state == "failed":
        return [f"“{name}” was given up after {tries} try: {facts['reason']}. The worker does not try again."]
    if not tries:
        return [f"“{name}” has waited for {seconds:g} s: the worker takes no jobs. Check its log."]
    return [
        f"“{name}” failed once ({facts['reason']}) and was not tried again within {seconds:g} s. Check the "
        "worker's log, and that the pause between two tries is shorter (retry_seconds:)."
    ]
