"""Compares what the old and the new stack answer while both run, and stops when a bound is broken."""

from __future__ import annotations

import time
from collections.abc import Mapping
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
from integrations.clients import http
from integrations.clients.dual_run import taken
from integrations.clients.dual_run.bounds import ENOUGH, Bounds
from integrations.clients.dual_run.money import Money, Told
from integrations.clients.dual_run.pace import Pace
from integrations.clients.dual_run.reads import read_reads
from integrations.clients.dual_run.sides import Side
from integrations.clients.dual_run.watching import Watch
from integrations.clients.payments.mode import mode_of_key, refuse_wrong_mode
from integrations.systems import System

AGAIN_AFTER = 0.3  # seconds until a difference is asked again
SLICE = 0.25  # seconds between two looks at whether to stop
REMEDY = "Every example is in the evidence: declare it in reads: if it is meant, else repair the new side."


@register
class DualrunWatch(Action):
    """For a set time the same reads on both sides, field by field; errors and latency of each; the queue;
    money by currency and status on both sides and in the database; what the providers took."""

    key, title = "dualrun.watch", "Compare old and new answers while both run"
    effect = Effect.PURE
    deadline = timedelta(hours=3)

    class Params(ActionForm):
        """``old``, ``new``: the two stacks. ``reads``: see `integrations.clients.dual_run.reads`. ``seconds``
        (default 300), ``every`` so many seconds (default 5). ``redis`` with ``queue``: its throughput.
        ``money``: {old: {path, at, currency, status, amount, count}, new: {…}}: where each side says the
        totals; ``database``: the same from ``table`` (default donations). ``providers``: names of payment
        systems. ``bounds``: max_differences, max_error_percent, max_waiting, max_p95_ms,
        max_provider_difference."""

        old = SystemField(kind="http")
        new = SystemField(kind="http")
        reads = JSONValueField(kind=list)
        seconds = forms.FloatField(min_value=0, max_value=86_400, required=False)
        every = forms.FloatField(min_value=0.1, max_value=3600, required=False)
        redis = SystemField(kind="redis", required=False)
        queue = forms.CharField(max_length=100, required=False)
        money = JSONValueField(kind=dict, required=False)
        database = SystemField(kind="postgres", required=False)
        table = forms.RegexField(r"^\w+(\.\w+)?$", required=False)
        providers = JSONValueField(kind=list, required=False)
        bounds = JSONValueField(kind=dict, required=False)

        def clean_reads(self) -> Any:
            """The reads, checked."""
            return _checked(read_reads, self.cleaned_data["reads"])

        def clean_bounds(self) -> Any:
            """The bounds, checked."""
            return _checked(Bounds.of, self.cleaned_data["bounds"])

        def clean_money(self) -> dict[str, Told]:
            """Where each side says its totals."""
            given = self.cleaned_data["money"]
            if given and set(given) != {"old", "new"}:
                raise forms.ValidationError("must name both sides: {old: {path: …}, new: {path: …}}.")
            return {side: _checked(Told.of, given[side]) for side in given}

        def clean_providers(self) -> list[Any]:
            """The payment systems of these names."""
            field = SystemField(kind="payments")
            field.context = self.context
            return [field.clean(name) for name in self.cleaned_data["providers"]]

        def clean(self) -> Any:
            """What needs something else."""
            found = super().clean() or self.cleaned_data
            if bool(found.get("redis")) is not bool(found.get("queue")):
                raise forms.ValidationError("redis and queue belong together: name both, or neither.")
            if found.get("providers") and not found.get("database"):
                raise forms.ValidationError("providers are held against the database: name it.")
            return found

    def preview(self, params: Values) -> Preview:
        """What is asked, how often, and what ends it."""
        seconds, every, bounds = _seconds(params), _every(params), params.bounds
        lines = [f"For {seconds:g} s, every {every:g} s:"]
        lines += [f"GET {read.old} (old) and GET {read.new} (new), field by field" for read in params.reads]
        lines += [f"GET {told.path} ({side}): money by currency and status" for side, told in _told(params)]
        if params.database:
            lines.append(f"The same totals from {params.database.name}, table {_table(params)}")
        if params.redis:
            lines.append(f"The depth and pace of {params.queue}")
        lines += [f"Once at the end: what {one.name} took meanwhile" for one in params.providers]
        judged = {name: value for name, value in vars(bounds).items() if value is not None}
        lines.append("It stops by itself beyond: " + ", ".join(f"{k} {v:g}" for k, v in judged.items()))
        warnings = [] if params.money else ["No totals are compared: money: is not given."]
        where = " and ".join(http.address(params.__dict__[side]["url"]) for side in ("old", "new"))
        return Preview(lines, where=where, warnings=warnings)

    def run(self, params: Values, report: Report) -> Outcome:
        """What was measured stays as evidence, however it ends."""
        for one in params.providers:
            refuse_wrong_mode(
                params.context.rehearsal, mode_of_key(one.driver(), one["secret_key"]), one.name
            )
        run = _Run(params, report)
        try:
            run.watch_over()
        finally:
            report.evidence(dual_run=run.facts())
        return run.verdict()

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Nothing can be left of it."""
        return Finding(Seen.NOT_DONE, "It only asks: nothing is left of an attempt that was lost.")


def _checked(make: Any, given: Any) -> Any:
    try:
        return make(given)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None


def _seconds(params: Values) -> float:
    return 300.0 if params.seconds is None else float(params.seconds)


def _every(params: Values) -> float:
    return 5.0 if params.every is None else float(params.every)


def _table(params: Values) -> str:
    return params.table or "donations"


def _told(params: Values) -> list[tuple[str, Told]]:
    return list(params.money.items())


class _Run:
    """One watch: what it asks with, and what it found so far."""

    def __init__(self, params: Values, report: Report) -> None:
        self.params, self.report = params, report
        self.caller = http.Caller.of(params.context.systems)
        self.old, self.new = self._side(params.old, "old"), self._side(params.new, "new")
        self.watch = Watch(params.reads, self.old, self.new, say=report.log, again=self._again)
        self.pace = Pace(params.redis, params.queue) if params.redis else None
        self.money = self._money()
        self.providers: dict[str, Any] = {}
        self.began, self.since = time.monotonic(), datetime.now(UTC)
        self.broken: list[str] = []
        self.broken_after: float | None = None

    def _side(self, system: System, name: str) -> Side:
        token = system.get("token")
        return Side(name, system["url"], self.caller, {"Authorization": f"Bearer {token}"} if token else {})

    def _money(self) -> Money | None:
        params = self.params
        url = params.database["url"] if params.database else ""
        sides = {"old": self.old, "new": self.new}
        if not params.money and not url:
            return None
        return Money(params.money, sides, url, params.context.attempt, _table(params))

    def _again(self) -> None:
        self._wait(AGAIN_AFTER)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.report.raise_if_cancelled()
            time.sleep(min(SLICE, left))
        self.report.raise_if_cancelled()

    @property
    def gone(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def watch_over(self) -> None:
        """Round after round, until the time is over or a bound is broken."""
        seconds = _seconds(self.params)
        while True:
            at = time.monotonic()
            self._round()
            over = self.gone >= seconds
            self._judge(1 if over else ENOUGH)
            self._tell(seconds)
            if self.broken or over:
                break
            self._wait(min(at + _every(self.params) - time.monotonic(), seconds - self.gone))
        self._ask_providers()

    def _round(self) -> None:
        self.watch.round()
        if self.pace:
            self.pace.look(self.gone)
        if self.money:
            self.money.count(self._again, self.report.log)

    def _judge(self, enough: int) -> None:
        waiting = self.pace.waiting if self.pace else None
        differences = self.watch.differences
        said = self.params.bounds.broken(differences, self.old, self.new, waiting, enough=enough)
        if self.money and self.money.differing:
            said.append(f"Money differs by currency and status: {', '.join(self.money.differing)}.")
        if said:
            self.broken_after = round(self.gone, 1)
            self.report.log(f"After {self.broken_after:g} s: {' '.join(said)}")
        self.broken = said

    def _tell(self, seconds: float) -> None:
        found = {
            "differences": float(self.watch.differences),
            "old_errors_percent": round(self.old.error_percent, 2),
            "new_errors_percent": round(self.new.error_percent, 2),
            "old_p95_ms": self.old.p95_ms,
            "new_p95_ms": self.new.p95_ms,
        }
        if self.pace:
            found["waiting"] = float(self.pace.waiting)
            found["completed_per_minute"] = self.pace.completed_per_minute
        self.report.measure(**found)
        what = f"round {self.watch.rounds}: {self.watch.differences} difference(s)"
        self.report.progress(min(self.gone, seconds), seconds, what)

    def _ask_providers(self) -> None:
        params, most = self.params, self.params.bounds.max_provider_difference
        if not params.providers:
            return
        known = taken.booked(params.database["url"], params.context.attempt, _table(params), self.since)
        self.providers = taken.side_by_side(params.providers, self.caller, self.since, known)
        for name, facts in self.providers.items():
            apart = facts.get("apart", {})
            self.report.log(f"{name}: {facts.get('not_known') or apart or 'nothing taken, nothing booked'}")
            over = {c: v for c, v in apart.items() if most is not None and abs(float(v)) > most}
            if over:
                self.broken.append(f"{name} took another sum than was booked: {over}, {most:g} is borne.")

    def facts(self) -> dict[str, Any]:
        """JSON, of whatever was measured until now."""
        return {
            **self.watch.as_facts(),
            "began": self.since.isoformat(timespec="seconds"),
            "seconds": round(self.gone, 1),
            "broken": self.broken,
            "broken_after_seconds": self.broken_after,
            "queue": self.pace.as_facts() if self.pace else {},
            "money": self.money.as_facts() if self.money else {},
            "providers": self.providers,
        }

    def verdict(self) -> Outcome:
        """Green only where something was compared, and all of it is the same."""
        if self.broken:
            when = f" after {self.broken_after:g} s" if self.broken_after is not None else ""
            return Outcome(False, f"Stopped{when}: {' '.join(self.broken)} {REMEDY}")
        if missing := self.watch.never_compared():
            return Outcome(False, f"Never compared: {'; '.join(missing)}. {REMEDY}")
        if not any(seen.old_rows or seen.new_rows for seen in self.watch.seen.values()):
            return Outcome(
                False, "Every answer was empty on both sides: that proves nothing. Ask other reads."
            )
        if self.params.money and self.money and not self.money.rounds:
            return Outcome(False, f"Money was never compared: {self.money.not_compared}. {REMEDY}")
        fields = sum(seen.fields for seen in self.watch.seen.values())
        said = f"{self.watch.rounds} round(s) in {self.gone:.0f} s, {fields} fields: "
        said += f"{self.watch.differences} difference(s), p95 {self.old.p95_ms:.0f} ms old, "
        said += f"{self.new.p95_ms:.0f} ms new"
        return Outcome(True, f"{said}{', money is the same' if self._same_money() else ''}.")

    def _same_money(self) -> bool:
        return bool(self.money and self.money.as_facts()["equal"])
