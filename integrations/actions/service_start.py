"""Starts services and waits until they are ready."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict

from django import forms

from integrations import actions
from integrations.actions.platform_services import (
    POLL_SECONDS,
    WAIT_SECONDS,
    ServiceAction,
    ServiceFacts,
    ServiceParams,
    describe_logs,
    describe_warnings,
    refuse_unknown_services,
    service_facts,
    wait_for_services,
)
from integrations.clients import http
from integrations.clients.platform import Platform, ServiceStatus, get_platform
from integrations.errors import Unreachable
from integrations.systems import System

SERVER_ERROR = 500  # from here on a status says that the server failed
GIVE_UP = 3  # restarts since the start after which nothing better is waited for


@dataclass(frozen=True)
class ServiceStartParams(ServiceParams):
    """The services, and an address that has to answer."""

    answers: System | None
    stays_seconds: float | None
    as_before: list[str]


class ServiceStartEvidence(TypedDict, total=False):
    """The status of the services afterwards."""

    services: ServiceFacts


@actions.register
class ServiceStart(ServiceAction[ServiceStartParams, ServiceStartEvidence]):
    """The inverse of ``service.stop``: the platform runs the services as before."""

    key, title = "service.start", "Start services and wait until they are ready"
    texts_shown = True
    public_params = frozenset({"services"})
    deadline = timedelta(minutes=10)

    class Params(actions.ActionForm):
        """``platform``, ``services`` (list of names); ``answers``: an address that has to answer
        afterwards as its marker says, without a marker with a status below 500; ``stays_seconds``: how long
        they must stay up without a restart (default 3); ``as_before``: items that stopped or archived them:
        as many are started as ran then (otherwise one of each, or what the platform's own files say)."""

        platform = actions.SystemField(kind="platform")
        services = actions.JSONValueField(kind=list)
        answers = actions.SystemField(kind="http", required=False)
        stays_seconds = forms.FloatField(min_value=0, max_value=600, required=False)
        as_before = actions.ItemsField(actions=["service.stop", "decommission.archive"])

    def commands(self, platform: Platform, params: ServiceStartParams) -> list[list[str]]:
        """The platform's command to start as many of them as ran before."""
        return platform.start_commands(params.services, _replicas_before(params))

    def is_reached(self, service: ServiceStatus) -> bool:
        """Whether all its replicas are ready."""
        return service.is_up

    def checks(self, params: ServiceStartParams) -> list[str]:
        """The wait for the services and for the address."""
        lines = [f"Wait until {', '.join(params.services)} are ready."]
        if params.answers:
            path, address = _path_of(params.answers), http.display_url(params.answers["url"])
            lines.append(f"Wait until {address} answers {path} as it should.")
        lines.append(f"Check for {_stays(params):g} s that none of them ends or restarts.")
        return lines

    def run(
        self, params: ServiceStartParams, report: actions.RunReport[ServiceStartEvidence]
    ) -> actions.Outcome:
        """A service that does not become ready, or an address that does not answer, is a verdict."""
        platform, attempt = get_platform(params.platform, params.context.deadline), params.context.attempt
        before = platform.read_status(attempt)
        refuse_unknown_services(before, params.services)
        platform.run(self.commands(platform, params), report, attempt)
        silence = ""

        def is_ready(service: ServiceStatus) -> bool:
            nonlocal silence
            if _restarts(service, before.get(service.name)) >= GIVE_UP:
                return True  # it is in a crash loop, which `_watch` then reports
            silence = _silence(params) if service.is_up else ""
            return service.is_up and not silence

        left = wait_for_services(
            platform, params.services, is_ready, report, attempt=attempt, seconds=WAIT_SECONDS
        )
        ended = [] if left else _watch(platform, params, report, before)
        report.evidence({"services": service_facts(platform.read_status(), params.services)})
        if left:
            reason = silence or "; ".join(map(str, left))
            log = describe_logs(platform, left, report, attempt)
            warned = describe_warnings(platform, left, report, attempt)
            return actions.Outcome(False, f"Not ready after {WAIT_SECONDS:.0f} s: {reason}. {warned}{log}")
        if ended:
            reason, log = "; ".join(map(str, ended)), describe_logs(platform, ended, report, attempt)
            return actions.Outcome(False, f"Started, but it does not stay up: {reason}. {log}")
        return actions.Outcome(True, f"{', '.join(params.services)}: running.")


def _replicas_before(params: ServiceStartParams) -> dict[str, int]:
    """Service → the most that ran of it before one of the items began; only those that did."""
    found: dict[str, int] = {}
    for key in params.as_before:
        before = params.context.traces.get(key, {}).get("replicas") or {}
        for name, count in before.items():
            found[name] = max(count, found.get(name, 0))
    return {name: count for name, count in found.items() if count > 0}


def _stays(params: ServiceStartParams) -> float:
    return 3.0 if params.stays_seconds is None else params.stays_seconds


def _watch(
    platform: Platform,
    params: ServiceStartParams,
    report: actions.Report,
    before: Mapping[str, ServiceStatus],
) -> list[ServiceStatus]:
    """The services that ended or restarted after they were ready, or restarted too often before.

    A program without a probe counts as ready as soon as its process exists, also when it ends a second later.
    """
    began, seconds = time.monotonic(), _stays(params)
    first = platform.read_status(params.context.attempt)
    while True:
        now = platform.read_status(params.context.attempt)
        services = [now.get(name) or ServiceStatus(name, "gone", 1, 0) for name in params.services]
        ended = [
            one
            for one in services
            if not one.is_up
            or _restarts(one, first.get(one.name))
            or _restarts(one, before.get(one.name)) >= GIVE_UP
        ]
        passed = time.monotonic() - began
        if ended or passed >= seconds:
            return ended
        report.progress(passed, seconds, "they have to stay up")
        report.raise_if_cancelled()
        time.sleep(POLL_SECONDS)


def _restarts(now: ServiceStatus, earlier: ServiceStatus | None) -> int:
    return max(0, (now.restarts or 0) - ((earlier.restarts or 0) if earlier else 0))


def _path_of(system: System) -> str:
    marker = system.marker()
    return marker.path if marker else "/"


def _silence(params: ServiceStartParams) -> str:
    """Why the address does not answer as it should; empty when it does, or none is named.

    A program that cannot log in to its database often answers some paths, and 500 on the others. So what
    counts is the path of the marker, by which the runbook knows this stack.
    """
    if (system := params.answers) is None:
        return ""
    marker, path, address = system.marker(), _path_of(system), http.display_url(system["url"])
    try:
        answer = http.HttpClient.of(params.context.systems).request(system["url"], path, timeout=5)
    except Unreachable as problem:
        return str(problem)
    wrong = marker.differences(answer.status, answer.headers, answer.body) if marker else []
    if wrong:
        return f"{address} answers {path} with {'; '.join(wrong)} (its marker in the runbook)"
    is_failure = answer.status >= SERVER_ERROR and (marker is None or marker.status is None)
    return f"{address} answers {path} with {answer.status}: {answer.error_text()}" if is_failure else ""
