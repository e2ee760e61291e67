"""Stops services and proves that nothing of them is left: not on the platform, not in the database."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.platform_services import (
    POLL_SECONDS,
    WAIT_SECONDS,
    ServiceAction,
    ServiceFacts,
    ServiceParams,
    refuse_unknown_services,
    service_facts,
    wait_for_services,
)
from integrations.clients import postgres
from integrations.clients.platform import Platform, ServiceStatus, get_platform
from integrations.systems import System

SESSION_WAIT = 60.0  # seconds for the database sessions of stopped services to end
SESSIONS = """
select application_name, host(client_addr), count(*) from pg_stat_activity
where usename = %s and datname = current_database() group by 1, 2 order by 1, 2
"""


@dataclass(frozen=True)
class ServiceStopParams(ServiceParams):
    """The services, and the database login that they use."""

    database: System | None
    login: System | None


class SessionFacts(TypedDict):
    """Open database sessions of one program at one address."""

    application: str
    address: str
    sessions: int


class ServiceStopEvidence(TypedDict, total=False):
    """The status of the services afterwards, when it was read (ISO 8601, UTC), and the sessions left."""

    services: ServiceFacts
    looked_at: str
    sessions_left: list[SessionFacts]


@actions.register
class ServiceStop(ServiceAction[ServiceStopParams, ServiceStopEvidence]):
    """Tells the platform to stop the services and waits until they are gone."""

    key, title = "service.stop", "Stop services and check that nothing of them still runs"
    texts_shown = True
    public_params = frozenset({"services"})
    deadline = timedelta(minutes=10)

    class Params(actions.ActionForm):
        """``platform``, ``services`` (list of names). ``login``: the database login that they use; none of
        its sessions may be left in the database of ``database``."""

        platform = actions.SystemField(kind="platform")
        services = actions.JSONValueField(kind=list)
        database = actions.SystemField(kind="postgres", required=False)
        login = actions.SystemField(kind="postgres", required=False)

        def clean(self) -> dict[str, Any]:
            """Requires both or neither: another login has to look for the sessions of this one."""
            if bool(self.cleaned_data.get("login")) != bool(self.cleaned_data.get("database")):
                raise forms.ValidationError("database: and login: go together.")
            return self.cleaned_data

    def commands(self, platform: Platform, params: ServiceStopParams) -> list[list[str]]:
        """The platform's command to stop them."""
        return platform.stop_commands(params.services)

    def is_reached(self, service: ServiceStatus) -> bool:
        """Whether nothing of it runs."""
        return service.is_down

    def checks(self, params: ServiceStopParams) -> list[str]:
        """The wait for the services and for their sessions."""
        lines = [f"Wait until {', '.join(params.services)} are gone."]
        if params.login:
            lines.append(f"Wait until no session of {_role(params.login)} is left in the database.")
        return lines

    def run(
        self, params: ServiceStopParams, report: actions.RunReport[ServiceStopEvidence]
    ) -> actions.Outcome:
        """A service that does not end, or a session that stays, is a verdict."""
        platform, attempt = get_platform(params.platform, params.context.deadline), params.context.attempt
        refuse_unknown_services(platform.read_status(attempt), params.services)
        platform.run(platform.stop_commands(params.services), report, attempt)
        left = wait_for_services(
            platform, params.services, self.is_reached, report, attempt=attempt, seconds=WAIT_SECONDS
        )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        report.evidence(
            {"services": service_facts(platform.read_status(), params.services), "looked_at": now}
        )
        if left:
            services = "; ".join(map(str, left))
            return actions.Outcome(
                False, f"Not stopped after {WAIT_SECONDS:.0f} s: {services}. Stop them by hand."
            )
        return _check_sessions(params, report)


def _check_sessions(
    params: ServiceStopParams, report: actions.RunReport[ServiceStopEvidence]
) -> actions.Outcome:
    """The outcome once the services are gone: whether sessions of their login are left."""
    names = ", ".join(params.services)
    if not params.login or not params.database:
        report.evidence({"sessions_left": []})
        return actions.Outcome(True, f"{names}: stopped.")
    role = _role(params.login)
    sessions = _wait_for_sessions_to_end(params.database["url"], role, params.context.attempt, report)
    report.evidence({"sessions_left": sessions})
    if sessions:
        where = "; ".join(f"{s['application'] or 'unnamed'} from {s['address']}" for s in sessions)
        return actions.Outcome(
            False, f"Stopped, but sessions of {role} are still open: {where}. End that program."
        )
    return actions.Outcome(True, f"{names}: stopped, and no session of {role} is left.")


def _role(login: System) -> str:
    return postgres.connection_settings(login["url"]).get("user", "")


def _wait_for_sessions_to_end(
    url: str, role: str, attempt: str, report: actions.Report
) -> list[SessionFacts]:
    """The sessions of the role that are left when the time is over."""
    until = time.monotonic() + SESSION_WAIT
    with postgres.explain_errors(url), postgres.connect(url, attempt=attempt) as admin:
        while True:
            rows = admin.execute(SESSIONS, [role]).fetchall()
            if not rows or time.monotonic() > until:
                return [
                    {"application": application, "address": address or "a socket", "sessions": count}
                    for application, address, count in rows
                ]
            report.raise_if_cancelled()
            time.sleep(POLL_SECONDS)
