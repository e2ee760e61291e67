"""Compares the answers of the old and the new stack while both run, and stops when a limit is broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypedDict, TypeVar

from django import forms

from integrations import actions
from integrations.actions.dualrun_comparison import DualRunComparison, DualRunFacts, DualrunWatchParams
from integrations.clients import http
from integrations.clients.payments import detect_key_mode, refuse_wrong_mode
from integrations.systems import System
from integrations.traffic.dual_run.booked_payments import BookedPayments
from integrations.traffic.dual_run.limits import DualRunLimits
from integrations.traffic.dual_run.money_totals import TotalsSource
from integrations.traffic.dual_run.read_rules import ReadRule, parse_read_rules

Given = TypeVar("Given")
Parsed = TypeVar("Parsed")


class DualrunWatchEvidence(TypedDict, total=False):
    """What a run records."""

    dual_run: DualRunFacts


@actions.register
class DualrunWatch(actions.ReadOnlyAction[DualrunWatchParams, DualrunWatchEvidence]):
    """Sends the same reads to both sides for a set time and compares them field by field; compares errors
    and latency, money by currency and status, and what the payment providers took; watches the queue."""

    key, title = "dualrun.watch", "Compare the old and the new stack while both run"
    public_params = frozenset(
        {"queue", "money", "booked", "table", "providers", "bounds", "services", "log_errors"}
    )
    address_params = frozenset({"reads"})
    deadline = timedelta(hours=3)

    class Params(actions.ActionForm):
        """``old``, ``new``: the two stacks. ``reads``: see `integrations.traffic.dual_run.read_rules`.
        ``seconds`` (default 300), with a round ``every`` so many seconds (default 5). ``redis`` and
        ``queue``: its throughput. ``money``: {old: {path, at, currency, status, amount, count}, new: {…}}:
        where each side has its totals, if it has any; ``database`` and ``booked``: the same from the
        database: {table, provider, currency, amount, status, created_at, paid}, names of the table and its
        columns, and the states that mean paid. ``providers``: names of payment systems, compared with that.
        ``bounds``: max_differences, max_error_percent, max_waiting, max_p95_ms, max_provider_difference,
        max_log_errors. ``platform`` and ``services``: whose logs are read meanwhile; ``log_errors``: the
        pattern of a line that tells of an error (default: ERROR, FATAL, CRITICAL, Unhandled and the like).
        ``login``: the account that signs in to ``new`` for the reads, as ``sign_in`` of that system says."""

        old = actions.SystemField(kind="http")
        new = actions.SystemField(kind="http")
        reads = actions.JSONValueField(kind=list)
        seconds = forms.FloatField(min_value=0, max_value=86_400, required=False)
        every = forms.FloatField(min_value=0.1, max_value=3600, required=False)
        redis = actions.SystemField(kind="redis", required=False)
        queue = forms.CharField(max_length=100, required=False)
        money = actions.JSONValueField(kind=dict, required=False)
        database = actions.SystemField(kind="postgres", required=False)
        booked = actions.JSONValueField(kind=dict, required=False)
        table = forms.RegexField(r"^\w+(\.\w+)?$", required=False)
        providers = actions.JSONValueField(kind=list, required=False)
        bounds = actions.JSONValueField(kind=dict, required=False)
        login = actions.SystemField(kind="login", required=False)
        platform = actions.SystemField(kind="platform", required=False)
        services = actions.JSONValueField(kind=list, required=False)
        log_errors = forms.CharField(max_length=500, required=False)

        def clean_log_errors(self) -> str:
            """A regular expression."""
            try:
                return str(re.compile(self.cleaned_data["log_errors"]).pattern)
            except re.error as error:
                raise forms.ValidationError(f"is no regular expression: {error}.") from None

        def clean_reads(self) -> list[ReadRule]:
            """The parsed reads."""
            return _parse(parse_read_rules, self.cleaned_data["reads"])

        def clean_bounds(self) -> DualRunLimits:
            """The parsed limits."""
            return _parse(DualRunLimits.parse, self.cleaned_data["bounds"])

        def clean_money(self) -> dict[str, TotalsSource]:
            """Where each side has its totals."""
            given = self.cleaned_data["money"]
            if given and set(given) != {"old", "new"}:
                raise forms.ValidationError("must name both sides: {old: {path: …}, new: {path: …}}.")
            return {side: _parse(TotalsSource.parse, given[side]) for side in given}

        def clean_booked(self) -> BookedPayments | None:
            """Where the payments are booked."""
            given = self.cleaned_data["booked"]
            return _parse(BookedPayments.parse, given) if given else None

        def clean_providers(self) -> list[System]:
            """The payment systems of these names."""
            field = actions.SystemField(kind="payments")
            field.context = self.context
            return [system for name in self.cleaned_data["providers"] if (system := field.clean(name))]

        def clean(self) -> dict[str, Any]:
            """Parameters that need each other."""
            found = super().clean() or self.cleaned_data
            if bool(found.get("redis")) is not bool(found.get("queue")):
                raise forms.ValidationError("redis and queue belong together: name both, or neither.")
            if bool(found.get("platform")) is not bool(found.get("services")):
                raise forms.ValidationError("platform and services belong together: name both, or neither.")
            if table := found.get("table"):  # the form of earlier runbooks
                found["booked"] = found.get("booked") or BookedPayments(table)
            if bool(found.get("database")) is not bool(found.get("booked")):
                raise forms.ValidationError(
                    "database and booked belong together: booked: {table: …, provider: …, paid: […]} says "
                    "where its payments are."
                )
            if found.get("providers") and not getattr(found.get("booked"), "paid", ()):
                raise forms.ValidationError(
                    "providers are compared with the database: name it, and booked: with provider: and paid:."
                )
            return found

    def preview(self, params: DualrunWatchParams) -> actions.Preview:
        """The requests, how often they are sent, and what ends the watch."""
        lines = [f"For {params.duration:g} s, every {params.interval:g} s:"]
        lines += [f"GET {read.old} (old) and GET {read.new} (new), field by field" for read in params.reads]
        lines += [
            f"GET {source.path} ({side}): money by currency and status"
            for side, source in params.money.items()
        ]
        if params.database and params.booked:
            lines.append(f"Totals by currency and status from {params.database.name}, {params.booked.table}")
        if params.redis:
            lines.append(f"The depth and throughput of {params.queue}")
        if params.services:
            lines.append(f"The logs of {', '.join(map(str, params.services))}")
        if params.login:
            lines.append(f"Sign in to the new side as {params.login['email']} first, and sign out at the end")
        lines += [f"Once at the end: what {one.name} took meanwhile" for one in params.providers]
        limits = {name: value for name, value in vars(params.bounds).items() if value is not None}
        lines.append("It stops above: " + ", ".join(f"{name} {value:g}" for name, value in limits.items()))
        warnings = []
        if not params.money:
            warnings.append("Totals of the two stacks are not compared: money: is not given.")
        where = " and ".join(http.display_url(side["url"]) for side in (params.old, params.new))
        return actions.Preview(lines, where=where, warnings=warnings)

    def run(
        self, params: DualrunWatchParams, report: actions.RunReport[DualrunWatchEvidence]
    ) -> actions.Outcome:
        """Records what was measured in any case: also after a cancel or an error."""
        for one in params.providers:
            mode = detect_key_mode(one.driver(), one["secret_key"])
            refuse_wrong_mode(params.context.rehearsal, mode, one.name)
        comparison = DualRunComparison(params, report)
        try:
            comparison.run()
        finally:
            report.evidence({"dual_run": comparison.as_facts()})
        return comparison.judge()


def _parse(parse: Callable[[Given], Parsed], given: Given) -> Parsed:
    try:
        return parse(given)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
