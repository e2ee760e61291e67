"""One run of http.smoke: its requests in order, and what they say about the API."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from integrations import actions
from integrations.actions.expected_answers import ExpectedAnswer, RefusedRequest
from integrations.clients import http, postgres
from integrations.environment import api_sessions
from integrations.errors import Problem
from integrations.systems import System
from integrations.traffic import traffic_probe

REFUSED = (401, 403)


class ApiState(StrEnum):
    """The state of the API. Each has to be repaired in another place."""

    DOWN = "did not start"
    NOT_READY = "not ready"
    WRONG = "ready but wrong"
    OPEN = "open to everybody"
    SLOW = "right but slow"
    WELL = "well"


@dataclass(frozen=True)
class SmokeRequest:
    """One request and its answer; ``wrong`` says what is wrong with it, empty when nothing is."""

    path: str
    status: int | None = None
    ms: float | None = None
    bytes: int = 0
    rows: int | None = None  # records that came
    wrong: str = ""
    total: int | None = None  # records that there are, as the answer says
    counted: int | None = None  # the same in the database


@dataclass(frozen=True)
class HttpSmokeParams(actions.ActionParams):
    """The API, what to request of it and what to expect, and the limit of the duration of a request."""

    api: System
    served_by: System | None
    health: list[ExpectedAnswer]
    reads: list[ExpectedAnswer]
    refused: list[RefusedRequest]
    database: System | None
    login: System | None
    max_ms: int | None


class SmokeRun:
    """One run: its requests so far."""

    def __init__(self, params: HttpSmokeParams, report: actions.Report) -> None:
        self.params, self.report = params, report
        self.base = params.api["url"]
        self.client = http.HttpClient.of(params.context.systems)
        self.served_by = params.served_by or params.api
        self.requests: list[SmokeRequest] = []
        self.is_from_another = False  # whether the last answer lacks the marker of what should answer

    def run(self) -> tuple[ApiState, str]:
        """The state, and a sentence about it."""
        # An API that is not ready fails every read: their errors would hide the reason.
        for entry in self.params.health:
            asked = self._request(entry, {})
            if asked.wrong:
                return self._judge_health(entry, asked)
        with ExitStack() as stack:
            headers: Mapping[str, str] = {}
            if self.params.login and any(entry.signed_in for entry in self.params.reads):
                sessions = api_sessions.ApiSessions(self.base, api_sessions.require_shape(self.served_by))
                try:
                    headers = stack.enter_context(sessions.signed_in(self.params.login))
                except Problem as problem:
                    return (
                        ApiState.WRONG,
                        f"The API is ready, but {problem.what} {problem.means}",
                    )
                self.report.secret(*headers.values())
            for number, entry in enumerate(self.params.reads):
                self.report.raise_if_cancelled()
                self.report.progress(number, len(self.params.reads), entry.path)
                self._request(entry, headers if entry.signed_in else {})
        for refused in self.params.refused:
            self._request_refused(refused)
        return self._judge_reads()

    def _judge_health(self, entry: ExpectedAnswer, asked: SmokeRequest) -> tuple[ApiState, str]:
        if asked.status is not None and (entry.status or 0) >= 400:  # where a failure is what should be seen
            return ApiState.WRONG, f"The API does not report its failure: {asked.path} {asked.wrong}"
        if len(self.requests) > 1:
            return ApiState.NOT_READY, f"The API is alive and not ready: {asked.path} {asked.wrong}"
        if asked.status == 404:
            where = "Look where the address leads: another program answers, or nothing hands the path on."
            return ApiState.DOWN, f"The API is not at this address: {asked.path} {asked.wrong} {where}"
        if asked.status is not None and self.is_from_another:
            where = f"What answers there does not reach “{self.served_by.name}”: see where it leads requests."
            return ApiState.DOWN, f"Not the API answers: {asked.path} {asked.wrong} {where}"
        what = "did not start" if asked.status is None else "is not alive"
        return ApiState.DOWN, f"The API {what}: {asked.path} {asked.wrong} Read the log of its process."

    def _judge_reads(self) -> tuple[ApiState, str]:
        params, reads = self.params, len(self.params.reads)
        made = self.requests[len(params.health) :]
        failed = [one for one in made[:reads] if one.wrong]
        opened = [one for one in made[reads:] if one.wrong]
        texts = []
        if failed:
            named = " ".join(f"{one.path}: {one.wrong}" for one in failed)
            texts.append(f"The API is ready, but {len(failed)} of {reads} key reads fail. {named}")
        if opened:
            texts.append(_describe_open(opened))
        if texts:
            return ApiState.WRONG if failed else ApiState.OPEN, " ".join(texts)
        slow = [one for one in self.requests if params.max_ms and (one.ms or 0) > params.max_ms]
        if slow:
            named = ", ".join(f"{one.path} {one.ms:.0f} ms" for one in slow)
            return ApiState.SLOW, f"All answers are right, but slower than {params.max_ms} ms: {named}."
        return ApiState.WELL, self._describe_well(made[:reads])

    def _describe_well(self, reads: list[SmokeRequest]) -> str:
        slowest = max((one.ms or 0 for one in self.requests), default=0)
        parts = [f"{len(self.params.health)} health check(s) and {len(reads)} read(s) are right"]
        compared = sum(one.counted is not None for one in reads)
        if compared:
            parts.append(f"{compared} of them return as many records as the database has")
        if self.params.refused:
            parts.append(f"{len(self.params.refused)} path(s) are refused without a sign-in")
        return f"{'; '.join(parts)}; the slowest in {slowest:.0f} ms."

    def _request(self, entry: ExpectedAnswer, headers: Mapping[str, str]) -> SmokeRequest:
        """One request, judged by what is expected and by the marker of the stack that should answer."""
        before = self._count(entry)
        try:
            largest = entry.max_mb * 1_000_000
            reply = self.client.request(self.base, entry.path, headers=headers, largest=largest)
        except Problem as problem:
            return self._keep(SmokeRequest(entry.path, wrong=f"{problem.what} {problem.means}".strip()))
        self.is_from_another = self._is_from_another(reply, entry.path)
        wrong = entry.find_wrong(reply) or traffic_probe.find_other_stack(reply, entry.path, self.served_by)
        wrong += "" if reply.ok else _hint(reply)
        total, counted = (entry.total_in(reply), self._count(entry)) if entry.count else (None, None)
        if not wrong and entry.count:
            wrong = _compare_count(entry, total, before, counted)
        size, rows = len(reply.body), entry.rows_in(reply)
        return self._keep(SmokeRequest(entry.path, reply.status, reply.ms, size, rows, wrong, total, counted))

    def _request_refused(self, asked: RefusedRequest) -> None:
        try:
            reply = self.client.request(self.base, asked.path, method=asked.method, send=asked.send)
        except Problem as problem:
            self._keep(SmokeRequest(asked.label, wrong=f"{problem.what} {problem.means}".strip()))
            return
        wrong = "" if self._is_refused(reply, asked.path) else f"answers {reply.status} without a sign-in."
        self._keep(SmokeRequest(asked.label, reply.status, reply.ms, len(reply.body), None, wrong))

    def _is_from_another(self, reply: http.Response, path: str) -> bool:
        """Whether what stands before the API answers by itself; known by the headers of the API's marker."""
        before, marker = self.params.served_by, self.served_by.marker()
        if before is None or marker is None or not marker.headers:
            return False
        return not traffic_probe.is_stack_answering(reply, path, before)

    def _is_refused(self, reply: http.Response, path: str) -> bool:
        """Whether the API refuses, or what stands before it, such as a front end, does not hand the path on:
        the 404 of another program lacks the API's marker."""
        if reply.status == 404 and self.params.served_by is not None:
            return bool(traffic_probe.find_other_stack(reply, path, self.params.served_by))
        return reply.status in REFUSED

    def _keep(self, asked: SmokeRequest) -> SmokeRequest:
        self.requests.append(asked)
        came = "no answer" if asked.status is None else f"{asked.status} in {asked.ms:.0f} ms"
        what = asked.path if " " in asked.path else f"GET {asked.path}"
        self.report.log(" ".join(f"{what}: {came}{f' — {asked.wrong}' if asked.wrong else ''}".split()))
        return asked

    def _count(self, entry: ExpectedAnswer) -> int | None:
        """How many records the database has; None where that is not asked."""
        if not entry.count or self.params.database is None:
            return None
        url, attempt = self.params.database["url"], self.params.context.attempt
        with (
            postgres.explain_errors(url),
            postgres.connect(url, attempt=attempt, readonly=True) as connection,
        ):
            row = connection.execute(entry.count_query).fetchone()
        return int(row[0]) if row else None


def _compare_count(entry: ExpectedAnswer, total: int | None, before: int | None, after: int | None) -> str:
    """Records may be added while the request runs: a number between the two counts is right."""
    if total is None:
        return f"the answer has no number at {entry.total}, where it should say how many records there are."
    if before is None or after is None:
        return "the database gave no number to compare with."
    if min(before, after) <= total <= max(before, after):
        return ""
    return f"the answer says that there are {total:,} record(s), and the database has {after:,}."


def _describe_open(opened: list[SmokeRequest]) -> str:
    named = " ".join(f"{one.path} {one.wrong}" for one in opened)
    return (
        f"{len(opened)} path(s) are not refused without a sign-in: {named} Whoever reaches the API can use "
        "them. Protect them, or do not let them out of the private network."
    )


def _hint(reply: http.Response) -> str:
    if reply.status == 400 and "database" in reply.error_text().lower():
        return " Schema and client do not fit each other: compare them (prisma.drift, prisma.generate)."
    if 300 <= reply.status < 400:
        return " Redirects are not followed: set the address that it leads to."
    return ""
