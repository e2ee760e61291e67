"""Watches a BullMQ queue: depth, pace, failures, schedules, workers, and a canary job of our own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
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
from integrations.clients.bullmq import Depth, Ended, Queue

PAUSE = 0.5  # seconds between two looks
LATE = 120  # seconds after which a schedule that did not run is overdue


@register
class BullmqWatch(Action):
    """Looks for a set time; a bound that is broken ends it red, at once."""

    key, title = "bullmq.watch", "Watch the queue and send a canary job through the worker"
    effect = Effect.IDEMPOTENT  # a canary that is sent twice is answered twice, and changes nothing
    deadline = timedelta(hours=2)

    class Params(ActionForm):
        """``redis`` and ``queue``; ``seconds`` to watch (default 10); ``workers``: at least so many (default
        1); ``schedules``: names that must be there once each; ``max_waiting`` (default 100), ``max_failed``:
        new failures (default 0); ``max_oldest``: seconds that a job may wait; ``canary``: name of a job
        without effect, with ``canary_data``, done within ``canary_seconds`` (default 10); ``patience``:
        seconds in which queue and workers may come up (default 20)."""

        redis = SystemField(kind="redis")
        queue = forms.CharField(max_length=100)
        seconds = forms.FloatField(min_value=0, max_value=7200, required=False)
        workers = forms.IntegerField(min_value=0, required=False)
        schedules = JSONValueField(kind=list, required=False)
        max_waiting = forms.IntegerField(min_value=0, required=False)
        max_failed = forms.IntegerField(min_value=0, required=False)
        max_oldest = forms.FloatField(min_value=0, required=False)
        canary = forms.CharField(max_length=100, required=False)
        canary_data = JSONValueField(kind=dict, required=False)
        canary_seconds = forms.FloatField(min_value=0.1, required=False)
        patience = forms.FloatField(min_value=0, max_value=600, required=False)

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
                f"Add the job “{params.canary}”, see it done within {_canary_seconds(params):g} s, remove it."
            )
        return Preview(lines, where=bullmq.address(params.redis["url"]))

    def before(self, params: Values) -> dict[str, Any]:
        """Counts before, and the canary's id."""
        with bullmq.connected(params.redis["url"]) as client:
            return {"depth": _queue(params, client).depth().as_facts(), "canary": _canary_id(params)}

    def run(self, params: Values, report: Report) -> Outcome:
        """Evidence is left also when it ends red."""
        with bullmq.connected(params.redis["url"]) as client:
            queue = _queue(params, client)
            _come_up(params, queue, report)
            if not queue.exists():
                return Outcome(False, _nowhere(params))
            wrong = [*_schedules(params, queue, report), *_too_few_workers(params, queue, report)]
            wrong += _paused(queue)
            if not wrong and params.canary:
                wrong += _canary(params, queue, report)
            if not wrong:
                wrong += _watch(params, queue, report)
            report.evidence(failures=queue.failures())
        if wrong:
            return Outcome(False, " ".join(wrong))
        return Outcome(True, f"{params.queue}: nothing piles up, nothing fails{_done_canary(params)}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Whether the canary of the lost attempt is still in the queue."""
        with bullmq.connected(params.redis["url"]) as client:
            queue = _queue(params, client)
            depth, job = queue.depth().as_facts(), str(before.get("canary") or "")
            state = queue.state_of(job) if job else "gone"
        if state == "gone":
            return Finding(Seen.NOT_DONE, "Watching leaves nothing behind; no canary is left.", depth)
        saw = f"The canary {job} is still in {params.queue}: {state}. It does nothing; trying again is safe."
        return Finding(Seen.PARTIAL, saw, depth)


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


def _come_up(params: Values, queue: Queue, report: Report) -> None:
    """Waits for a worker that was started just now, but not for one that does not come."""
    began, patience = time.monotonic(), 20.0 if params.patience is None else params.patience
    while not (queue.exists() and queue.workers() >= _workers(params)):
        report.raise_if_cancelled()
        waited = time.monotonic() - began
        if waited >= patience:
            return
        report.progress(waited, patience, "the worker is not connected yet")
        time.sleep(PAUSE)


def _nowhere(params: Values) -> str:
    prefix = params.redis.get("prefix", "bull")
    return (
        f"There is no queue {prefix}:{params.queue} in this Redis. No API or worker has used it yet: "
        "start the worker, and check that its REDIS_URL and prefix are these."
    )


def _schedules(params: Values, queue: Queue, report: Report) -> list[str]:
    """Each of the asked ones once, whether BullMQ 5 made it or one of its older versions, and none late."""
    found = queue.schedules()
    report.log(f"Schedules: {', '.join(f'{one.id} (next in {one.due_in:.0f} s)' for one in found) or 'none'}")
    report.evidence(schedules=[asdict(one) for one in found])
    said = []
    for name in params.schedules:
        its = [one for one in found if name in (one.id, one.name)]
        late = min((one.due_in for one in its), default=0.0)
        if not its:
            said.append(f"Not scheduled: {name}. The worker makes its schedules when it starts.")
        elif len(its) > 1:
            ids = ", ".join(one.id for one in its)
            said.append(f"Scheduled {len(its)} times: {name} ({ids}). People would get it twice: remove one.")
        elif late < -LATE:
            said.append(f"{name} is {-late:.0f} s overdue: no worker takes it. Look into the worker's log.")
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


def _paused(queue: Queue) -> list[str]:
    if not queue.is_paused():
        return []
    return [f"{queue.name} is paused: workers take no jobs. Resume it, if nobody paused it on purpose."]


def _canary_id(params: Values) -> str:
    """A name of our own, so that whoever looks later knows which it is."""
    return f"cutover-{params.context.attempt}" if params.canary and params.context.attempt else ""


def _canary(params: Values, queue: Queue, report: Report) -> list[str]:
    """Sends it, waits for it, and takes it away again, however it ends."""
    at = (params.redis["url"], queue.name, queue.prefix)
    data = {"from": "cutover", "attempt": params.context.attempt, **params.canary_data}
    began, job = time.monotonic(), _canary_id(params)
    try:
        job = bullmq.send(*at, params.canary, data, job)
        report.log(f"Canary {job} ({params.canary}) added.")
        state = _awaited(params, queue, job, report)
        took = round(time.monotonic() - began, 2)
        reason = next((f["reason"] for f in queue.failures(20) if f["id"] == job), "no reason given")
    finally:
        removed = not job or bullmq.remove(*at, job)
        report.log(f"Canary {job} {'taken away' if removed else 'is held by a worker: it stays'}.")
    report.evidence(
        canary={"job": job, "name": params.canary, "state": state, "seconds": took, "removed": removed}
    )
    return _canary_said(state, took, reason)


def _awaited(params: Values, queue: Queue, job: str, report: Report) -> str:
    """Its state, when it has ended or its time is over."""
    until = time.monotonic() + _canary_seconds(params)
    while (state := queue.state_of(job)) == "pending" and time.monotonic() < until:
        report.raise_if_cancelled()
        time.sleep(0.05)
    return state


def _canary_said(state: str, took: float, reason: str) -> list[str]:
    if state == "completed":
        return []
    if state == "failed":
        return [f"The worker failed the canary: {reason}. Does it know this job's name?"]
    if state == "gone":
        return ["Somebody took the canary out of the queue before it was seen done: try again."]
    return [f"The canary waits for {took:g} s already: the worker takes no jobs. Look into its log."]


def _watch(params: Values, queue: Queue, report: Report) -> list[str]:
    began, ended, seconds = time.monotonic(), Ended(), _seconds(params)
    while True:
        ended.look(queue)
        depth, gone = queue.depth(), time.monotonic() - began
        pace = round(ended.completed / max(gone, 1.0) * 60, 1)
        report.measure(
            waiting=depth.waiting, active=depth.active, failed=depth.failed, completed_per_minute=pace
        )
        report.progress(min(gone, seconds), seconds, f"{depth.waiting} waiting, {depth.active} active")
        report.evidence(
            depth=depth.as_facts(),
            watched_seconds=round(gone, 1),
            completed=ended.completed,
            completed_per_minute=pace,
            newly_failed=ended.failures,
        )
        broken = [*_broken(params, ended, depth), *_paused(queue)]
        if broken or gone >= seconds:
            return broken
        report.raise_if_cancelled()
        time.sleep(PAUSE)


def _broken(params: Values, ended: Ended, depth: Depth) -> list[str]:
    most = 100 if params.max_waiting is None else params.max_waiting
    said = []
    if depth.waiting > most:
        said.append(f"{depth.waiting} jobs wait, the bound is {most}: the worker is too slow, or down.")
    if params.max_oldest is not None and depth.oldest_waiting > params.max_oldest:
        waits = f"{depth.oldest_waiting:.0f} s, the bound is {params.max_oldest:g} s"
        said.append(f"The oldest job waits for {waits}: the worker is too slow, or stuck.")
    if ended.failed > (params.max_failed or 0):
        said.append(f"{ended.failed} job(s) failed while we looked: their reasons are in the evidence.")
    return said
