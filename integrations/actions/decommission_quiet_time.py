"""Decides whether the old stack has served no request for the agreed time, and serves none in a watch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NotRequired, TypedDict

from integrations import actions
from integrations.actions.service_stop import ServiceStopEvidence
from integrations.clients.http import HttpClient
from integrations.errors import Unreachable
from integrations.systems import System
from integrations.traffic import traffic_probe
from integrations.traffic.request_counter import RequestCount, TrafficCounter

WATCH = 60  # seconds of the watch, where the runbook does not say


@dataclass(frozen=True)
class QuietParams(actions.ActionParams):
    """The old stack, where its requests are counted, the agreed time without requests, and the item that
    stopped it, if any."""

    old: System
    quiet_minutes: float
    watch_seconds: float | None
    stopped: actions.EarlierItem[ServiceStopEvidence] | None
    counted_at: list[System]

    def counter(self) -> TrafficCounter:
        """Where the requests to the old stack are counted."""
        return TrafficCounter(self.context.systems, self.counted_at, self.old)


class QuietTime(TypedDict):
    """What was observed of the old stack's requests.

    ``before`` and ``after`` are its counter at both ends of the watch (`RequestCount`), read at
    ``counted_at``. A stack that was stopped before has ``stopped_at``, and ``seen_running``: whether it was
    started again; it has a counter only where load balancers count requests that reach nobody.
    """

    quiet_minutes: float
    watched_seconds: float
    before: NotRequired[dict[str, Any]]
    after: NotRequired[dict[str, Any] | None]
    stopped_at: NotRequired[str]
    seen_running: NotRequired[bool]
    counted_at: NotRequired[str]


def find_use(params: QuietParams, report: actions.Report, record: Callable[[QuietTime], None]) -> str:
    """Why the old stack still counts as used, in a sentence; "" when nothing speaks against archiving.

    ``record`` gets the facts as soon as they are known, so that they are kept also after a cancel.
    """
    http_client = HttpClient.of(params.context.systems)
    watch = params.watch_seconds or WATCH
    if params.stopped and not answers(http_client, params.old):
        return _find_use_of_stopped(http_client, params, params.stopped, report, record, watch)
    counter = params.counter()
    start = counter.read_old()
    facts: QuietTime = {
        "quiet_minutes": params.quiet_minutes,
        "watched_seconds": watch,
        "before": start.as_facts(),
        "after": None,
        "counted_at": counter.where,
    }
    record(facts)
    report.log(f"{params.old.name}: {start.total} requests so far, the last {start.last_at or 'none'}.")
    quiet_until = (start.known_quiet_from or start.read_at) + timedelta(minutes=params.quiet_minutes)
    if quiet_until > start.read_at + timedelta(seconds=watch):
        return _describe_too_early(start, quiet_until, params)
    end = _watch_counter(counter, report, start, watch)
    record({**facts, "after": end.as_facts()})
    if end.total > start.total:
        return (
            f"“{params.old.name}” served {end.total - start.total} request(s) in the watch: find out whose."
        )
    # A smaller counter, or another start of counting: requests before the restart are not known.
    if end.total < start.total or end.since != start.since:
        return (
            f"“{params.old.name}” or what counts its requests was restarted in the watch: the counter says "
            "nothing about the time before."
        )
    return "" if quiet_until <= end.read_at else _describe_too_early(end, quiet_until, params)


def _find_use_of_stopped(
    http_client: HttpClient,
    params: QuietParams,
    item: actions.EarlierItem[ServiceStopEvidence],
    report: actions.Report,
    record: Callable[[QuietTime], None],
    watch: float,
) -> str:
    """The same for a stack that an earlier item stopped: it must not have been started since."""
    at = item.evidence.get("looked_at")
    if not at:
        return f"“{params.old.name}” is silent, and “{item.key}” has not stopped it: since when is not known."
    since, began = datetime.fromisoformat(at), time.monotonic()
    facts: QuietTime = {
        "quiet_minutes": params.quiet_minutes,
        "watched_seconds": watch,
        "stopped_at": at,
        "seen_running": False,
    }
    record(facts)
    report.log(f"{params.old.name} has been stopped since {at}.")
    until = since + timedelta(minutes=params.quiet_minutes)
    # Waiting for more than the watch itself would keep a worker busy: a person comes back instead.
    if until > datetime.now(UTC) + timedelta(seconds=watch):
        return (
            f"“{params.old.name}” was stopped at {since:%Y-%m-%d %H:%M:%S %Z}; {params.quiet_minutes:g} "
            f"minutes of silence were agreed: come back after {until:%Y-%m-%d %H:%M:%S %Z}."
        )
    counter = params.counter() if params.counted_at else None
    start = counter.read_old() if counter else None
    if counter and start:
        facts = {**facts, "before": start.as_facts(), "after": None, "counted_at": counter.where}
        record(facts)
    if _answers_within(http_client, params.old, report, began, watch):
        record({**facts, "seen_running": True})
        return f"“{params.old.name}” was started again in the watch: find out by whom."
    if not counter or not start:
        return ""
    end = counter.read_old()
    record({**facts, "after": end.as_facts()})
    return _find_lost_requests(params.old, start, end)


def _answers_within(
    http_client: HttpClient, old: System, report: actions.Report, began: float, watch: float
) -> bool:
    """Watches the stopped stack for ``watch`` seconds from ``began``: did it answer once?"""
    while (passed := time.monotonic() - began) < watch:
        report.progress(passed, watch, "it stays silent")
        report.raise_if_cancelled()
        if answers(http_client, old):
            return True
        time.sleep(min(1.0, watch / 10))
    return False


def _find_lost_requests(old: System, start: RequestCount, end: RequestCount) -> str:
    if end.total < start.total or end.since != start.since:
        return f"What counts the requests to “{old.name}” was restarted in the watch: start this again."
    if end.total == start.total:
        return ""
    return (
        f"{end.total - start.total} request(s) were passed to “{old.name}” in the watch, although it is "
        "stopped: their senders got an error. Find out whose they were, and take it out of the load balancer."
    )


def _describe_too_early(now: RequestCount, until: datetime, params: QuietParams) -> str:
    if now.known_quiet_from is None:
        return (
            f"The counter of “{params.old.name}” does not say since when it counts, so nothing is known of "
            f"the last {params.quiet_minutes:g} minutes: watch it that long (watch_seconds)."
        )
    came = f"served a request at {now.last_at:%Y-%m-%d %H:%M:%S %Z}" if now.last_at else "was started lately"
    return (
        f"“{params.old.name}” {came}; {params.quiet_minutes:g} minutes of silence were agreed: find out "
        f"whose it was, and come back after {until:%Y-%m-%d %H:%M:%S %Z}."
    )


def _watch_counter(
    counter: TrafficCounter, report: actions.Report, start: RequestCount, seconds: float
) -> RequestCount:
    """Reads the counter until the time is over or a request shows; returns the last reading."""
    began, now = time.monotonic(), start
    while True:
        passed = time.monotonic() - began
        report.progress(min(passed, seconds), seconds, f"{now.total - start.total} requests meanwhile")
        report.measure(old_requests=now.total)
        if passed >= seconds or now.total != start.total:
            return now
        report.raise_if_cancelled()
        time.sleep(min(1.0, seconds / 10))
        now = counter.read_old()


def answers(http_client: HttpClient, stack: System) -> bool:
    """Whether the stack itself answers; an error page of a load balancer in front of it does not count."""
    try:
        path = traffic_probe.marker_path(stack)
        reply = http_client.request(stack["url"], path, timeout=5)
    except Unreachable:
        return False
    return traffic_probe.is_stack_answering(reply, path, stack)
