"""Watches a BullMQ queue: depth, pace, failures, schedules, workers, and a canary job of our own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import bullmq
from integrations.clients.bullmq import Depth, Queue

PAUSE = 0.5  # seconds between two looks


@register
class BullmqWatch(Action):
    """Looks for a set time; a bound that is broken ends it red, at once."""

    key, title = "bullmq.watch", "Watch the queue and send a canary job through the worker"
    effect = Effect.IDEMPOTENT  # a canary that is sent twice is answered twice, and changes nothing
    deadline = timedelta(hours=2)

    class Params(ActionForm):
        """``redis`` and ``queue``; ``seconds`` to watch (default 10); ``workers``: at least so many (default
        1); ``schedules``: names that must be there once each; ``max_waiting`` (default 100), ``max_failed``:
        new failures (default 0); ``canary``: name of a job without effect, done within ``canary_seconds``."""

        redis = SystemField(kind="redis")
        queue = forms.CharField(max_length=100)
        seconds = forms.FloatField(min_value=0, max_value=7200, required=False)
        workers = forms.IntegerField(min_value=0, required=False)
        schedules = JSONValueField(kind=list, required=False)
        max_waiting = forms.IntegerField(min_value=0, required=False)
        max_failed = forms.IntegerField(min_value=0, required=False)
        canary = forms.CharField(max_length=100, required=False)
        canary_seconds = forms.FloatField(min_value=0.1, required=False)

    def resource(self, params: Values) -> str:
        """One canary at a time in a queue."""
        return f"queue:{bullmq.address(params.redis['url'])}:{params.queue}"

    def preview(self, params: Values) -> Preview:
        """What is looked at, and for how long."""
        lines = [
            f"For {_seconds(params):g} s: how many jobs wait, run and fail in {params.queue}.",
            f"At least {_workers(params)} worker(s) connected.",
            f"Schedules that are there once each: {', '.join(params.schedules) or 'none asked for'}.",
        ]
        if params.canary:
            lines.append(
                f"Add the job “{params.canary}” and see it done within {_canary_seconds(params):g} s."
            )
        return Preview(lines, where=bullmq.address(params.redis["url"]))

    def before(self, params: Values) -> dict[str, Any]:
        """Counts before."""
        with bullmq.connected(params.redis["url"]) as client:
            return {"depth": _queue(params, client).depth().as_facts()}

    def run(self, params: Values, report: Report) -> Outcome:
        """Evidence is left also when it ends red."""
        with bullmq.connected(params.redis["url"]) as client:
            queue = _queue(params, client)
            if not queue.exists():
                return Outcome(False, _nowhere(params))
            wrong = [*_schedules(params, queue, report), *_too_few_workers(params, queue, report)]
            if not wrong and params.canary:
                wrong += _canary(params, queue, report)
            if not wrong:
                wrong += _watch(params, queue, report)
            report.evidence(failures=queue.failures())
        if wrong:
            return Outcome(False, " ".join(wrong))
        return Outcome(True, f"{params.queue}: nothing piles up, nothing fails{_done_canary(params)}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Watching leaves nothing; a canary that waits still would be seen in the counts."""
        with bullmq.connected(params.redis["url"]) as client:
            depth = _queue(params, client).depth()
        return Finding(Seen.NOT_DONE, "Watching leaves nothing behind.", depth.as_facts())


def _queue(params: Values, client: bullmq.Client) -> Queue:
    return Queue(client, params.queue, params.redis.get("prefix", "bull"))


def _seconds(params: Values) -> float:
    return 10.0 if params.seconds is None else float(params.seconds)


def _workers(params: Values) -> int:
    return 1 if params.workers is None else int(params.workers)


def _canary_seconds(params: Values) -> float:
    return params.canary_seconds or 10.0


def _done_canary(params: Values) -> str:
    return f", and the worker did the canary “{params.canary}”" if params.canary else ""


def _nowhere(params: Values) -> str:
    prefix = params.redis.get("prefix", "bull")
    return (
        f"There is no queue {prefix}:{params.queue} in this Redis. No API or worker has used it yet: "
        "start the worker, and check that its REDIS_URL and prefix are these."
    )


def _schedules(params: Values, queue: Queue, report: Report) -> list[str]:
    found = queue.schedules()
    report.log(f"Schedules: {', '.join(sorted(found)) or 'none'}")
    report.evidence(schedules=sorted(found))
    missing = [name for name in params.schedules if name not in found]
    twice = [name for name in params.schedules if found.count(name) > 1]
    said = []
    if missing:
        said.append(f"Not scheduled: {', '.join(missing)}. The worker makes its schedules when it starts.")
    if twice:
        said.append(f"Scheduled more than once: {', '.join(twice)}. People would get it twice: remove one.")
    return said


def _too_few_workers(params: Values, queue: Queue, report: Report) -> list[str]:
    count = queue.workers()
    report.log(f"Workers connected: {count}")
    report.evidence(workers=count)
    if count >= _workers(params):
        return []
    return [
        f"{count} worker(s) of {params.queue} are connected, {_workers(params)} should be. Start the worker."
    ]


def _canary(params: Values, queue: Queue, report: Report) -> list[str]:
    began = time.monotonic()
    job = bullmq.send(
        params.redis["url"],
        queue.name,
        queue.prefix,
        params.canary,
        {"from": "cutover", "attempt": params.context.attempt},
    )
    report.log(f"Canary {job} ({params.canary}) added.")
    while (state := queue.state_of(job)) == "pending" and time.monotonic() - began < _canary_seconds(params):
        report.raise_if_cancelled()
        time.sleep(0.05)
    took = round(time.monotonic() - began, 2)
    report.evidence(canary={"job": job, "name": params.canary, "state": state, "seconds": took})
    if state == "completed":
        bullmq.remove(params.redis["url"], queue.name, queue.prefix, job)
        report.log(f"Canary done after {took} s, and taken away.")
        return []
    if state == "failed":
        reason = next((f["reason"] for f in queue.failures(20) if f["id"] == job), "")
        return [f"The worker failed the canary: {reason or 'no reason given'}. Does it know this job's name?"]
    return [f"The canary waits for {took:g} s already: the worker takes no jobs. Look into its log."]


def _watch(params: Values, queue: Queue, report: Report) -> list[str]:
    first, began = queue.depth(), time.monotonic()
    most = {
        "wait": 100 if params.max_waiting is None else params.max_waiting,
        "failed": params.max_failed or 0,
    }
    done_before, seconds = queue.finished(), _seconds(params)
    depth = first
    while True:
        depth, gone = queue.depth(), time.monotonic() - began
        pace = (queue.finished() - done_before) / max(gone, 1.0) * 60
        report.measure(
            waiting=depth.wait, active=depth.active, failed=depth.failed, completed_per_minute=round(pace, 1)
        )
        report.progress(min(gone, seconds), seconds, f"{depth.wait} waiting, {depth.active} active")
        broken = _broken(first, depth, most)
        if broken or gone >= seconds:
            report.evidence(depth=depth.as_facts(), watched_seconds=round(gone, 1), completed_per_minute=pace)
            return broken
        report.raise_if_cancelled()
        time.sleep(PAUSE)


def _broken(first: Depth, depth: Depth, most: Mapping[str, int]) -> list[str]:
    said = []
    if depth.wait > most["wait"]:
        said.append(f"{depth.wait} jobs wait, the bound is {most['wait']}: the worker is too slow, or down.")
    if depth.failed - first.failed > most["failed"]:
        said.append(
            f"{depth.failed - first.failed} job(s) failed while we looked: their reasons are in the evidence."
        )
    return said
