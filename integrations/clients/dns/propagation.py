"""Waits until every authoritative server of a zone answers a new record set.

Resolvers ask any of them, so until then some still fetch the old values.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from integrations.clients.dns.lookup import query_server
from integrations.clients.dns.records import RecordSet
from integrations.errors import Problem, Unreachable

PAUSE = 0.5  # seconds between two rounds of queries


class PropagationReport(Protocol):
    """The part of an action's report that the wait needs."""

    def log(self, line: str) -> None: ...
    def progress(self, done: float, total: float, what: str = "") -> None: ...
    def raise_if_cancelled(self) -> None: ...


def wait_until_served(
    servers: list[str], wanted: RecordSet, report: PropagationReport, patience: float
) -> dict[str, str]:
    """Server → the time of its first answer with ``wanted`` (ISO 8601, UTC), or what it answers instead.

    Returns when all servers answer ``wanted``, or after ``patience`` seconds. `is_timestamp` tells the two
    kinds of value apart.
    """
    answers: dict[str, str] = {}
    left, until = list(servers), time.monotonic() + patience
    while left and (not answers or time.monotonic() < until):
        report.raise_if_cancelled()
        for server in list(left):
            answers[server] = check_server(server, wanted)
            if not answers[server]:
                answers[server] = datetime.now(UTC).isoformat(timespec="seconds")
                left.remove(server)
                report.log(f"{server} answers: {wanted}")
        report.progress(len(servers) - len(left), len(servers), f"{len(left)} server(s) to go")
        if left:
            time.sleep(PAUSE)
    for server in left:
        report.log(f"✗ {server}: {answers[server]}")
    return answers


def check_server(server: str, wanted: RecordSet) -> str:
    """What a server answers instead of ``wanted``, as text; empty when it answers exactly that."""
    try:
        now = query_server(server, wanted.name, wanted.kind)
    except (Unreachable, Problem) as problem:
        return problem.what
    if now.values != wanted.values:
        return f"it still answers “{now}”"
    if now.ttl != wanted.ttl:
        return f"it answers the new values with a TTL of {now.ttl} s instead of {wanted.ttl} s"
    return ""


def is_timestamp(value: str) -> bool:
    """Whether a value of `wait_until_served` is a time: the server answers the wanted set."""
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
