"""Sets up a staging stack with Compose or Helm, and waits until PostgreSQL, Redis and the API answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.platform_services import describe_logs
from integrations.clients import postgres, redis_server
from integrations.clients.http import HttpClient, display_url
from integrations.clients.platform import Platform, ServiceStatus, engines, get_platform
from integrations.clients.platform.images import require_digests
from integrations.errors import Problem
from integrations.runbook_commands import format_command
from integrations.systems import System

DEFAULT_WAIT = 300.0  # seconds until all three answer
POLL_SECONDS = 1.0  # between two rounds of requests

#: asks one part of the stack; returns what answered, and raises `Problem` when it does not answer
Check = Callable[[], str]


@dataclass(frozen=True)
class StackProvisionParams(actions.ActionParams):
    """The platform, and the parts of the stack that have to answer."""

    platform: System
    images: dict[str, Any]
    database: System
    redis: System
    api: System
    path: str
    service: str
    like: System | None
    wait_seconds: float | None

    @property
    def api_path(self) -> str:
        """The path at which the API has to answer."""
        return self.path or "/"


class EngineFacts(TypedDict):
    """The driver of the platform, and which engines are installed on the worker's host."""

    driver: str
    installed: dict[str, bool]


class StackProvisionEvidence(TypedDict, total=False):
    """The engine; by part of the stack what answered, and why the others did not."""

    engine: EngineFacts
    answers: dict[str, str]
    silent: dict[str, str]


@actions.register
class StackProvision(actions.Action[StackProvisionParams, StackProvisionEvidence]):
    """That the engine accepted the command is not enough: all three parts must answer the panel itself."""

    key, title = "stack.provision", "Set up the staging stack and wait until it answers"
    texts_shown = True
    public_params = frozenset({"images", "service"})
    address_params = frozenset({"path"})
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(minutes=30)

    class Params(actions.ActionForm):
        """``platform``: its ``driver`` selects Compose or Helm; ``images``: service → “name@sha256:…”,
        where the files do not name them; ``database``, ``redis``, ``api``: what has to answer afterwards,
        the API with success at ``path``; without it the API may answer “/” with anything below 500.
        ``service``: the API's, whose log is passed on; ``like``: the database whose major version the new one
        must have; ``wait_seconds``: how long to wait (default 300)."""

        platform = actions.SystemField(kind="platform")
        images = actions.JSONValueField(kind=dict, required=False)
        database = actions.SystemField(kind="postgres")
        redis = actions.SystemField(kind="redis")
        api = actions.SystemField(kind="http")
        path = forms.CharField(max_length=200, required=False)
        service = forms.CharField(max_length=100, required=False)
        like = actions.SystemField(kind="postgres", required=False)
        wait_seconds = forms.FloatField(min_value=1, max_value=3600, required=False)

    def resource(self, params: StackProvisionParams) -> str:
        """The platform's services: deploying, starting and stopping exclude each other."""
        return f"services:{params.platform.name}"

    def preview(self, params: StackProvisionParams) -> actions.Preview:
        """The exact commands, and what has to answer; warns already here when an engine is missing."""
        commands = _commands(params)
        absent = engines.missing_programs(commands)
        warnings = [f"Not installed where this is shown: {', '.join(absent)}."] if absent else []
        lines = [format_command(command) for command in commands]
        lines += [f"Wait until {where} answers." for where in _addresses(params).values()]
        return actions.Preview(
            lines, where=f"{params.platform.name} ({params.platform.driver()})", warnings=warnings
        )

    def before(self, params: StackProvisionParams) -> dict[str, Any]:
        """What answers already."""
        return {"answers": _ask_all(params)}

    def run(
        self, params: StackProvisionParams, report: actions.RunReport[StackProvisionEvidence]
    ) -> actions.Outcome:
        """Runs the commands and waits; a part that does not answer in time is a verdict."""
        commands, platform = _commands(params), get_platform(params.platform, params.context.deadline)
        engines.refuse_missing_engines(platform, commands, params.context.attempt)
        report.evidence(
            {"engine": {"driver": params.platform.driver(), "installed": engines.installed_engines()}}
        )
        platform.refuse_ignored_images(require_digests(params.images), params.context.attempt)
        platform.refuse_unfinished_change(params.context.attempt)
        platform.run(commands, report, params.context.attempt)
        answers, silent = _wait_for_answers(params, report)
        report.evidence({"answers": answers, "silent": silent})
        if silent:
            reasons = "; ".join(f"{name}: {why}" for name, why in silent.items())
            log = _describe_log(params, platform, silent, report)
            return actions.Outcome(False, f"Started, but not every part answers: {reasons} {log}".strip())
        wrong = _wrong_version(params, answers)
        return actions.Outcome(not wrong, wrong or f"The stack answers: {'; '.join(answers.values())}.")

    def probe(self, params: StackProvisionParams, before: Mapping[str, Any]) -> actions.Finding:
        """What answers now. If everything answered before already, that proves nothing about the commands."""
        now = _ask_all(params)
        observed = "; ".join(f"{name}: {answer or 'silent'}" for name, answer in now.items())
        if all(before["answers"].values()) and all(now.values()):
            return actions.Finding(
                actions.ProbeStatus.PARTIAL, f"Every part answers, as it did before: {observed}.", now
            )
        if all(now.values()):
            return actions.Finding(actions.ProbeStatus.DONE, f"{observed}.", now)
        some = actions.ProbeStatus.PARTIAL if any(now.values()) else actions.ProbeStatus.NOT_DONE
        return actions.Finding(some, f"{observed}.", now)


def _commands(params: StackProvisionParams) -> list[list[str]]:
    return get_platform(params.platform, params.context.deadline).provision_commands(
        require_digests(params.images)
    )


def _describe_log(
    params: StackProvisionParams, platform: Platform, silent: Mapping[str, str], report: actions.Report
) -> str:
    if "API" not in silent or not params.service:
        return ""
    service = ServiceStatus(params.service, "silent", 1, 0)
    return describe_logs(platform, [service], report, params.context.attempt)


def _addresses(params: StackProvisionParams) -> dict[str, str]:
    """What has to answer, without logins."""
    return {
        "PostgreSQL": f"PostgreSQL at {postgres.address(params.database['url'])}",
        "Redis": f"Redis at {redis_server.address(params.redis['url'])}",
        "API": f"the API at {display_url(params.api['url'])}{params.api_path}",
    }


def _checks(params: StackProvisionParams) -> dict[str, Check]:
    return {
        "PostgreSQL": lambda: f"PostgreSQL {_postgres_version(params.database['url'], params.context)}",
        "Redis": lambda: _ask_redis(params.redis["url"]),
        "API": lambda: _ask_api(params),
    }


def _postgres_version(url: str, context: actions.Context) -> str:
    with postgres.explain_errors(url), postgres.connect(url, attempt=context.attempt) as connection:
        row = connection.execute("show server_version").fetchone()
    return str(row[0]).split()[0] if row else "?"


def _ask_redis(url: str) -> str:
    with redis_server.connect(url) as client:
        info: dict[str, Any] = client.info("server")
    return f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info.get('redis_version')}"


def _ask_api(params: StackProvisionParams) -> str:
    response = HttpClient.of(params.context.systems).request(params.api["url"], params.api_path)
    if response.status >= 500 or (params.path and not response.ok):
        raise Problem(f"it answers {response.status} at {params.api_path}: {response.error_text()}")
    return f"the API answers {response.status} at {params.api_path}"


def _ask_all(params: StackProvisionParams) -> dict[str, str]:
    """One request to each part; an empty text for one that does not answer."""
    answers = {}
    for name, check in _checks(params).items():
        try:
            answers[name] = check()
        except Problem:
            answers[name] = ""
    return answers


def _wait_for_answers(
    params: StackProvisionParams, report: actions.Report
) -> tuple[dict[str, str], dict[str, str]]:
    """What answers, and why the rest does not, once all answer or the time is over."""
    until = time.monotonic() + (params.wait_seconds or DEFAULT_WAIT)
    checks, answers, silent = _checks(params), dict[str, str](), dict[str, str]()
    while True:
        for name in [name for name in checks if name not in answers]:
            report.raise_if_cancelled()
            try:
                answers[name] = checks[name]()
                silent.pop(name, None)
                report.log(f"✓ {answers[name]}")
            except Problem as problem:
                if silent.get(name) != str(problem):
                    report.log(f"… {name}: {problem}")
                silent[name] = str(problem)
        report.progress(len(answers), len(checks), f"waiting for {', '.join(silent)}" if silent else "")
        if not silent or time.monotonic() > until:
            return answers, silent
        time.sleep(POLL_SECONDS)


def _wrong_version(params: StackProvisionParams, answers: Mapping[str, str]) -> str:
    """What is wrong with PostgreSQL's major version; empty when nothing is."""
    if not params.like:
        return ""
    wanted = _postgres_version(params.like["url"], params.context)
    found = answers["PostgreSQL"].rpartition(" ")[2]
    if found.split(".")[0] == wanted.split(".")[0]:
        return ""
    return (
        f"The stack answers, but its PostgreSQL is {found} and that of “{params.like.name}” is {wanted}: a "
        "rehearsal there proves little. Use an image of the same major version."
    )
