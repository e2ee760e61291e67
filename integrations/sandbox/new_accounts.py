"""The new API's accounts and sessions: `customer/answers/auth-*.json`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import argon2

from integrations.sandbox.new_database import ApiDatabase, Connection, Row, utc, without_nulls
from integrations.sandbox.new_errors import conflict, invalid_fields, unauthorized
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked

SESSION = timedelta(days=7)
ACCOUNT = "id, email, password_hash, first_name, last_name, avatar_url, created_at, updated_at, roles"
SESSIONS = "/auth/session/"
INSERT = f"""
INSERT INTO users (username, email, password_hash, first_name, last_name, roles)
VALUES (%s, %s, %s, %s, %s, %s) RETURNING {ACCOUNT}
"""


class Accounts:
    """``/auth/register``, ``/auth/login``, ``/auth/session/TOKEN`` and ``/auth/logout``."""

    def __init__(self, database: ApiDatabase, repairs: AppliedRepairs) -> None:
        self.database, self.repairs = database, repairs

    def answer(self, asked: Asked) -> Answer | None:
        """None for another path. A field that is missing raises, which ends as a 500, as it was recorded."""
        if asked.method == "GET" and asked.path.startswith(SESSIONS):
            return self._read_session(asked.path.removeprefix(SESSIONS))
        routes: dict[str, tuple[Callable[[Row], Answer], tuple[str, ...]]] = {
            "/auth/register": (self._register, ("email", "password", "firstName", "lastName")),
            "/auth/login": (self._sign_in, ("email", "password")),
            "/auth/logout": (self._sign_out, ("token",)),
        }
        if asked.method != "POST" or asked.path not in routes:
            return None
        run, needed = routes[asked.path]
        given = asked.json() if asked.body else {}
        missing = [name for name in needed if not isinstance(given.get(name), str)]
        if missing and self.repairs.has("missing-fields"):
            return invalid_fields([f"{name} must be a string" for name in missing])
        return run(given)

    def is_signed_in(self, authorization: str) -> bool:
        """Whether ``Bearer TOKEN`` has the token of a session that has not ended."""
        scheme, _, token = authorization.partition(" ")
        query = "SELECT 1 AS found FROM sessions WHERE token = %s AND expires_at > %s"
        return scheme.lower() == "bearer" and bool(self.database.read(query, token.strip(), utc()))

    def _register(self, given: Row) -> Answer:
        email = given["email"].lower()
        hashed = argon2.PasswordHasher().hash(given["password"])
        with self.database.connect() as connection:
            if connection.execute("SELECT 1 FROM users WHERE lower(email) = %s", [email]).fetchone():
                return conflict("An account already exists for this email")
            values = [email.partition("@")[0], email, hashed, given["firstName"], given["lastName"]]
            # Recorded: whoever asks for a role has it.
            asked = [] if self.repairs.has("register-as-admin") else given.get("roles")
            row = connection.execute(INSERT, [*values, asked or ["member"]]).fetchone()
            assert row is not None
            return self._signed_in(connection, row)

    def _sign_in(self, given: Row) -> Answer:
        """Verifies by argon2 only: at werkzeug's hash the library raises, a 500 until repaired."""
        email, password = given["email"].lower(), given["password"]
        # Recorded: a stored address with capitals is never found. The repair compares in small letters.
        stored = "lower(email)" if self.repairs.has("capitals-in-email") else "email"
        with self.database.connect() as connection:
            query = f"SELECT {ACCOUNT} FROM users WHERE {stored} = %s"
            row = connection.execute(query, [email]).fetchone()
            if row is None or not self._verifies(row["password_hash"], password):
                return unauthorized("Invalid email or password")
            return self._signed_in(connection, row)

    def _verifies(self, stored: str | None, password: str) -> bool:
        try:
            return _verifies(stored, password)
        except argon2.exceptions.InvalidHashError:
            if self.repairs.has("old-hashes"):
                return False
            raise

    def _signed_in(self, connection: Connection, account: Row) -> Answer:
        session = connection.execute(
            "INSERT INTO sessions (token, user_id, expires_at) VALUES (%s, %s, %s)"
            " RETURNING token, user_id, created_at, expires_at",
            [secrets.token_hex(48), account["id"], utc() + SESSION],
        ).fetchone()
        assert session is not None
        described = {
            "token": session["token"],
            "userId": str(session["user_id"]),
            "createdAt": session["created_at"],
            "expiresAt": session["expires_at"],
        }
        return Answer(201, {"account": self._describe(connection, account), "session": described})

    def _read_session(self, token: str) -> Answer:
        """The account behind a token; 200 without a body where there is none."""
        with self.database.connect() as connection:
            # An expired session is deleted at this moment.
            connection.execute("DELETE FROM sessions WHERE token = %s AND expires_at <= %s", [token, utc()])
            columns = ", ".join(f"u.{name}" for name in ACCOUNT.split(", "))
            query = f"SELECT {columns} FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token = %s"
            found = connection.execute(query, [token]).fetchone()
            return Answer(200, self._describe(connection, found) if found else b"")

    def _sign_out(self, given: Row) -> Answer:
        with self.database.connect() as connection:
            connection.execute("DELETE FROM sessions WHERE token = %s", [given["token"]])
        return Answer(201, {"success": True})

    def _describe(self, connection: Connection, row: Row) -> dict[str, Any]:
        providers = connection.execute(
            "SELECT provider, provider_id, access_token, refresh_token, expires_at"
            " FROM account_providers WHERE user_id = %s ORDER BY id",
            [row["id"]],
        ).fetchall()
        return without_nulls(
            {
                "id": str(row["id"]),
                "email": row["email"],
                "passwordHash": None
                if self.repairs.has("password-hash-in-answers")
                else row["password_hash"],
                "firstName": row["first_name"] or "",
                "lastName": row["last_name"] or "",
                "avatarUrl": row["avatar_url"],
                "createdAt": row["created_at"],
                "updatedAt": row["updated_at"],
                "roles": row["roles"],
                "providers": [_describe_provider(one) for one in providers],
            }
        )


def _describe_provider(row: Row) -> dict[str, Any]:
    return without_nulls(
        {
            "provider": row["provider"],
            "providerId": row["provider_id"],
            "accessToken": row["access_token"],
            "refreshToken": row["refresh_token"],
            "expiresAt": row["expires_at"],
        }
    )


def _verifies(stored: str | None, password: str) -> bool:
    """Whether argon2 accepts it; raises `argon2.exceptions.InvalidHashError` at another scheme."""
    if not stored:
        return False
    try:
        return argon2.PasswordHasher().verify(stored, password)
    except argon2.exceptions.VerifyMismatchError:
        return False
