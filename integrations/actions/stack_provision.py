"""Sets a staging stack up with Compose or Helm, and waits until PostgreSQL, Redis and the API answer."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
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
from integrations.clients import postgres, redis_server
from integrations.clients.http import Caller, address
from integrations.clients.platform import driver_of, engines
from integrations.clients.platform.images import by_digest
from integrations.errors import Problem

PATIENCE = 300.0  # seconds until all three answer, where the runbook does not say
PAUSE = 1.0  # seconds between two looks

Look = Callable[[], str]


@register
class StackProvision(Action):
    """That the engine took the command is not the end: the three have to answer from where the panel is."""

    key, title = "stack.provision", "Set the staging stack up, and see that it answers"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=30)

    class Params(ActionForm):
        """``platform``: its ``driver`` is the choice, Compose or Helm; ``images``: service → “name@sha256:…”,
        where the files do not name them; ``database``, ``redis``, ``api``: what has to answer then, the API
        at ``path`` (default “/health/live”); ``like``: the database whose major version it must have;
        ``wait_seconds``: how long is waited (default 300)."""

        platform = SystemField(kind="platform")
        images = JSONValueField(kind=dict, required=False)
        database = SystemField(kind="postgres")
        redis = SystemField(kind="redis")
        api = SystemField(kind="http")
        path = forms.CharField(max_length=200, required=False)
        like = SystemField(kind="postgres", required=False)
        wait_seconds = forms.FloatField(min_value=1, max_value=3600, required=False)

    def resource(self, params: Values) -> str:
        """The platform's services: deploying, starting and stopping exclude each other."""
        return f"services:{params.platform.name}"

    def preview(self, params: Values) -> Preview:
        """The exact commands, and what has to answer; a missing engine is a warning already here."""
        commands = _commands(params)
        absent = engines.missing(commands)
        warnings = [f"Not installed where this is shown: {', '.join(absent)}."] if absent else []
        lines = [shlex.join(command) for command in commands]
        lines += [f"Wait until {where} answers." for where in _places(params).values()]
        return Preview(lines, where=f"{params.platform.name} ({params.platform.driver()})", warnings=warnings)

    def before(self, params: Values) -> dict[str, Any]:
        """What answers already."""
        return {"answers": _answering(params)}

    def run(self, params: Values, report: Report) -> Outcome:
        """Carries the commands out and waits; what does not answer in time is a verdict."""
        commands, driver = _commands(params), driver_of(params.platform)
        engines.refuse_missing(driver, commands, params.context.attempt)
        report.evidence(engine={"driver": params.platform.driver(), "installed": engines.installed()})
        driver.do(commands, report, params.context.attempt)
        answers, silent = _waited(params, report)
        report.evidence(answers=answers, silent=silent)
        if silent:
            said = "; ".join(f"{name}: {why}" for name, why in silent.items())
            return Outcome(False, f"Started, but not all of it answers: {said}")
        wrong = _other_version(params, answers)
        return Outcome(not wrong, wrong or f"It stands: {'; '.join(answers.values())}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """What answers now. What answered before already proves nothing of an engine's command."""
        now = _answering(params)
        saw = "; ".join(f"{name}: {said or 'silent'}" for name, said in now.items())
        some = Seen.PARTIAL if any(now.values()) else Seen.NOT_DONE
        if all(before["answers"].values()) and all(now.values()):
            return Finding(Seen.PARTIAL, f"All of it answers, as it did before: {saw}.", now)
        return Finding(Seen.DONE if all(now.values()) else some, f"{saw}.", now)


def _commands(params: Values) -> list[list[str]]:
    return driver_of(params.platform).provision(by_digest(params.images))


def _places(params: Values) -> dict[str, str]:
    """What has to answer, without logins."""
    return {
        "PostgreSQL": f"PostgreSQL at {postgres.address(params.database['url'])}",
        "Redis": f"Redis at {redis_server.address(params.redis['url'])}",
        "API": f"the API at {address(params.api['url'])}{_path(params)}",
    }


def _path(params: Values) -> str:
    return params.path or "/health/live"


def _looks(params: Values) -> dict[str, Look]:
    """One look at each; it says what answered, and raises `Problem` when nothing did."""
    return {
        "PostgreSQL": lambda: _postgres(params),
        "Redis": lambda: _redis(params),
        "API": lambda: _api(params),
    }


def _postgres(params: Values) -> str:
    return f"PostgreSQL {_version(params, params.database['url'])}"


def _version(params: Values, url: str) -> str:
    with postgres.in_words(url), postgres.connect(url, attempt=params.context.attempt) as connection:
        row = connection.execute("show server_version").fetchone()
    return str(row[0]).split()[0] if row else "?"


def _redis(params: Values) -> str:
    with redis_server.connected(params.redis["url"]) as client:
        info: dict[str, Any] = client.info("server")
    return f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info.get('redis_version')}"


def _api(params: Values) -> str:
    reply = Caller.of(params.context.systems).ask(params.api["url"], _path(params))
    if not reply.ok:
        raise Problem(f"it answers {reply.status} at {_path(params)}: {reply.says()}")
    return f"the API answers {reply.status} at {_path(params)}"


def _answering(params: Values) -> dict[str, str]:
    """One look at all three; “” for what does not answer."""
    found = {}
    for name, look in _looks(params).items():
        try:
            found[name] = look()
        except Problem:
            found[name] = ""
    return found


def _waited(params: Values, report: Report) -> tuple[dict[str, str], dict[str, str]]:
    """What answers, and of the rest why not, when the time is over."""
    until = time.monotonic() + (params.wait_seconds or PATIENCE)
    looks, answers, silent = _looks(params), dict[str, str](), dict[str, str]()
    while True:
        for name in [name for name in looks if name not in answers]:
            report.raise_if_cancelled()
            try:
                answers[name] = looks[name]()
                silent.pop(name, None)
                report.log(f"✓ {answers[name]}")
            except Problem as problem:
                if silent.get(name) != str(problem):
                    report.log(f"… {name}: {problem}")
                silent[name] = str(problem)
        report.progress(len(answers), len(looks), f"waiting for {', '.join(silent)}" if silent else "")
        if not silent or time.monotonic() > until:
            return answers, silent
        time.sleep(PAUSE)


def _other_version(params: Values, answers: Mapping[str, str]) -> str:
    """What is wrong with its major version (empty: nothing)."""
    if not params.like:
        return ""
    like = _version(params, params.like["url"])
    mine = answers["PostgreSQL"].rpartition(" ")[2]
    if mine.split(".")[0] == like.split(".")[0]:
        return ""
    return (
        f"It stands, but its PostgreSQL is {mine} and that of “{params.like.name}” is {like}: what is "
        "rehearsed there proves little. Take an image of the same major version."
    )
