"""Counts users by the scheme of their password hash, and signs in with the canary account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
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
from integrations.clients.http import Answer, Service
from integrations.clients.postgres import address, connect, in_words
from integrations.errors import Problem

#: A hash begins with its scheme: werkzeug writes “scrypt:32768:8:1$…”, argon2 “$argon2id$v=19$…”.
CENSUS = r"""
    SELECT coalesce(substring(password_hash FROM '^\$?([a-z0-9]+)'), 'none') AS scheme, count(*)
    FROM users GROUP BY 1 ORDER BY 2 DESC, 1
"""
NEW_SCHEMES = ("argon2", "argon2i", "argon2d", "argon2id")


@register
class LoginCanary(Action):
    """Old passwords do not open the new door: says for how many people, and proves the door itself."""

    key, title = "login.canary", "Count old password hashes and sign in with the canary account"
    effect = Effect.IDEMPOTENT  # a run leaves one session of the canary behind, and its hash when asked to

    class Params(ActionForm):
        """The database with the users, the API, and the account made for this."""

        database = SystemField(kind="postgres", help_text="where table users is; only read without prepare")
        api = SystemField(kind="http", help_text="the API to sign in at")
        login = SystemField(kind="login", help_text="e-mail and password of the canary account")
        prepare = forms.BooleanField(
            required=False,
            help_text="true: gives this one account an argon2 hash of its password first, since an old "
            "hash does not open the new door",
        )

    def resource(self, params: Values) -> str | None:
        """One sign-in at a time, so that a lost one can be told from another."""
        return f"login:{Service(params.api['url']).where}"

    def preview(self, params: Values) -> Preview:
        """The query and the two requests; the password is not shown."""
        service = Service(params.api["url"])
        prepare = (
            [f"give the one account {params.login['email']} an argon2 hash of its password, if it has none"]
            if params.prepare
            else []
        )
        return Preview(
            [
                f"count the users of {address(params.database['url'])} by hash scheme",
                *prepare,
                f"POST /auth/login as {params.login['email']}",
                "GET /auth/session/{token}",
            ],
            where=service.where,
        )

    def run(self, params: Values, report: Report) -> Outcome:
        """The census is reported whatever the sign-in says."""
        report.secret(params.login["password"])
        schemes = _census(params)
        old = sum(count for scheme, count in schemes.items() if scheme not in NEW_SCHEMES)
        for scheme, count in schemes.items():
            report.log(f"{count} users with {scheme}")
        report.evidence(schemes=schemes, must_reset=old, users=sum(schemes.values()))
        if params.prepare:
            report.evidence(prepared=_prepare(params, report))
        service = Service(params.api["url"])
        answer = service.post(
            "/auth/login", {"email": params.login["email"], "password": params.login["password"]}
        )
        report.log(f"POST /auth/login: {answer.status} in {answer.milliseconds:.0f} ms")
        if answer.status not in (200, 201):
            return Outcome(False, f"The canary could not sign in: {_why(answer)} {_people(old)}")
        return self._session(service, params, answer, report, old)

    def _session(self, service: Service, params: Values, answer: Answer, report: Report, old: int) -> Outcome:
        token = _token(answer)
        report.secret(token)
        session = service.get(f"/auth/session/{token}")
        report.log(f"GET /auth/session/…: {session.status} in {session.milliseconds:.0f} ms")
        if not session.ok or params.login["email"].lower() not in str(session.json).lower():
            return Outcome(
                False, f"The canary signed in, and its session does not name it ({session.status})."
            )
        report.evidence(signed_in=True, login_ms=answer.milliseconds, session_ms=session.milliseconds)
        return Outcome(True, f"The canary signed in and its session names it. {_people(old)}")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A sign-in that was lost on the way leaves at most a session of the canary."""
        return Finding(
            Seen.NOT_DONE, "At most one more session of the canary was opened; signing in again is harmless."
        )


def _census(params: Values) -> dict[str, int]:
    url = params.database["url"]
    with (
        in_words(url),
        connect(url, attempt=params.context.attempt, readonly=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(CENSUS)
        return {str(scheme): int(count) for scheme, count in cursor.fetchall()}


def _prepare(params: Values, report: Report) -> bool:
    """Gives the canary, and nobody else, a hash that the new API can verify; False when it has one."""
    url, email, password = params.database["url"], params.login["email"], params.login["password"]
    with in_words(url), connect(url, attempt=params.context.attempt, autocommit=False) as connection:
        found = connection.execute(
            "SELECT id, password_hash FROM users WHERE lower(email) = lower(%s) FOR UPDATE", [email]
        ).fetchall()
        if len(found) != 1:
            raise Problem(
                f"{len(found)} accounts are called {email}; the canary is exactly one.",
                means="Nothing was changed.",
                next="Make the account, or correct the e-mail of the login system.",
            )
        if _verifies(str(found[0][1]), password):
            report.log(f"{email} already has an argon2 hash of this password")
            return False
        connection.execute(
            "UPDATE users SET password_hash = %s WHERE id = %s",
            [PasswordHasher().hash(password), found[0][0]],
        )
        connection.commit()
    report.log(f"gave {email} an argon2 hash; one row changed")
    return True


def _verifies(stored: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _token(answer: Answer) -> str:
    found = answer.json if isinstance(answer.json, dict) else {}
    token = found.get("token") or (found.get("session") or {}).get("token")
    if not isinstance(token, str) or not token or not token.isascii() or "/" in token:
        raise Problem(
            "The sign-in answered without a token.", next="Look at what POST /auth/login gives back."
        )
    return token


def _why(answer: Answer) -> str:
    if answer.status == 500:
        return (
            "500. That is what an old werkzeug hash gives: the account was not prepared. "
            "Set its password through the new API, or give the item prepare: true."
        )
    if answer.status in (401, 403):
        return f"{answer.status}. The password is not the one that the account has."
    if answer.status == 400:
        return f"400 “{answer.message()}”. The schema is not aligned: look at the drift."
    return f"{answer.status} {answer.message()}".strip() + "."


def _people(old: int) -> str:
    if not old:
        return "Nobody has an old hash."
    return f"{old} people have old hashes and must reset their password."
