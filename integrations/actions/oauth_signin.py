"""Sees a person sign in with a provider's account, by the row that the new stack makes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psycopg
from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import postgres
from integrations.clients.http import Caller
from integrations.clients.oauth import asked_of, client_of
from integrations.credentials import fingerprint
from integrations.errors import Problem

POLL = 0.5  # seconds between two looks at the table
PATIENCE = 900.0  # seconds for a person to sign in
ROWS = "select id, subject, user_id, created_at from account_providers where lower(provider) = %s order by id"


@register
class OAuthSignin(Action):
    """Only a row that was not there before counts: one that had signed in before proves nothing."""

    key, title = "oauth.signin", "See a person sign in with a provider's account"
    effect = Effect.IDEMPOTENT  # whoever signs in twice has one row
    deadline = timedelta(minutes=30)

    class Params(ActionForm):
        """``api``: where the sign-in begins; ``database``: where the row appears; ``provider``: a system of
        kind oauth; ``minutes``: how long a person has (default 15)."""

        api = SystemField(kind="http")
        database = SystemField(kind="postgres")
        provider = SystemField(kind="oauth")
        minutes = forms.FloatField(min_value=0.01, max_value=25, required=False)

    def resource(self, params: Values) -> str:
        """One sign-in a provider at a time."""
        return f"oauth:{params.provider.name}"

    def preview(self, params: Values) -> Preview:
        """The steps, and what a person has to do in between."""
        name = params.provider.driver()
        lines = [
            f"GET {params.api['url']}/auth/providers/{name}/authorize, and hold it against the client.",
            "Somebody opens the address in the log and signs in with a test account that never did before.",
            f"Wait for a new row of {name} in account_providers.",
        ]
        return Preview(lines, where=postgres.address(params.database["url"]))

    def before(self, params: Values) -> dict[str, Any]:
        """The rows that are there."""
        return {"known": [row[0] for row in _rows(params)]}

    def run(self, params: Values, report: Report) -> Outcome:
        """Refused when the URL is wrong; nobody signing in is a verdict."""
        caller, name = Caller.of(params.context.systems), params.provider.driver()
        known = {row[0] for row in _rows(params)}
        first, second = (asked_of(caller, params.api, name) for _ in range(2))
        wrong = client_of(params.provider, caller).wrong_with(first, second)
        if wrong:
            return Outcome(False, f"The authorize URL is not right: {' '.join(wrong)}")
        report.log(f"Open in your browser: {first.begin}")
        found = _wait(params, known, report)
        if found is None:
            return Outcome(
                False,
                f"Nobody signed in with a new account within {_seconds(params) / 60:g} min "
                f"({len(known)} had before): start it again, with a test account that never did.",
            )
        row, subject, user, at = found
        facts = {"provider": name, "row": row, "user": user, "at": at.isoformat()}
        report.evidence(signin={**facts, "account": fingerprint(str(subject), f"{name}.subject")})
        return Outcome(True, f"{name}: a new account signed in (row {row} of account_providers).")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Whether a row came since."""
        new = [row[0] for row in _rows(params) if row[0] not in before["known"]]
        if new:
            return Finding(Seen.DONE, f"A new row is there: {', '.join(map(str, new))}.", {"rows": new})
        return Finding(Seen.NOT_DONE, "No row came since.")


def _seconds(params: Values) -> float:
    return float(params.minutes * 60) if params.minutes else PATIENCE


def _rows(params: Values) -> list[tuple[Any, ...]]:
    url = params.database["url"]
    with (
        postgres.in_words(url),
        postgres.connect(url, attempt=params.context.attempt, readonly=True) as connection,
    ):
        try:
            return connection.execute(ROWS, [params.provider.driver()]).fetchall()
        except psycopg.errors.UndefinedTable:
            raise Problem(
                "There is no table account_providers.",
                means="The new stack's tables are not there yet, or this is another database.",
                next="Align the schema first; check database: of this item.",
            ) from None


def _wait(params: Values, known: set[int], report: Report) -> tuple[Any, ...] | None:
    began, seconds = time.monotonic(), _seconds(params)
    while True:
        new = [row for row in _rows(params) if row[0] not in known]
        waited = time.monotonic() - began
        if new or waited > seconds:
            return new[-1] if new else None
        report.raise_if_cancelled()
        report.progress(waited, seconds, f"waiting for somebody to sign in, {seconds - waited:.0f} s left")
        time.sleep(POLL)
