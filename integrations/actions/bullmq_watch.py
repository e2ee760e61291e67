"""Watches a BullMQ queue: depth, failures, schedules, workers, a canary job of our own, and a retry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.bullmq_backlog import BacklogFacts, BacklogLimits, find_paused, watch_backlog
from integrations.actions.bullmq_canary import Canary, CanaryJob
from integrations.actions.bullmq_library import check_library, describe_missing
from integrations.actions.bullmq_retry import RetryCanary, RetryFacts
from integrations.actions.bullmq_schedules import WantedSchedule, find_wrong_schedules
from integrations.actions.bullmq_workers import WorkerCount, count_workers, find_wrong_workers
from integrations.clients import bullmq
from integrations.clients.bullmq import Queue
from integrations.systems import System

PAUSE = 0.5  # seconds between two reads


@dataclass(frozen=True)
class BullmqWatchParams(actions.ActionParams):
    """The queue, the limits, and the canary job."""

    redis: System
    queue: str
    seconds: float | None
    workers: int | None
    schedules: list[WantedSchedule]
    attempts: int | None
    platform: System | None
    services: list[Any]
    max_waiting: int | None
    max_failed: int | None
    max_oldest: float | None
    canary: str
    canary_data: dict[str, Any]
    canary_seconds: float | None
    retry_canary: str
    retry_data: dict[str, Any]
    retry_seconds: float | None
    patience: float | None


class BullmqWatchEvidence(TypedDict, total=False):
    """What a run records."""

    schedules: list[dict[str, Any]]  # the fields of `bullmq.JobSchedule`
    workers: int
    worker_hosts: list[str]
    services: dict[str, int]  # ready replicas by service; each has one worker
    retry: RetryFacts
    canary: CanaryJob
    depth: dict[str, Any]  # from `bullmq.QueueDepth`
    watched_seconds: float
    completed: int
    completed_per_minute: float
    newly_failed: list[dict[str, str]]
    failures: list[dict[str, str]]


@actions.register
class BullmqWatch(actions.Action[BullmqWatchParams, BullmqWatchEvidence]):
    """Watches for a set time. A broken limit ends it at once, and is a verdict."""

    key, title = "bullmq.watch", "Watch the queue, and run a canary job"
    public_params = frozenset({"queue", "schedules", "services", "canary", "retry_canary"})
    is_check = True
    effect = actions.Effect.IDEMPOTENT  # a canary job has no effect, so it may run twice
    deadline = timedelta(hours=2)

    class Params(actions.ActionForm):
        """``redis`` and ``queue``; ``seconds`` to watch (default 10); ``workers``: the least number of them
        (default 1); ``platform`` and ``services``: the services of which each running replica is one worker,
        so that a worker that does not run is seen although the API takes its jobs; ``schedules``: jobs that
        must be scheduled once, each a name or {job: …, cron: …}; ``attempts``: how often a scheduled job must
        be tried at least; ``max_waiting`` (default 100), ``max_failed``: new failures (default 0);
        ``max_oldest``: seconds that one may wait; ``canary``: name of a job without effect, with
        ``canary_data``, done within ``canary_seconds`` (default 10); ``retry_canary``: name of a job that
        fails with ``retry_data`` before it does anything, tried again within ``retry_seconds`` (default 30);
        ``patience``: seconds in which queue and workers may come up (default 20)."""

        redis = actions.SystemField(kind="redis")
        queue = forms.CharField(max_length=100)
        seconds = forms.FloatField(min_value=0, max_value=7200, required=False)
        workers = forms.IntegerField(min_value=0, required=False)
        schedules = actions.JSONValueField(kind=list, required=False)
        attempts = forms.IntegerField(min_value=1, required=False)
        platform = actions.SystemField(kind="platform", required=False)
        services = actions.JSONValueField(kind=list, required=False)
        max_waiting = forms.IntegerField(min_value=0, required=False)
        max_failed = forms.IntegerField(min_value=0, required=False)
        max_oldest = forms.FloatField(min_value=0, required=False)
        canary = forms.CharField(max_length=100, required=False)
        canary_data = actions.JSONValueField(kind=dict, required=False)
        canary_seconds = forms.FloatField(min_value=0.1, required=False)
        retry_canary = forms.CharField(max_length=100, required=False)
        retry_data = actions.JSONValueField(kind=dict, required=False)
        retry_seconds = forms.FloatField(min_value=1, max_value=600, required=False)
        patience = forms.FloatField(min_value=0, max_value=600, required=False)

        def clean_schedules(self) -> list[WantedSchedule]:
            """Refuses an entry that is neither a name nor a job with its cron pattern."""
            return [WantedSchedule(entry) for entry in self.cleaned_data["schedules"]]

        def clean(self) -> dict[str, Any]:
            """Requires both or neither: services are on a platform."""
            if bool(self.cleaned_data.get("platform")) != bool(self.cleaned_data.get("services")):
                raise forms.ValidationError("platform: and services: go together.")
            return self.cleaned_data

    def resource(self, params: BullmqWatchParams) -> str:
        """One canary job at a time in a queue."""
        return f"queue:{bullmq.address(params.redis['url'])}:{params.queue}"

    def preview(self, params: BullmqWatchParams) -> actions.Preview:
        """What is watched, and for how long."""
        schedules = ", ".join(map(str, params.schedules)) or "none"
        lines = [
            f"Watch for {_limits(params).seconds:g} s how many jobs wait, run and fail in {params.queue}.",
            f"Require at least {_least_workers(params)} connected worker(s).",
            f"Require each of these schedules exactly once: {schedules}.",
        ]
        if params.canary:
            lines.append(
                f"Add the job “{params.canary}”, wait up to {_canary_seconds(params):g} s for it, remove it."
            )
        if params.services:
            lines.append(f"Require one worker for each running replica of {', '.join(params.services)}.")
        if params.retry_canary:
            lines.append(
                f"Add the job “{params.retry_canary}”, which fails, wait up to {_retry_seconds(params):g} s "
                "until it is tried again, remove it."
            )
        return actions.Preview(lines, where=bullmq.address(params.redis["url"]))

    def before(self, params: BullmqWatchParams) -> dict[str, Any]:
        """The depth of the queue, and the ids of our jobs."""
        with bullmq.connect(params.redis["url"]) as client:
            depth = _queue(params, client).depth().as_facts()
        return {"depth": depth, "canary": _canary_id(params), "retry": _retry_id(params)}

    def run(
        self, params: BullmqWatchParams, report: actions.RunReport[BullmqWatchEvidence]
    ) -> actions.Outcome:
        """Records evidence also when a limit is broken."""
        with bullmq.connect(params.redis["url"]) as client:
            queue = _queue(params, client)
            _wait_for_workers(params, queue, report)
            if not queue.exists():
                return actions.Outcome(False, describe_missing(queue))
            wrong = check_library(queue, bool(params.canary or params.retry_canary), report)
            wrong += _check_schedules(params, queue, report)
            wrong += _check_workers(params, queue, report)
            wrong += find_paused(queue)
            if not wrong and params.canary:
                wrong += _run_canary(params, queue, report)
            if not wrong and params.retry_canary:
                wrong += _run_retry(params, queue, report)
            if not wrong:
                wrong += watch_backlog(queue, _limits(params), report, lambda facts: _record(facts, report))
            report.evidence({"failures": queue.failures()})
        if wrong:
            return actions.Outcome(False, " ".join(wrong))
        done = f", and a worker did the canary “{params.canary}”" if params.canary else ""
        done += ", and tried a failed job again" if params.retry_canary else ""
        return actions.Outcome(True, f"{params.queue}: no backlog, no failures{done}.")

    def probe(self, params: BullmqWatchParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether a job of the lost attempt is still in the queue."""
        with bullmq.connect(params.redis["url"]) as client:
            queue = _queue(params, client)
            depth = queue.depth().as_facts()
            jobs = {str(before.get(name) or ""): "" for name in ("canary", "retry")}
            left = {job: state for job in jobs if job and (state := queue.state_of(job)) != "gone"}
        if not left:
            return actions.Finding(
                actions.ProbeStatus.NOT_DONE, "The watch changed nothing, and no canary job is left.", depth
            )
        there = ", ".join(f"{job}: {state}" for job, state in left.items())
        observed = f"The canary job is still in {params.queue} ({there}). It is safe to start again."
        return actions.Finding(actions.ProbeStatus.PARTIAL, observed, depth)


def _queue(params: BullmqWatchParams, client: bullmq.RedisClient) -> Queue:
    return Queue(client, params.queue, params.redis.get("prefix", "bull"))


def _least_workers(params: BullmqWatchParams) -> int:
    return 1 if params.workers is None else params.workers


def _canary_seconds(params: BullmqWatchParams) -> float:
    return params.canary_seconds or 10.0


def _retry_seconds(params: BullmqWatchParams) -> float:
    return params.retry_seconds or 30.0


def _count(params: BullmqWatchParams, queue: Queue) -> WorkerCount:
    least, attempt = _least_workers(params), params.context.attempt
    return count_workers(queue, least, params.platform, list(map(str, params.services)), attempt)


def _wait_for_workers(params: BullmqWatchParams, queue: Queue, report: actions.Report) -> None:
    """Waits, within the patience, for workers that were started just now."""
    began, patience = time.monotonic(), 20.0 if params.patience is None else params.patience
    while not (queue.exists() and _count(params, queue).is_right):
        report.raise_if_cancelled()
        waited = time.monotonic() - began
        if waited >= patience:
            return
        report.progress(waited, patience, "the worker is not connected yet")
        time.sleep(PAUSE)


def _check_schedules(
    params: BullmqWatchParams, queue: Queue, report: actions.RunReport[BullmqWatchEvidence]
) -> list[str]:
    """What is wrong with the schedules, those of BullMQ 5 and of its older versions."""
    found = queue.schedules()
    shown = (
        f"{one.name} ({one.pattern or one.every or one.id}, next in {one.due_in:.0f} s)" for one in found
    )
    report.log(f"Schedules: {', '.join(shown) or 'none'}")
    report.evidence({"schedules": [asdict(one) for one in found]})
    return find_wrong_schedules(params.schedules, found, params.attempts, queue.queued_runs())


def _check_workers(
    params: BullmqWatchParams, queue: Queue, report: actions.RunReport[BullmqWatchEvidence]
) -> list[str]:
    count = _count(params, queue)
    for service in count.services:
        report.log(str(service))
    report.log(f"Workers connected: {len(count.hosts)}")
    replicas = {one.name: one.ready for one in count.services}
    report.evidence({"workers": len(count.hosts), "worker_hosts": count.hosts, "services": replicas})
    return find_wrong_workers(queue.name, count)


def _run_canary(
    params: BullmqWatchParams, queue: Queue, report: actions.RunReport[BullmqWatchEvidence]
) -> list[str]:
    canary = Canary(params.redis["url"], queue, params.canary, _canary_id(params))
    data = {"from": "cutover", "attempt": params.context.attempt, **params.canary_data}
    facts, problems = canary.run(data, _canary_seconds(params), report)
    report.evidence({"canary": facts})
    return problems


def _run_retry(
    params: BullmqWatchParams, queue: Queue, report: actions.RunReport[BullmqWatchEvidence]
) -> list[str]:
    """With the options of the queue's own scheduled jobs: those of the stack, not of the panel."""
    jobs = (one.next_job for one in queue.schedules() if one.next_job)
    options = next((found for job in jobs if (found := queue.options_of(job))), {})
    canary = RetryCanary(params.redis["url"], queue, params.retry_canary, _retry_id(params), options)
    facts, problems = canary.run(params.retry_data, _retry_seconds(params), report)
    report.evidence({"retry": facts})
    return problems


def _canary_id(params: BullmqWatchParams) -> str:
    """An id of our own, by which a probe finds the job."""
    return f"cutover-{params.context.attempt}" if params.canary and params.context.attempt else ""


def _retry_id(params: BullmqWatchParams) -> str:
    attempt = params.context.attempt
    return f"cutover-{attempt}-retry" if params.retry_canary and attempt else ""


def _record(facts: BacklogFacts, report: actions.RunReport[BullmqWatchEvidence]) -> None:
    report.evidence(
        {
            "depth": facts["depth"],
            "watched_seconds": facts["watched_seconds"],
            "completed": facts["completed"],
            "completed_per_minute": facts["completed_per_minute"],
            "newly_failed": facts["newly_failed"],
        }
    )


def _limits(params: BullmqWatchParams) -> BacklogLimits:
    most = 100 if params.max_waiting is None else params.max_waiting
    seconds = 10.0 if params.seconds is None else params.seconds
    return BacklogLimits(seconds, most, params.max_failed or 0, params.max_oldest)
