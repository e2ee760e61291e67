"""What the actions on the services of a platform share: their base class, waiting, and status facts."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from integrations import actions
from integrations.clients.platform import Platform, ServiceStatus, get_platform
from integrations.errors import Problem
from integrations.program_logs import find_cause
from integrations.runbook_commands import format_command
from integrations.systems import System

WAIT_SECONDS = 60.0  # for services to start or to end
#: seconds before each try to read a log that has no line yet: a Node.js program needs some for its first
LOG_PAUSES = (0.0, 0.7, 1.5, 3.0)
LOG_LINES = 40  # of a service's log that are passed on
POLL_SECONDS = 0.3  # between two reads of their status

#: service → its status as JSON; None for a service that the platform does not know
ServiceFacts = dict[str, dict[str, Any] | None]


@dataclass(frozen=True)
class ServiceParams(actions.ActionParams):
    """A platform, and names of services on it."""

    platform: System
    services: list[str]


P = TypeVar("P", bound=ServiceParams)
E = TypeVar("E", bound=Mapping[str, Any])


class ServiceAction(actions.Action[P, E]):
    """An action that brings services of a platform into another state: running or stopped."""

    effect = actions.Effect.IDEMPOTENT
    risky = True

    @abstractmethod
    def commands(self, platform: Platform, params: P) -> list[list[str]]:
        """The platform's commands, each as a list of words."""

    @abstractmethod
    def is_reached(self, service: ServiceStatus) -> bool:
        """Whether a service is in the wanted state."""

    @abstractmethod
    def checks(self, params: P) -> list[str]:
        """What the action checks after the commands, as lines of the preview."""

    def resource(self, params: P) -> str:
        """The platform's services: starting and stopping exclude each other."""
        return f"services:{params.platform.name}"

    def preview(self, params: P) -> actions.Preview:
        """The exact commands, and the current status of the services."""
        platform = get_platform(params.platform, params.context.deadline)
        lines = [format_command(command) for command in self.commands(platform, params)]
        now = [str(service) for name, service in platform.read_status().items() if name in params.services]
        return actions.Preview(
            [*lines, *self.checks(params)],
            where=params.platform.name,
            warnings=[f"Now: {service}" for service in now],
        )

    def before(self, params: P) -> dict[str, Any]:
        """The status of the services, and how many of each run: a start may bring as many back."""
        status = get_platform(params.platform, params.context.deadline).read_status()
        return {
            "services": service_facts(status, params.services),
            "replicas": count_replicas(status, params.services),
        }

    def probe(self, params: P, before: Mapping[str, Any]) -> actions.Finding:
        """Whether all, some or none of the services are in the wanted state now."""
        status = get_platform(params.platform, params.context.deadline).read_status()
        found = [status[name] for name in params.services if name in status]
        reached = [service for service in found if self.is_reached(service)]
        if found and len(reached) == len(params.services):
            seen = actions.ProbeStatus.DONE
        else:
            seen = actions.ProbeStatus.PARTIAL if reached else actions.ProbeStatus.NOT_DONE
        observed = "; ".join(map(str, found)) or "the platform knows none of them"
        return actions.Finding(
            seen, f"Now: {observed}.", {service.name: service.as_facts() for service in found}
        )


def refuse_unknown_services(known: Mapping[str, ServiceStatus], names: Sequence[str]) -> None:
    """Raises `Problem` for a service that the platform does not know."""
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise Problem(
            f"The platform knows no service {', '.join(unknown) or 'without a name'}.",
            means="Nothing was started or stopped.",
            next=f"It knows: {', '.join(sorted(known)) or 'none'}. Correct services: in the runbook.",
        )


def count_replicas(status: Mapping[str, ServiceStatus], names: Sequence[str]) -> dict[str, int]:
    """Service → how many of it are wanted."""
    return {name: status[name].replicas for name in names if name in status}


def service_facts(status: Mapping[str, ServiceStatus], names: Sequence[str]) -> ServiceFacts:
    """The status of these services for the evidence."""
    return {name: status[name].as_facts() if name in status else None for name in names}


def describe_logs(
    platform: Platform, services: Sequence[ServiceStatus], report: actions.Report, attempt: str
) -> str:
    """What the services' own logs say last, a sentence for each; their last lines go to the log, too."""
    return " ".join(_describe_log(platform, service, report, attempt) for service in services)


def describe_warnings(
    platform: Platform, services: Sequence[ServiceStatus], report: actions.Report, attempt: str
) -> str:
    """What the platform's own events say of these services, as a sentence with a blank; "" for nothing."""
    found = []
    for service in services:
        try:
            warnings = platform.read_warnings(service.name, attempt)
        except Problem as problem:
            report.log(f"The events of {service.name} cannot be read: {problem}")
            continue
        for warning in warnings:
            report.log(f"{service.name}: {warning}")
        found += warnings
    return f"The platform reports: {'; '.join(dict.fromkeys(found))}. " if found else ""


def _describe_log(platform: Platform, service: ServiceStatus, report: actions.Report, attempt: str) -> str:
    if not platform.logs_command(service.name, LOG_LINES):
        return f"Read the log of {service.name}."
    lines: list[str] = []
    for pause in LOG_PAUSES:  # a service in a crash loop may have been started again just now
        if lines:
            break
        time.sleep(pause)
        try:
            lines = platform.read_log(service.name, LOG_LINES, attempt)
        except Problem as problem:
            return f"The log of {service.name} cannot be read: {problem.what}"
    if not lines:
        return f"The log of {service.name} has no line."
    for line in lines:
        report.log(f"{service.name}: {line}")
    cause, last = find_cause(lines), lines[-1].strip()[:300]
    return f"The log of {service.name} {'ends with' if cause == last else 'says at last'}: {cause}"


def wait_for_services(
    platform: Platform,
    names: Sequence[str],
    is_reached: Callable[[ServiceStatus], bool],
    report: actions.Report,
    *,
    attempt: str,
    seconds: float = WAIT_SECONDS,
) -> list[ServiceStatus]:
    """Waits until every service is in the wanted state, and logs each change of their status.

    Returns the services that are not, when the time is over; an empty list is success.
    """
    until = time.monotonic() + seconds
    logged: dict[str, str] = {}
    while True:
        status = platform.read_status(attempt)
        services = [
            status.get(name) or ServiceStatus(name, "not known to the platform", 1, 0) for name in names
        ]
        for service in services:
            if logged.get(service.name) != str(service):
                logged[service.name] = str(service)
                report.log(str(service))
        left = [service for service in services if not is_reached(service)]
        report.progress(len(services) - len(left), len(services), ", ".join(service.name for service in left))
        if not left or time.monotonic() > until:
            return left
        report.raise_if_cancelled()
        time.sleep(POLL_SECONDS)
