"""Waits until every authoritative server answers a record set: only then the world begins to learn it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from integrations.clients.dns.asking import answers_of
from integrations.clients.dns.records import RecordSet
from integrations.errors import Problem, Unreachable

PAUSE = 0.5  # seconds between two rounds


class Listener(Protocol):
    """What is told meanwhile."""

    def log(self, line: str) -> None: ...
    def progress(self, done: float, total: float, what: str = "") -> None: ...
    def raise_if_cancelled(self) -> None: ...


def wait(servers: list[str], wanted: RecordSet, report: Listener, patience: float) -> dict[str, str]:
    """By server, when it first answered ``wanted`` (ISO 8601, UTC), or in words what it says instead.

    Ends when all do, or after ``patience`` seconds.
    """
    said: dict[str, str] = {}
    left, until = list(servers), time.monotonic() + patience
    while left and (not said or time.monotonic() < until):
        report.raise_if_cancelled()
        for server in list(left):
            said[server] = look(server, wanted)
            if not said[server]:
                said[server] = datetime.now(UTC).isoformat(timespec="seconds")
                left.remove(server)
                report.log(f"{server} answers: {wanted}")
        report.progress(len(servers) - len(left), len(servers), f"{len(left)} server(s) to go")
        if left:
            time.sleep(PAUSE)
    for server in left:
        report.log(f"✗ {server}: {said[server]}")
    return said


def look(server: str, wanted: RecordSet) -> str:
    """What this server says instead of ``wanted``, in words; empty when it answers exactly that."""
    try:
        now = answers_of(server, wanted.name, wanted.kind)
    except (Unreachable, Problem) as problem:
        return problem.what
    return "" if now == wanted else f"it still answers “{now}”"


def is_told(said: str) -> bool:
    """Whether this is a time, and no words."""
    try:
        datetime.fromisoformat(said)
    except ValueError:
        return False
    return True
