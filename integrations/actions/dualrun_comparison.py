"""The comparison that dualrun.watch makes: rounds of reads, money, queue and providers."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations import actions
from integrations.clients import http
from integrations.clients.platform import get_platform
from integrations.environment.api_sessions import ApiSessions, require_shape
from integrations.systems import System
from integrations.traffic.dual_run import provider_totals
from integrations.traffic.dual_run.answer_watch import AnswerFacts, AnswerWatch
from integrations.traffic.dual_run.booked_payments import BookedPayments
from integrations.traffic.dual_run.limits import MIN_ANSWERS, DualRunLimits
from integrations.traffic.dual_run.money_totals import MoneyWatch, TotalsSource
from integrations.traffic.dual_run.queue_throughput import QueueThroughput
from integrations.traffic.dual_run.read_rules import ReadRule
from integrations.traffic.dual_run.service_logs import ServiceLogs
from integrations.traffic.dual_run.side import DualRunSide

SETTLE_SECONDS = 0.3  # until a difference is read again
LOG_ERRORS = r"\b(ERROR|FATAL|CRITICAL)\b|Unhandled|Uncaught|Traceback"  # in a line that tells of an error
POLL_SECONDS = 0.25  # between two checks for a cancel
REMEDY = "Every example is in the evidence: declare it in reads: if it is intended, else repair the new side."


@dataclass(frozen=True)
class DualrunWatchParams(actions.ActionParams):
    """Both stacks, what is compared, for how long, and the limits."""

    old: System
    new: System
    reads: list[ReadRule]
    seconds: float | None
    every: float | None
    redis: System | None
    queue: str
    money: dict[str, TotalsSource]
    database: System | None
    booked: BookedPayments | None
    table: str  # the form of earlier runbooks: it became part of `booked`
    providers: list[System]
    bounds: DualRunLimits
    login: System | None
    platform: System | None
    services: list[Any]
    log_errors: str

    @property
    def duration(self) -> float:
        """Seconds of the whole watch."""
        return 300.0 if self.seconds is None else self.seconds

    @property
    def interval(self) -> float:
        """Seconds from the start of a round to the next."""
        return 5.0 if self.every is None else self.every


class DualRunFacts(AnswerFacts):
    """What was measured; ``broken`` are the broken limits, as sentences."""

    began: str
    seconds: float
    broken: list[str]
    broken_after_seconds: float | None
    queue: dict[str, Any]
    money: dict[str, Any]
    providers: dict[str, Any]
    logs: dict[str, Any]


class DualRunComparison:
    """One comparison: what it sends requests with, and what it has found so far."""

    def __init__(self, params: DualrunWatchParams, report: actions.Report) -> None:
        self.params, self.report = params, report
        self.http_client = http.HttpClient.of(params.context.systems)
        self.old, self.new = self._side(params.old, "old"), self._side(params.new, "new")
        self.watch = AnswerWatch(params.reads, self.old, self.new, log=report.log, wait=self._settle)
        self.throughput = QueueThroughput(params.redis, params.queue) if params.redis else None
        self.money = self._watch_money()
        self.logs = self._watch_logs()
        self.providers: dict[str, Any] = {}
        self.began, self.since = time.monotonic(), datetime.now(UTC)
        self.broken: list[str] = []
        self.broken_after: float | None = None

    def _side(self, system: System, name: str) -> DualRunSide:
        token = system.get("token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return DualRunSide(name, system["url"], self.http_client, headers)

    def _watch_money(self) -> MoneyWatch | None:
        params = self.params
        url = params.database["url"] if params.database else ""
        sides = {"old": self.old, "new": self.new}
        if not params.money and not url:
            return None
        return MoneyWatch(params.money, sides, url, params.context.attempt, params.booked)

    def _watch_logs(self) -> ServiceLogs | None:
        params = self.params
        if params.platform is None:
            return None
        platform, names = get_platform(params.platform), list(map(str, params.services))
        return ServiceLogs(platform, names, params.log_errors or LOG_ERRORS, params.context.attempt)

    def _settle(self) -> None:
        self._wait(SETTLE_SECONDS)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.report.raise_if_cancelled()
            time.sleep(min(POLL_SECONDS, left))
        self.report.raise_if_cancelled()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def run(self) -> None:
        """Runs round after round until the time is over or a limit is broken; then compares the providers."""
        if self.logs:
            self.logs.begin()
        with ExitStack() as stack:
            if self.params.login:
                sessions = ApiSessions(self.params.new["url"], require_shape(self.params.new))
                headers = stack.enter_context(sessions.signed_in(self.params.login))
                self.report.secret(*headers.values())
                self.new.headers = {**self.new.headers, **headers}
            self._run_rounds()

    def _run_rounds(self) -> None:
        seconds = self.params.duration
        while True:
            round_began = time.monotonic()
            self._run_round()
            over = self.elapsed >= seconds
            # A few answers say little about errors and latency: they are judged alone only at the end.
            self._check_limits(1 if over else MIN_ANSWERS)
            self._report(seconds)
            if self.broken or over:
                break
            next_round = round_began + self.params.interval - time.monotonic()
            self._wait(min(next_round, seconds - self.elapsed))
        self._compare_providers()

    def _run_round(self) -> None:
        self.watch.run_round()
        if self.throughput:
            self.throughput.measure(self.elapsed)
        if self.money:
            self.money.compare(self._settle, self.report.log)
        for line in self.logs.update() if self.logs else ():
            self.report.log(f"Log of {line}")

    def _check_limits(self, min_answers: int) -> None:
        waiting = self.throughput.waiting if self.throughput else None
        differences = self.watch.differences
        where = self.watch.name_fields()
        broken = self.params.bounds.find_violations(
            differences, self.old, self.new, waiting, min_answers=min_answers, where=where
        )
        if self.money and self.money.differing:
            broken.append(f"Money differs by currency and status: {', '.join(self.money.differing)}.")
        most = self.params.bounds.max_log_errors
        if self.logs and most is not None and self.logs.count > most:
            told = f"{self.logs.count} line(s) of the logs tell of errors, {most} are tolerated. The first: "
            broken.append(f"{told}{self.logs.first}")
        if broken:
            self.broken_after = round(self.elapsed, 1)
            self.report.log(f"After {self.broken_after:g} s: {' '.join(broken)}")
        self.broken = broken

    def _report(self, seconds: float) -> None:
        values = {
            "differences": float(self.watch.differences),
            "old_errors_percent": round(self.old.error_percent, 2),
            "new_errors_percent": round(self.new.error_percent, 2),
            "old_p95_ms": self.old.p95_ms,
            "new_p95_ms": self.new.p95_ms,
        }
        if self.throughput:
            values["waiting"] = float(self.throughput.waiting)
            values["completed_per_minute"] = self.throughput.completed_per_minute
        self.report.measure(**values)
        what = f"round {self.watch.rounds}: {self.watch.differences} difference(s)"
        self.report.progress(min(self.elapsed, seconds), seconds, what)

    def _compare_providers(self) -> None:
        params, most = self.params, self.params.bounds.max_provider_difference
        if not params.providers or not params.database or not params.booked:
            return
        known = provider_totals.read_booked_totals(
            params.database["url"], params.context.attempt, params.booked, self.since
        )
        self.providers = provider_totals.compare_provider_totals(
            params.providers, self.http_client, self.since, known
        )
        for name, facts in self.providers.items():
            apart = facts.get("apart", {})
            self.report.log(f"{name}: {facts.get('not_known') or apart or 'nothing taken, nothing booked'}")
            over = {c: v for c, v in apart.items() if most is not None and abs(float(v)) > most}
            if over:
                self.broken.append(f"{name} took another sum than was booked: {over}, {most:g} is tolerated.")

    def as_facts(self) -> DualRunFacts:
        """Everything that was measured so far, as JSON values."""
        return {
            **self.watch.as_facts(),
            "began": self.since.isoformat(timespec="seconds"),
            "seconds": round(self.elapsed, 1),
            "broken": self.broken,
            "broken_after_seconds": self.broken_after,
            "queue": self.throughput.as_facts() if self.throughput else {},
            "money": self.money.as_facts() if self.money else {},
            "providers": self.providers,
            "logs": self.logs.as_facts() if self.logs else {},
        }

    def judge(self) -> actions.Outcome:
        """Green only when every read was compared with something, and everything was the same."""
        if self.broken:
            when = f" after {self.broken_after:g} s" if self.broken_after is not None else ""
            return actions.Outcome(False, f"Stopped{when}: {' '.join(self.broken)} {REMEDY}")
        if missing := self.watch.list_never_compared():
            return actions.Outcome(False, f"Never compared: {'; '.join(missing)}. {REMEDY}")
        if not any(seen.old_rows or seen.new_rows for seen in self.watch.statistics.values()):
            return actions.Outcome(
                False, "Every answer was empty on both sides: that proves nothing. Compare other reads."
            )
        if self.params.money and self.money and not self.money.rounds:
            return actions.Outcome(False, f"Money was never compared: {self.money.not_compared}. {REMEDY}")
        fields = sum(seen.fields for seen in self.watch.statistics.values())
        summary = f"{self.watch.rounds} round(s) in {self.elapsed:.0f} s, {fields} fields: "
        summary += f"{self.watch.differences} difference(s), p95 {self.old.p95_ms:.0f} ms old, "
        summary += f"{self.new.p95_ms:.0f} ms new"
        summary += ", money is the same" if self._same_money() else ""
        return actions.Outcome(True, f"{summary}.{self._describe_logs()}")

    def _describe_logs(self) -> str:
        if self.logs is None:
            return ""
        if unread := self.logs.unread:
            return f" The logs of {', '.join(unread)} were not read: the platform shows none."
        return f" {sum(self.logs.lines.values())} new line(s) in the logs, {self.logs.count} tell of errors."

    def _same_money(self) -> bool:
        return bool(self.money and self.money.as_facts()["equal"])
