"""Starts services again, and sees them ready."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

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
    SystemField,
    Values,
)
from integrations.actions.service_stop import PATIENCE, facts_of, found, refuse_unknown, wait_until
from integrations.clients import http
from integrations.clients.platform import driver_of
from integrations.errors import Unreachable


@register
class ServiceStart(Action):
    """The inverse of ``service.stop``: the platform runs them as they were."""

    key, title = "service.start", "Start services, and see them ready"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=10)
    risky = True

    class Params(ActionForm):
        """``platform``, ``services`` (list of names); ``answers``: an address that has to answer then,
        whatever it says."""

        platform = SystemField(kind="platform")
        services = JSONValueField(kind=list)
        answers = SystemField(kind="http", required=False)

    def resource(self, params: Values) -> str:
        """The platform's services: starting and stopping exclude each other."""
        return f"services:{params.platform.name}"

    def preview(self, params: Values) -> Preview:
        """The commands, and how the services stand now."""
        driver = driver_of(params.platform)
        lines = [" ".join(command) for command in driver.start(params.services)]
        lines.append(f"Look until {', '.join(params.services)} are ready.")
        if params.answers:
            lines.append(f"Ask {http.address(params.answers['url'])} until it answers.")
        now = [str(one) for name, one in driver.standing().items() if name in params.services]
        return Preview(lines, where=params.platform.name, warnings=[f"Now: {one}" for one in now])

    def before(self, params: Values) -> dict[str, Any]:
        """How they stand."""
        return {"services": facts_of(driver_of(params.platform).standing(), params.services)}

    def run(self, params: Values, report: Report) -> Outcome:
        """Starts and looks; one that does not become ready, or does not answer, is a verdict."""
        driver = driver_of(params.platform)
        refuse_unknown(driver.standing(params.context.attempt), params.services)
        driver.do(driver.start(params.services), report, params.context.attempt)
        silent = ""

        def ready(one: Any) -> bool:
            nonlocal silent
            silent = _silent(params) if one.is_up and params.answers else ""
            return one.is_up and not silent

        left = wait_until(params, report, ready)
        report.evidence(services=facts_of(driver.standing(), params.services))
        if left:
            said = silent or "; ".join(map(str, left))
            return Outcome(False, f"Not ready after {PATIENCE:.0f} s: {said}. Its own log says why.")
        return Outcome(True, f"{', '.join(params.services)}: running.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """How they stand now."""
        return found(params, lambda one: one.is_up)


def _silent(params: Values) -> str:
    """What is wrong at the address; empty when it answers, whatever it says."""
    try:
        http.Caller.of(params.context.systems).ask(params.answers["url"], "/", timeout=5)
    except Unreachable as silence:
        return str(silence)
    return ""
