"""Runs a smoke test of an API: its health part by part, its reads, and what it must refuse."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.expected_answers import ExpectedAnswer, RefusedRequest
from integrations.actions.smoke_run import ApiState, HttpSmokeParams, SmokeRun
from integrations.clients import http


class SmokeFacts(TypedDict):
    """The state in lower case, and every request with the fields of `SmokeRequest`."""

    state: str
    address: str
    slowest_ms: float | None
    asked: list[dict[str, Any]]


class HttpSmokeEvidence(TypedDict, total=False):
    """What a run records."""

    smoke: SmokeFacts


@actions.register
class HttpSmoke(actions.ReadOnlyAction[HttpSmokeParams, HttpSmokeEvidence]):
    """Requests the API's health, its reads, and what must not be open. Readiness alone proves little: it may
    be green over a schema that does not fit the API's client, and a list may be empty over a full table."""

    key, title = "http.smoke", "Run a smoke test of the new API"
    address_params = frozenset({"health", "reads", "refused"})
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``api``: the new API. ``served_by``: the system whose marker its answers must carry, where that is
        another one (a public address leads to one stack or the other); default: ``api``, when it
        has a marker. ``health``, ``reads``: paths, or {path, status, json: {place: value}, advice:
        {place: text}, rows, at_least, total, count, signed_in, max_mb}: without ``status`` any 2xx
        is right; a place has dots between names, ``*`` is each part; ``rows`` is the place of the
        records, of which ``at_least`` so many must come; ``total`` is the place where the answer
        reports how many there are; ``count``: a table of ``database``, or a query, that must have
        the same number; ``max_mb``: of the answer (default 1). Health is requested first, and its
        first failure ends the test. ``refused``: paths, or {method, path, send}, that must answer 401 or
        403 without a sign-in (or 404 from another program than ``served_by``, which does not hand them
        on); choose requests that change nothing where they are not refused.
        ``login``: the account that signs in for reads with ``signed_in``. ``max_ms``: the longest that
        one may take, in milliseconds; without it the durations are recorded and not judged."""

        api = actions.SystemField(kind="http")
        served_by = actions.SystemField(kind="http", required=False)
        health = actions.JSONValueField(kind=list, required=False)
        reads = actions.JSONValueField(kind=list, required=False)
        refused = actions.JSONValueField(kind=list, required=False)
        database = actions.SystemField(kind="postgres", required=False)
        login = actions.SystemField(kind="login", required=False)
        max_ms = forms.IntegerField(min_value=1, max_value=10_000, required=False)

        def clean_health(self) -> list[ExpectedAnswer]:
            """The parsed entries."""
            return _parse_entries(self.cleaned_data["health"])

        def clean_reads(self) -> list[ExpectedAnswer]:
            """The parsed entries."""
            return _parse_entries(self.cleaned_data["reads"])

        def clean_refused(self) -> list[RefusedRequest]:
            """Paths only: the host is that of the system."""
            try:
                return [RefusedRequest.parse(one) for one in self.cleaned_data["refused"]]
            except ValueError as error:
                raise forms.ValidationError(str(error)) from None

        def clean(self) -> dict[str, Any]:
            """Parameters that need each other."""
            found = super().clean() or self.cleaned_data
            entries = [*found.get("health", ()), *found.get("reads", ())]
            if not self.errors and not entries and not found.get("refused"):
                raise forms.ValidationError(
                    "names nothing to request: give health: and reads: (earlier versions had paths built in)."
                )
            if any(entry.count for entry in entries) and not found.get("database"):
                raise forms.ValidationError("count: needs database:, the system that has the tables.")
            if any(entry.signed_in for entry in entries) and not found.get("login"):
                raise forms.ValidationError("signed_in: needs login:, the account that signs in.")
            return found

    def preview(self, params: HttpSmokeParams) -> actions.Preview:
        """The requests."""
        lines = [f"GET {entry.path}" for entry in [*params.health, *params.reads]]
        lines += [f"{one.method} {one.path} without a sign-in: 401 or 403" for one in params.refused]
        if params.login:
            lines.append(f"Sign in as {params.login['email']} for some of them, and sign out.")
        if params.max_ms:
            lines.append(f"None may take longer than {params.max_ms} ms.")
        return actions.Preview(lines, where=http.display_url(params.api["url"]))

    def run(self, params: HttpSmokeParams, report: actions.RunReport[HttpSmokeEvidence]) -> actions.Outcome:
        """Requests in this order, and stops at the first state that makes the rest pointless."""
        smoke = SmokeRun(params, report)
        state, summary = smoke.run()
        times = [one.ms for one in smoke.requests if one.ms is not None]
        report.evidence(
            {
                "smoke": {
                    "state": state.name.lower(),
                    "address": http.display_url(params.api["url"]),
                    "slowest_ms": max(times, default=None),
                    "asked": [asdict(one) for one in smoke.requests],
                }
            }
        )
        return actions.Outcome(state is ApiState.WELL, summary)


def _parse_entries(given: list[Any]) -> list[ExpectedAnswer]:
    try:
        return [ExpectedAnswer.parse(one) for one in given]
    except ValueError as error:
        raise forms.ValidationError(str(error)) from None
