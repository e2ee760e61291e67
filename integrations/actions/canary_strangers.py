"""What login.canary tries beside the canary: an account with an old hash, and a stranger who wants rights."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations import actions
from integrations.clients import http, postgres
from integrations.clients.watched_connection import UninterruptedReport
from integrations.environment import accounts
from integrations.environment.accounts import AccountTables
from integrations.environment.api_sessions import ApiSessions
from integrations.json_places import find_value
from integrations.systems import System

STRANGER = "cutover-register@people.invalid"  # always the same: what a lost attempt left is found again
SETTINGS = ("path", "send", "at", "never")
EXAMPLE = "{path: /sign-up, send: {email: '{email}', password: '{password}'}, at: user.roles, never: [admin]}"


@dataclass(frozen=True)
class Registration:
    """How a stranger registers, with the rights that he asks for, and what the answer must not grant.

    ``send`` goes as JSON, with the address and the password where ``{email}`` and ``{password}`` stand;
    ``place``: where the answer lists the rights; ``never``: those that a stranger must not get.
    """

    path: str
    send: Mapping[str, Any]
    place: str
    never: tuple[str, ...]

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Registration:
        """Reads the parameter. Raises ValueError with a sentence."""
        right = set(given) == set(SETTINGS) and isinstance(given["send"], Mapping)
        if not right or not isinstance(given["never"], list) or not str(given["path"]).startswith("/"):
            raise ValueError(f"must look like {EXAMPLE}.")
        return cls(given["path"], given["send"], str(given["at"]), tuple(map(str, given["never"])))

    def body(self, password: str) -> dict[str, Any]:
        """What is sent."""
        filled = {"{email}": STRANGER, "{password}": password}
        return {
            name: filled.get(value, value) if isinstance(value, str) else value
            for name, value in self.send.items()
        }

    def granted(self, reply: http.Response) -> list[str]:
        """The forbidden rights that the answer lists."""
        try:
            found = find_value(reply.json(), self.place)
        except ValueError:
            return []
        listed = found if isinstance(found, list) else [found]
        return [right for right in self.never if right in listed]


@dataclass(frozen=True)
class StrangerTrials:
    """Requests of others than the canary. ``database``: that of the API."""

    database: System
    tables: AccountTables
    sessions: ApiSessions
    report: actions.Report

    def run(self, canary: str, registration: Registration | None, attempt: str) -> list[str]:
        """A sentence for everything that is wrong."""
        # A cancel must not keep it from deleting the account that a registration made.
        report = UninterruptedReport(self.report)
        with (
            postgres.explain_errors(self.database["url"]),
            postgres.connect_to(self.database, attempt=attempt, report=report) as connection,
        ):
            found = [self._try_old_hash(connection, canary)]
            if registration:
                found.append(self._try_registration(connection, registration))
        return [sentence for sentence in found if sentence]

    def _try_old_hash(self, connection: postgres.Connection, canary: str) -> str:
        """A wrong password at an account whose hash the API cannot verify."""
        email = accounts.find_unverifiable(connection, self.tables, canary)
        if not email:
            return ""
        reply = self.sessions.sign_in(email, secrets.token_urlsafe(16))
        self.report.log(f"POST {self.sessions.shape.path} to an account with an old hash: {reply.status}")
        if reply.status < 500:
            return ""
        return (
            f"A sign-in to an account with an old hash is answered by {reply.status}, as a failure of the "
            "API: everybody who tries an old password looks like an outage. Answer 401, and give these "
            "people a way to a new password."
        )

    def _try_registration(self, connection: postgres.Connection, registration: Registration) -> str:
        """Registers as a stranger who asks for rights, and deletes the account."""
        password = secrets.token_urlsafe(24)
        self.report.secret(password)
        accounts.delete_account(connection, self.tables, STRANGER)
        path, left = registration.path, 0
        try:
            reply = http.request(self.sessions.url, path, send=registration.body(password))
        finally:
            left = accounts.delete_account(connection, self.tables, STRANGER)
        self.report.log(f"POST {path} as {STRANGER}: {reply.status}; accounts deleted again: {left}")
        return _judge(path, reply, registration.granted(reply) if reply.ok else [], left)


def _judge(path: str, reply: http.Response, granted: list[str], left: int) -> str:
    if granted:
        return (
            f"A stranger who registers at {path} gets the rights that he asks for ({', '.join(granted)}): "
            "anybody can make himself one of the staff. Take no rights from the form."
        )
    if reply.status >= 500 or (reply.status == 400 and "database" in reply.error_text().lower()):
        said = f"{reply.status} “{reply.error_text()}”"
        return f"A registration that asks for rights is answered by {said}: it may grant them, or not."
    if reply.ok and not left:
        return f"The account that {path} made is not in this database: the API uses another one."
    return ""
