"""Asks the new API whether it lives, is ready, and serves the key reads; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
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
from integrations.clients import http, traffic
from integrations.errors import Problem
from integrations.systems import System

LIVE, READY = "/health/live", "/health/ready"
KEY_READS = [
    "/donations", "/events", "/prayer/requests", "/churches", "/content/home", "/reports/dashboard", "/tasks",
]  # fmt: skip


class State(StrEnum):
    """How the API is found; each is repaired in another place."""

    DOWN = "did not start"
    NOT_READY = "not ready"
    WRONG = "ready but wrong"
    SLOW = "right but slow"
    WELL = "well"


@dataclass(frozen=True)
class Asked:
    """One question and what came of it; ``wrong`` is empty when it is as it should be."""

    path: str
    status: int | None = None
    ms: float | None = None
    bytes: int = 0
    rows: int | None = None  # of a list
    wrong: str = ""


@register
class HttpSmoke(Action):
    """Live, ready by its details, every key read, latency. Green readiness alone proves nothing: it
    stays green over a schema that is not aligned (covenant-connect.md 3)."""

    key, title = "http.smoke", "Ask the new API: live, ready, key reads"
    effect = Effect.PURE
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``api``: the new API. ``served_by``: whose marker its answers must carry, where that is another
        system (a public address leads to one stack or the other); default: ``api``, when it has a marker.
        ``reads``: paths that have to answer 2xx with JSON. ``max_ms``: the
        longest that one may take, in milliseconds; without it latency is recorded and not judged."""

        api = SystemField(kind="http")
        served_by = SystemField(kind="http", required=False)
        reads = JSONValueField(kind=list, required=False, initial=KEY_READS)
        max_ms = forms.IntegerField(min_value=1, max_value=10_000, required=False)

        def clean_reads(self) -> list[str]:
            """Paths only: the host is the system's."""
            reads = self.cleaned_data["reads"]
            if not all(isinstance(path, str) and path.startswith("/") for path in reads):
                raise forms.ValidationError("each must be a path that begins with “/”.")
            return list(reads)

    def preview(self, params: Values) -> Preview:
        """The questions."""
        lines = [f"GET {path}" for path in [LIVE, READY, *params.reads]]
        if params.max_ms:
            lines.append(f"None may take longer than {params.max_ms} ms.")
        return Preview(lines, where=http.address(params.api["url"]))

    def run(self, params: Values, report: Report) -> Outcome:
        """Asks in this order and stops at the first state that makes the rest pointless."""
        base, asked = params.api["url"], list[Asked]()
        behind = params.served_by or params.api

        def ended(state: State, summary: str) -> Outcome:
            times = [a.ms for a in asked if a.ms is not None]
            report.evidence(
                smoke={
                    "state": state.name.lower(),
                    "address": http.address(base),
                    "slowest_ms": max(times, default=None),
                    "asked": [asdict(a) for a in asked],
                }
            )
            return Outcome(state is State.WELL, summary)

        live = _asked(base, LIVE, report, behind)
        asked.append(live)
        if live.wrong:
            what = "did not start" if live.status is None else "does not live"
            return ended(State.DOWN, f"The API {what}: {live.wrong} Read the log of its process.")
        ready = _ready(base, report)
        asked.append(ready)
        if ready.wrong:
            return ended(State.NOT_READY, f"The API lives and is not ready: {ready.wrong}")
        for number, path in enumerate(params.reads):
            report.raise_if_cancelled()
            report.progress(number, len(params.reads), path)
            asked.append(_asked(base, path, report, behind))
        return ended(*_verdict(asked, len(params.reads), params.max_ms))

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Nothing can be left of it."""
        return Finding(Seen.NOT_DONE, "It only asks: nothing is left of an attempt that was lost.")


def _verdict(asked: list[Asked], reads: int, max_ms: int | None) -> tuple[State, str]:
    wrong = [a for a in asked if a.wrong]
    if wrong:
        named = "; ".join(f"{a.path}: {a.wrong.rstrip('.')}" for a in wrong) + "."
        return (
            State.WRONG,
            f"The API says that it is ready, but {len(wrong)} of {reads} key reads fail. {named}",
        )
    slow = [a for a in asked if max_ms and a.ms is not None and a.ms > max_ms]
    if slow:
        named = ", ".join(f"{a.path} {a.ms:.0f} ms" for a in slow)
        return State.SLOW, f"All answers are right, but slower than {max_ms} ms: {named}."
    slowest = max((a.ms or 0 for a in asked), default=0)
    return State.WELL, f"Live, ready, and {reads} key reads answer; the slowest in {slowest:.0f} ms."


def _asked(base: str, path: str, report: Report, behind: System) -> Asked:
    """Asks and judges a path: 2xx with JSON is right, with the marker of the stack that is meant."""
    try:
        reply = http.ask(base, path)
    except Problem as problem:
        report.log(f"GET {path}: {problem.what}")
        return Asked(path, wrong=f"{problem.what} {problem.means}".strip())
    wrong, rows = "", None
    try:
        found = reply.json()
        rows = len(found) if isinstance(found, list) else None
    except ValueError:
        wrong = f"answers {reply.status} with {reply.kind or 'something'} that is no JSON."
    if not reply.ok:
        wrong = f"answers {reply.status} “{reply.says()}”.{_hint(reply)}"
    elif behind.get("marker") and not traffic.is_from(reply, behind):
        wrong = f"something else answers there: what comes from “{behind.name}” carries “{behind['marker']}”."
    report.log(f"GET {path}: {reply.status} in {reply.ms:.0f} ms{f' — {wrong}' if wrong else ''}")
    return Asked(path, reply.status, reply.ms, len(reply.body), rows, wrong)


def _hint(reply: http.Reply) -> str:
    if reply.status == 400 and "database error" in reply.says():
        return " Schema and client are not of one mind: compare them (prisma.drift, prisma.generate)."
    if 300 <= reply.status < 400:
        return " A redirect is not followed: give the address that it leads to."
    return ""


def _ready(base: str, report: Report) -> Asked:
    """Readiness by its details, whatever its status says."""
    try:
        reply = http.ask(base, READY)
    except Problem as problem:
        report.log(f"GET {READY}: {problem.what}")
        return Asked(READY, wrong=f"{problem.what} {problem.means}".strip())
    try:
        details = reply.json()["details"]
        wrong = _details(details["database"], details["queue"])
    except (ValueError, KeyError, TypeError):
        wrong = "its answer has no details of database and queue."
    if not wrong and not reply.ok:
        wrong = f"it answers {reply.status}, though its details are well."
    report.log(f"GET {READY}: {reply.status} in {reply.ms:.0f} ms{f' — {wrong}' if wrong else ''}")
    return Asked(READY, reply.status, reply.ms, len(reply.body), None, wrong)


def _details(database: Mapping[str, Any], queue: Mapping[str, Any]) -> str:
    """What is wrong with the details, empty when nothing is."""
    pending = database.get("pendingMigrations", 0)
    if pending:
        return f"{pending} migration(s) began and did not finish. Look at prisma.status before anything else."
    if database.get("status") != "up":
        return f"its database is {database.get('status')} ({database.get('message', 'no reason given')})."
    if "pendingMigrations" not in database:
        return "it does not say how many migrations are pending."
    if queue.get("status") != "up":
        return f"its queue is {queue.get('status')} ({queue.get('message', 'no reason given')})."
    if queue.get("driver") != "redis":
        return f"its queue is {queue.get('driver')}, not redis: jobs would be lost. Set QUEUE_DRIVER=redis."
    return ""
