"""Runs the checks of a preflight with bounded load, and turns whatever happens into results.

The load: at most `CHECKS_AT_ONCE` checks at once; on each database server one query at a time for all of
them together, without parallel workers; each check for its own share of seconds, and the whole run for
`TOTAL_SECONDS`. Nothing is changed anywhere.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from integrations.clients.postgres_causes import advise_on_refusal
from integrations.clients.postgres_errors import describe_error
from integrations.errors import MissingVariable, Problem
from integrations.preflight.affected import AffectedItems
from integrations.preflight.check import Check, CheckScope
from integrations.preflight.load import CheckTurn, ServerLocks
from integrations.preflight.result import CheckResult, Verdict
from integrations.redact import Redactor
from integrations.secret_values import list_system_secrets

CHECKS_AT_ONCE = 8
TOTAL_SECONDS = 480.0
POLL = 0.1  # seconds between two looks at whether a check is overdue or the run is cancelled
#: From bad to good: what was asked twice keeps the worse verdict.
SEVERITY = (Verdict.RED, Verdict.UNKNOWN, Verdict.AMBER, Verdict.GREEN)


@dataclass(frozen=True)
class EndedCheck:
    """A check that ended: its results as JSON values, masked, each with the ``items`` that it affects.

    A result has ``identity``, ``check``, ``title`` (of the check), ``subject``, ``verdict``, ``asked``,
    ``seen``, ``change``, ``systems`` and ``items``.
    """

    check: Check
    results: list[dict[str, Any]]
    seconds: float


@dataclass
class _RunningCheck:
    """A check in a thread of its own. ``error`` is why its generator ended early."""

    check: Check
    turn: CheckTurn
    began: float
    results: list[CheckResult]
    thread: threading.Thread | None = None
    error: BaseException | None = None

    def ask(self, scope: CheckScope, ended: Callable[[_RunningCheck], None]) -> None:
        """Collects the results until the generator ends, fails or the turn is over."""
        try:
            for result in self.check.function(scope):
                if self.turn.over:
                    return
                self.results.append(result)
        except BaseException as error:  # also SystemExit of a client: it ends a check, not the run
            self.error = error
        finally:
            ended(self)


class PreflightRunner:
    """Runs checks; `run` yields each as it ends, and is called once."""

    def __init__(
        self,
        scope: CheckScope,
        checks: Iterable[Check],
        *,
        secrets: Iterable[str] = (),
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.scope, self.waiting = scope, list(checks)
        self.until = time.monotonic() + total_seconds
        self.total_seconds = total_seconds
        self.running: list[_RunningCheck] = []
        self._ended: queue.SimpleQueue[_RunningCheck] = queue.SimpleQueue()
        self._servers = ServerLocks()
        self._affected = AffectedItems(scope)
        self._redactor = Redactor([*secrets, *_secrets_of(scope)])

    def run(self) -> Iterator[EndedCheck]:
        """Yields each check as it ends. Raises what ``scope.raise_if_cancelled`` raises."""
        try:
            while self.waiting or self.running:
                self.scope.raise_if_cancelled()
                self._start_waiting()
                yield from self._take_ended()
                yield from self._give_up_overdue()
        finally:
            for left in self.running:
                left.turn.end()

    def _start_waiting(self) -> None:
        while self.waiting and len(self.running) < CHECKS_AT_ONCE and time.monotonic() < self.until:
            check, now = self.waiting.pop(0), time.monotonic()
            turn = CheckTurn(self._servers, min(now + check.seconds, self.until))
            running = _RunningCheck(check, turn, now, [])
            scope = replace(self.scope, turn=turn, raise_if_cancelled=turn.raise_if_over)
            # A daemon: a check that hangs in a call of the system must not keep the process from ending.
            running.thread = threading.Thread(
                target=running.ask, args=(scope, self._ended.put), name=f"preflight {check.key}", daemon=True
            )
            self.running.append(running)
            running.thread.start()

    def _take_ended(self) -> Iterator[EndedCheck]:
        try:
            ended = self._ended.get(timeout=POLL)
        except queue.Empty:
            return
        if ended in self.running:  # otherwise it was given up before
            self.running.remove(ended)
            yield self._finish(ended, _explain(ended.error) if ended.error else None)

    def _give_up_overdue(self) -> Iterator[EndedCheck]:
        for each in [one for one in self.running if one.turn.seconds_left == 0]:
            self.running.remove(each)
            each.turn.end()
            yield self._finish(each, _overdue(each.check, self._limit_of(each)))
        if time.monotonic() >= self.until:
            while self.waiting:
                now = time.monotonic()
                late = _RunningCheck(self.waiting.pop(0), CheckTurn(self._servers, now), now, [])
                yield self._finish(late, _never_asked(self.total_seconds))

    def _limit_of(self, each: _RunningCheck) -> float:
        return min(each.check.seconds, each.turn.until - each.began)

    def _finish(self, ended: _RunningCheck, problem: Problem | None) -> EndedCheck:
        results = list(ended.results)
        if problem is not None:
            results.append(_unknown(ended.check, problem, ended.turn.system))
        merged = _merge_equal_subjects(results)
        facts = [self._as_facts(ended.check, result) for result in merged]
        return EndedCheck(ended.check, facts, time.monotonic() - ended.began)

    def _as_facts(self, check: Check, result: CheckResult) -> dict[str, Any]:
        # The identity is of the unmasked subject: a secret that is registered later must not change it.
        facts = {**result.as_facts(check.key), "title": check.title, "items": self._affected.keys_of(result)}
        identity = facts.pop("identity")
        return {"identity": identity, **self._redactor.mask_value(facts)}


def run_checks(
    scope: CheckScope,
    checks: Iterable[Check],
    *,
    secrets: Iterable[str] = (),
    total_seconds: float = TOTAL_SECONDS,
) -> Iterator[EndedCheck]:
    """Runs the checks and yields each as it ends.

    A check that raises, or is not done within its seconds, gives a result UNKNOWN beside those that it
    yielded before. ``secrets`` are masked besides those of the systems.
    """
    return PreflightRunner(scope, checks, secrets=secrets, total_seconds=total_seconds).run()


def _secrets_of(scope: CheckScope) -> Iterator[str]:
    return list_system_secrets(scope.systems)


def _merge_equal_subjects(results: list[CheckResult]) -> list[CheckResult]:
    """One result for each subject, the worst first: two rows of one identity cannot be told apart."""
    merged: dict[str, CheckResult] = {}
    for result in sorted(results, key=lambda each: SEVERITY.index(each.verdict)):
        known = merged.get(result.subject)
        if known is None:
            merged[result.subject] = result
        elif result.seen not in known.seen:
            merged[result.subject] = replace(known, seen=f"{known.seen} {result.seen}")
    return list(merged.values())


def _unknown(check: Check, problem: Problem, system: str) -> CheckResult:
    """The result of a check that did not get to its end: what is not known, why, and what to do."""
    if isinstance(problem, MissingVariable) and problem.system:
        system = problem.system
    return CheckResult(
        subject=f"{check.title} ({system})" if system else check.title,
        verdict=Verdict.UNKNOWN,
        asked=f"Whether this is so: {check.title}.",
        seen=" ".join(filter(None, ("Not known, or not completely.", problem.what, problem.means))),
        change=problem.next or "Remove the cause, then run the preflight again.",
        systems=(system,) if system else (),
    )


def _explain(error: BaseException) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, psycopg.Error):
        return _explain_postgres(error)
    first = (str(error).splitlines() or [""])[0]
    return Problem(
        f"The check failed: {type(error).__name__}{f': {first}' if first else ''}.",
        means="It met something that its author did not foresee.",
        next="Report this sentence to the author of the check; find out by hand what it would have asked.",
    )


def _explain_postgres(error: psycopg.Error) -> Problem:
    """PostgreSQL's own words first: message, detail, hint, context."""
    return Problem(
        f"PostgreSQL answered: {describe_error(error)}.",
        next=advise_on_refusal(error.sqlstate or "", again="run the preflight again"),
    )


def _overdue(check: Check, seconds: float) -> Problem:
    return Problem(
        f"It was not done within {seconds:g} s.",
        means="What it had found by then is shown; the rest was not asked.",
        next="Run the preflight again when the systems are less busy; if it stays so, find the slow system.",
    )


def _never_asked(seconds: float) -> Problem:
    return Problem(
        f"The whole run may take {seconds:g} s, and that time was over before this was asked.",
        next="Find out which checks took the time (they are unknown as well), then run the preflight again.",
    )
