"""Waits until a person signs in through a provider, and proves it by the row that the new stack writes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, NotRequired, TypedDict

import psycopg
from django import forms

from integrations import actions
from integrations.actions.path_fields import PathTemplateField
from integrations.clients import postgres
from integrations.clients.http import HttpClient
from integrations.clients.oauth import get_oauth_client, request_authorize_url
from integrations.clients.postgres_errors import describe_error
from integrations.credentials import fingerprint
from integrations.errors import Problem
from integrations.systems import System

POLL_SECONDS = 0.5  # between two reads of the table
DEFAULT_WAIT = 900.0  # seconds for a person to sign in


@dataclass(frozen=True)
class OAuthSigninParams(actions.ActionParams):
    """Where the sign-in starts, where its row appears, and how long a person has."""

    api: System
    database: System
    provider: System
    minutes: float | None
    authorize: str
    accounts: str
    sessions: str

    @property
    def seconds(self) -> float:
        """How long the person has."""
        return self.minutes * 60 if self.minutes else DEFAULT_WAIT


class SigninFacts(TypedDict):
    """The new row; ``account`` is a fingerprint of the provider's subject; ``sessions`` is how many sessions
    the account has then, where the runbook has a query for them."""

    provider: str
    row: int
    user: int
    at: str
    account: str
    sessions: NotRequired[int]


class OAuthSigninEvidence(TypedDict, total=False):
    """The sign-in that was seen."""

    signin: SigninFacts


class AccountRow(NamedTuple):
    """One row of ``accounts:``."""

    id: int
    subject: str
    user_id: int
    created_at: datetime


@actions.register
class OAuthSignin(actions.Action[OAuthSigninParams, OAuthSigninEvidence]):
    """Counts only a row that is new: an account that had signed in before proves nothing about this stack."""

    key, title = "oauth.signin", "Check that a person can sign in with a provider's account"
    public_params = frozenset({"accounts", "sessions"})
    address_params = frozenset({"authorize"})
    is_check = True
    effect = actions.Effect.IDEMPOTENT  # a person who signs in twice still has one row
    deadline = timedelta(minutes=30)

    class Params(actions.ActionForm):
        """``api``: where the sign-in starts; ``authorize``: the path where it gives the authorize URL, such
        as /oauth/{provider}?back={redirect}; ``provider``: a system of kind oauth; ``minutes``: how long a
        person has (default 15); ``database``: where the row appears; ``accounts``: a query with %(provider)s
        that reads id, the provider's subject, the user's id and the time of each row, in the order in which
        they appear; ``sessions``: a query with %(user)s that counts the sessions of a user."""

        api = actions.SystemField(kind="http")
        database = actions.SystemField(kind="postgres")
        provider = actions.SystemField(kind="oauth")
        minutes = forms.FloatField(min_value=0.01, max_value=25, required=False)
        authorize = PathTemplateField("provider", optional=("redirect",))
        accounts = forms.RegexField(r"\A[^%]*(%\(provider\)s[^%]*)+\Z")
        sessions = forms.RegexField(r"\A[^%]*(%\(user\)s[^%]*)+\Z", required=False)

    def resource(self, params: OAuthSigninParams) -> str:
        """One sign-in per provider at a time."""
        return f"oauth:{params.provider.name}"

    def preview(self, params: OAuthSigninParams) -> actions.Preview:
        """The steps, and what a person has to do in between."""
        name = params.provider.driver()
        lines = [
            f"GET {params.api['url']}{_authorize(params)}, and compare it with the client.",
            "A person opens the address in the log and signs in with a test account that has never done so.",
            f"Wait for a new row of {name}: {params.accounts}",
        ]
        return actions.Preview(lines, where=postgres.address(params.database["url"]))

    def before(self, params: OAuthSigninParams) -> dict[str, Any]:
        """The ids of the rows that exist already."""
        return {"known": [row.id for row in _read_rows(params)]}

    def run(
        self, params: OAuthSigninParams, report: actions.RunReport[OAuthSigninEvidence]
    ) -> actions.Outcome:
        """A wrong authorize URL, or a person who does not sign in in time, is a verdict."""
        http_client, name = HttpClient.of(params.context.systems), params.provider.driver()
        known = {row.id for row in _read_rows(params)}
        # Two requests, because the state parameter has to differ between them.
        client, path = get_oauth_client(params.provider, http_client), _authorize(params)
        first, second = (request_authorize_url(http_client, params.api, path, name) for _ in range(2))
        wrong = client.find_mistakes(first, second) + client.check_redirect()
        if wrong:
            return actions.Outcome(False, f"Nobody can sign in: {' '.join(wrong)}")
        report.log(f"Open in your browser: {first.begin}")
        row = _wait_for_new_row(params, known, report)
        if row is None:
            return actions.Outcome(
                False,
                f"Nobody signed in with a new account within {params.seconds / 60:g} min "
                f"({len(known)} had before): start it again, with a test account that has never signed in.",
            )
        account = fingerprint(str(row.subject), f"{name}.subject")
        facts = SigninFacts(
            provider=name, row=row.id, user=row.user_id, at=row.created_at.isoformat(), account=account
        )
        if params.sessions:
            facts["sessions"] = _count_sessions(params, row.user_id)
        report.evidence({"signin": facts})
        if params.sessions and not facts["sessions"]:
            return actions.Outcome(
                False, f"{name}: row {row.id} has appeared, but its user has no session: nobody is signed in."
            )
        session = " and has a session" if params.sessions else ""
        return actions.Outcome(True, f"{name}: a new account signed in (row {row.id}){session}.")

    def probe(self, params: OAuthSigninParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether a row has appeared since."""
        new = [row.id for row in _read_rows(params) if row.id not in before["known"]]
        if new:
            return actions.Finding(
                actions.ProbeStatus.DONE, f"There is a new row: {', '.join(map(str, new))}.", {"rows": new}
            )
        return actions.Finding(actions.ProbeStatus.NOT_DONE, "No row has appeared since.")


def _authorize(params: OAuthSigninParams) -> str:
    client = get_oauth_client(params.provider, HttpClient.of(params.context.systems))
    return client.authorize_request(params.authorize)


def _read_rows(params: OAuthSigninParams) -> list[AccountRow]:
    rows = _query(params, "accounts", {"provider": params.provider.driver()})
    if rows and len(rows[0]) != len(AccountRow._fields):
        raise Problem(
            f"accounts: reads {len(rows[0])} columns instead of four.",
            means="Nothing was sent to the API.",
            next="Let it read id, the provider's subject, the user's id and the time.",
        )
    return [AccountRow(*row) for row in rows]


def _count_sessions(params: OAuthSigninParams, user: int) -> int:
    return int(_query(params, "sessions", {"user": user})[0][0])


def _query(params: OAuthSigninParams, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query of the runbook. Raises `Problem` that passes on what PostgreSQL says of it."""
    url, query = params.database["url"], getattr(params, name)
    with (
        postgres.explain_errors(url),
        postgres.connect(url, attempt=params.context.attempt, readonly=True) as connection,
    ):
        try:
            return connection.execute(query, values).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise Problem(
                f"The query {name}: does not fit this database: {describe_error(error)}.",
                means="The new stack's tables do not exist yet, or the query or the database is another one.",
                next=f"Align the schema first; check {name}: and database: of this item.",
            ) from None


def _wait_for_new_row(
    params: OAuthSigninParams, known: set[int], report: actions.Report
) -> AccountRow | None:
    """The newest row that is not among the known ids; None when the time is over."""
    started, seconds = time.monotonic(), params.seconds
    while True:
        new = [row for row in _read_rows(params) if row.id not in known]
        waited = time.monotonic() - started
        if new or waited > seconds:
            return new[-1] if new else None
        report.raise_if_cancelled()
        report.progress(waited, seconds, f"waiting for a person to sign in, {seconds - waited:.0f} s left")
        time.sleep(POLL_SECONDS)
