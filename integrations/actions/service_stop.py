"""Stops services, and proves that nothing of them is left: not on the platform, not in the database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
from integrations.clients import postgres
from integrations.clients.platform import Standing, driver_of
from integrations.errors import Problem

PATIENCE = 60.0  # seconds for services to end, and for their sessions to be gone
SESSIONS = """
select application_name, host(client_addr), count(*) from pg_stat_activity
where usename = %s and datname = current_database() group by 1, 2 order by 1, 2
"""


@register
class ServiceStop(Action):
    """Tells the platform to stop them, and looks until they are gone."""

    key, title = "service.stop", "Stop services, and see that nothing of them is left"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=10)
    risky = True

    class Params(ActionForm):
        """``platform``, ``services`` (list of names). ``login``: the database login that they use; no session
        of it may be left in the database of ``database``."""

        platform = SystemField(kind="platform")
        services = JSONValueField(kind=list)
        database = SystemField(kind="postgres", required=False)
        login = SystemField(kind="postgres", required=False)

        def clean(self) -> dict[str, Any]:
            """Sessions are looked for by somebody else than who has them."""
            if bool(self.cleaned_data.get("login")) != bool(self.cleaned_data.get("database")):
                raise forms.ValidationError("database: and login: go together.")
            return self.cleaned_data

    def resource(self, params: Values) -> str:
        """The platform's services: starting and stopping exclude each other."""
        return f"services:{params.platform.name}"

    def preview(self, params: Values) -> Preview:
        """The commands, and how the services stand now."""
        driver = driver_of(params.platform)
        lines = [" ".join(command) for command in driver.stop(params.services)]
        lines.append(f"Look until {', '.join(params.services)} are gone.")
        if params.login:
            lines.append(f"Look until no session of {_role(params)} is left in the database.")
        now = [str(one) for name, one in driver.standing().items() if name in params.services]
        return Preview(lines, where=params.platform.name, warnings=[f"Now: {one}" for one in now])

    def before(self, params: Values) -> dict[str, Any]:
        """How they stand."""
        return {"services": facts_of(driver_of(params.platform).standing(), params.services)}

    def run(self, params: Values, report: Report) -> Outcome:
        """Stops and looks; a service that does not end, or a session that stays, is a verdict."""
        driver = driver_of(params.platform)
        refuse_unknown(driver.standing(params.context.attempt), params.services)
        driver.do(driver.stop(params.services), report, params.context.attempt)
        left = wait_until(params, report, lambda one: one.is_down)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        report.evidence(services=facts_of(driver.standing(), params.services), looked_at=now)
        if left:
            said = "; ".join(map(str, left))
            return Outcome(False, f"Not stopped after {PATIENCE:.0f} s: {said}. Stop them by hand.")
        sessions = _sessions_left(params, report) if params.login else []
        report.evidence(sessions_left=sessions)
        if sessions:
            where = "; ".join(f"{s['application'] or 'unnamed'} from {s['address']}" for s in sessions)
            return Outcome(
                False, f"Stopped, but sessions of {_role(params)} stay: {where}. End that program."
            )
        silent = f", and no session of {_role(params)} is left" if params.login else ""
        return Outcome(True, f"{', '.join(params.services)}: stopped{silent}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """How they stand now."""
        return found(params, lambda one: one.is_down)


def refuse_unknown(known: Mapping[str, Standing], names: Sequence[str]) -> None:
    """Raises `Problem` for a service that the platform does not know."""
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise Problem(
            f"The platform knows no service {', '.join(unknown) or 'of no name'}.",
            means="Nothing was started or stopped.",
            next=f"It knows: {', '.join(sorted(known)) or 'none'}. Correct services: in the runbook.",
        )


def facts_of(standing: Mapping[str, Standing], names: Sequence[str]) -> dict[str, Any]:
    """How these stand, as JSON; None for one that the platform does not know."""
    return {name: standing[name].as_facts() if name in standing else None for name in names}


def wait_until(params: Values, report: Report, met: Any, seconds: float = PATIENCE) -> list[Standing]:
    """Looks until every service is so; those that are not when the time is over. Changes are logged."""
    driver, until = driver_of(params.platform), time.monotonic() + seconds
    told: dict[str, str] = {}
    while True:
        standing = driver.standing(params.context.attempt)
        mine = [
            standing.get(name) or Standing(name, "not known to the platform", 1, 0)
            for name in params.services
        ]
        for one in mine:
            if told.get(one.name) != str(one):
                told[one.name] = str(one)
                report.log(str(one))
        left = [one for one in mine if not met(one)]
        report.progress(len(mine) - len(left), len(mine), ", ".join(one.name for one in left))
        if not left or time.monotonic() > until:
            return left
        report.raise_if_cancelled()
        time.sleep(0.3)


def found(params: Values, met: Any) -> Finding:
    """A probe's answer: all, none or some of the services are so."""
    standing = driver_of(params.platform).standing()
    mine = [standing[name] for name in params.services if name in standing]
    so = [one for one in mine if met(one)]
    saw = "; ".join(map(str, mine)) or "the platform knows none of them"
    seen = Seen.DONE if mine and len(so) == len(params.services) else Seen.PARTIAL if so else Seen.NOT_DONE
    return Finding(seen, f"Now: {saw}.", {one.name: one.as_facts() for one in mine})


def _role(params: Values) -> str:
    return postgres.settings(params.login["url"]).get("user", "")


def _sessions_left(params: Values, report: Report) -> list[dict[str, Any]]:
    url, until = params.database["url"], time.monotonic() + PATIENCE
    with postgres.in_words(url), postgres.connect(url, attempt=params.context.attempt) as admin:
        while True:
            rows = admin.execute(SESSIONS, [_role(params)]).fetchall()
            if not rows or time.monotonic() > until:
                return [{"application": a, "address": h or "a socket", "sessions": n} for a, h, n in rows]
            report.raise_if_cancelled()
            time.sleep(0.3)
