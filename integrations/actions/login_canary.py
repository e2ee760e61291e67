"""Counts the accounts by hash scheme, and signs in to the new API with one account made for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

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
from integrations.clients import accounts, http, postgres

LOGIN, SESSION = "/auth/login", "/auth/session/"


@register
class LoginCanary(Action):
    """Old werkzeug hashes do not open the new door, which answers 500 (covenant-connect.md 7): whoever
    has one must reset the password, and their number is what this finds out."""

    key, title = "login.canary", "Count password schemes and sign in with the canary account"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``database``: the new API's database. ``api``: the new API. ``login``: the canary's account.
        ``create``: gives the canary its password under argon2 first (``database`` must be allowed to
        write). ``accept_old_hashes``: accounts that must reset their password are no reason to say no."""

        database = SystemField(kind="postgres")
        api = SystemField(kind="http")
        login = SystemField(kind="login")
        create = forms.BooleanField(required=False)
        accept_old_hashes = forms.BooleanField(required=False)

    def resource(self, params: Values) -> str:
        """The canary's account."""
        return f"db:{postgres.address(params.database['url'])}:account:{params.login['email']}"

    def preview(self, params: Values) -> Preview:
        """The count as it is now, what would be written, and the two questions."""
        email = params.login["email"]
        with _reading(params) as connection:
            counted, scheme = accounts.census(connection), accounts.scheme_of(connection, email)
        lines = [f"Count the accounts by hash scheme (now: {_listed(counted)})."]
        warnings = []
        if params.create:
            now = "it is not there yet" if scheme is None else f"it is {scheme} now"
            lines.append(f"Set password_hash of {email} in users to argon2 ({now}); no other row is touched.")
            warnings.append(f"A comparison with what was before will show this one row of users: {email}.")
        elif scheme not in accounts.NEW:
            warnings.append(f"{email} {'does not exist' if scheme is None else f'has {scheme}'}: no sign-in.")
        lines += [
            f"POST {LOGIN} as {email}: leaves one row in sessions.",
            f"GET {SESSION}… must name {email}.",
        ]
        where = f"{http.address(params.api['url'])} on {postgres.address(params.database['url'])}"
        return Preview(lines, where=where, warnings=warnings)

    def before(self, params: Values) -> dict[str, Any]:
        """The canary's scheme and number of sessions."""
        email = params.login["email"]
        with _reading(params) as connection:
            return {
                "attempt": params.context.attempt,
                "scheme": accounts.scheme_of(connection, email),
                "sessions": accounts.sessions_of(connection, email),
            }

    def run(self, params: Values, report: Report) -> Outcome:
        """Counts, gives the canary its password if asked to, signs in, and reads the session back."""
        email, password = params.login["email"], params.login["password"]
        report.secret(password)
        url = params.database["url"]
        with postgres.in_words(url), postgres.connect(url, attempt=params.context.attempt) as connection:
            account = accounts.set_password(connection, email, password) if params.create else "as found"
            counted, scheme = accounts.census(connection), accounts.scheme_of(connection, email)
        report.log(f"Accounts by hash scheme: {_listed(counted)}.")
        report.log(f"{email}: {account}, {scheme or 'no such account'}.")
        report.raise_if_cancelled()
        status, wrong = _sign_in(params, scheme, report)
        must_reset = accounts.old(counted)
        facts = {
            "email": email,
            "account": account,
            "scheme": scheme,
            "status": status,
            "signed_in": not wrong,
        }
        report.evidence(canary={**facts, "census": counted, "must_reset": must_reset})
        if wrong:
            return Outcome(False, f"The canary cannot sign in: {wrong}")
        if must_reset and not params.accept_old_hashes:
            return Outcome(
                False,
                f"The canary signs in, but {must_reset:,} account(s) have an old hash and will get a 500. "
                "Plan their reset, then set accept_old_hashes in the runbook.",
            )
        return Outcome(True, f"The canary signs in. {must_reset:,} account(s) must reset their password.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Looks at the canary's hash, and whether it has a session more than before."""
        email = params.login["email"]
        with _reading(params) as connection:
            opens = accounts.opens(connection, email, params.login["password"])
            sessions = accounts.sessions_of(connection, email)
            busy = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
                [f"cutover:{before.get('attempt')}"],
            ).fetchone()
        more = (sessions or 0) > (before.get("sessions") or 0)
        facts = {"argon2_of_this_password": opens, "sessions": sessions}
        saw = f"{email} {'has' if opens else 'does not have'} this password under argon2; "
        saw += f"sessions: {sessions}, before: {before.get('sessions')}."
        if before.get("attempt") and busy and busy[0]:
            return Finding(Seen.STILL_RUNNING, f"{saw} The attempt is still connected.", facts)
        if more:
            return Finding(Seen.DONE, saw, facts)
        changed = bool(params.create) and opens and before.get("scheme") not in accounts.NEW
        return Finding(Seen.PARTIAL if changed else Seen.NOT_DONE, saw, facts)


@contextmanager
def _reading(params: Values) -> Iterator[postgres.Connection]:
    url = params.database["url"]
    with postgres.in_words(url), postgres.connect(url, readonly=True) as connection:
        yield connection


def _listed(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{scheme} {count:,}" for scheme, count in counted.items()) or "no accounts"


def _sign_in(params: Values, scheme: str | None, report: Report) -> tuple[int, str]:
    """Status of the sign-in, and what is wrong (empty when the session names the canary)."""
    api, email = params.api["url"], params.login["email"]
    reply = http.ask(api, LOGIN, send={"email": email, "password": params.login["password"]})
    report.log(f"POST {LOGIN}: {reply.status} in {reply.ms:.0f} ms")
    if not reply.ok:
        return reply.status, _refused(reply, scheme)
    try:
        token = str(reply.json()["token"])
    except (ValueError, KeyError, TypeError):
        return reply.status, "the answer to the sign-in holds no token."
    report.secret(token)
    session = http.ask(api, SESSION + quote(token, safe=""))
    report.log(f"GET {SESSION}…: {session.status} in {session.ms:.0f} ms")
    if not session.ok:
        return session.status, f"the session is not found again ({session.status} “{session.says()}”)."
    return reply.status, "" if _names(session, email) else f"the session does not name {email}."


def _names(session: http.Reply, email: str) -> bool:
    try:
        return bool(session.json()["user"]["email"] == email)
    except (ValueError, KeyError, TypeError):
        return False


def _refused(reply: http.Reply, scheme: str | None) -> str:
    said = f"{reply.status} “{reply.says()}”."
    if reply.status == 400 and "database error" in reply.says():
        return f"{said} The schema is not aligned with the API's client: see prisma.drift."
    if scheme is None:
        return f"{said} There is no account of this address: make it, or set create in the runbook."
    if scheme not in accounts.NEW:
        return (
            f"{said} Its hash is {scheme}, which the new API cannot verify: such accounts have to reset "
            "their password. For the canary, set create in the runbook."
        )
    return f"{said} Check the canary's password and whether the account is active."
