"""The new API: reads the columns that the new schema has, and answers as covenant-connect.md found it.

Settings: DATABASE_URL (the role `covenant_api`), PORT, REDIS_URL; MOOD_FILE: while that file is there,
its reads answer 500. Unlike the real image it does not
migrate when it starts (finding 5): the runbook takes that out of the image first.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import argon2
import psycopg
import redis
from psycopg.rows import dict_row

from integrations.sandbox.new_oauth import OAuth
from integrations.sandbox.new_reads import READS
from integrations.sandbox.new_webhooks import Webhooks
from integrations.sandbox.serving import Answer, Asked, Counted, say, serve

SESSION = timedelta(days=7)
UNFINISHED = (
    "SELECT count(*) AS n FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL"
)
USER = "id, email, name, first_name, last_name, avatar_url, roles, is_admin"

Connection = psycopg.Connection[dict[str, Any]]


class Part(Protocol):
    """Some more routes of the API."""

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is none of them."""


class Api:
    """Answers questions on one database and one Redis, asked anew each time: no state, no cache."""

    def __init__(self, database: str, queue: str, mood: str = "", parts: Sequence[Part] = ()) -> None:
        self.database, self.queue, self.mood = database, queue, Path(mood) if mood else None
        self.parts = parts

    def __call__(self, asked: Asked) -> Answer:
        """One question; what the database refuses is a 400, as the real exception filter has it."""
        if asked.path in READS and self.mood is not None and self.mood.exists():
            return failure(500, "Internal server error", "Internal Server Error")  # as a bad night has it
        try:
            more = next((found for part in self.parts if (found := part.answer(asked)) is not None), None)
            return more or self._route(asked.method, asked.path)(asked.body)
        except psycopg.Error as error:
            say(f"{asked.method} {asked.path}: {error.sqlstate} {error}".strip())
            return failure(400, "An unexpected database error occurred", "Bad Request")

    def _route(self, method: str, path: str) -> Callable[[bytes], Answer]:
        if method == "POST" and path == "/auth/login":
            return self.login
        if method == "GET" and path.startswith("/auth/session/"):
            return lambda body: self.session(path.removeprefix("/auth/session/"))
        if method == "GET" and path in READS:
            return lambda body: self.read(path)
        if method == "GET" and path == "/health/live":
            return lambda body: Answer(200, {"status": "ok"})
        if method == "GET" and path == "/health/ready":
            return lambda body: self.ready()
        return lambda body: failure(404, f"Cannot {method} {path}", "Not Found")

    def connect(self) -> Connection:
        """A session that gives up a question after five seconds."""
        return psycopg.connect(
            self.database,
            row_factory=dict_row,
            autocommit=True,
            connect_timeout=3,
            application_name="covenant-api",
            options="-c statement_timeout=5000",
        )

    def read(self, path: str) -> Answer:
        """The rows behind a key read: one question gives a list, several an object of lists."""
        questions = READS[path]
        with self.connect() as connection:
            found = {name: connection.execute(query).fetchall() for name, query in questions.items()}
        return Answer(200, found if len(found) > 1 else next(iter(found.values())))

    def ready(self) -> Answer:
        """In the shape of Terminus. Like the real one it does not notice a migration never started."""
        details = {"database": self._database_state(), "queue": self._queue_state()}
        down = {name: state for name, state in details.items() if state["status"] != "up"}
        well = {name: state for name, state in details.items() if name not in down}
        status = "error" if down else "ok"
        body = {"status": status, "info": well, "error": down, "details": details}
        return Answer(503 if down else 200, body)

    def _database_state(self) -> dict[str, Any]:
        try:
            with self.connect() as connection:
                row = connection.execute(UNFINISHED).fetchone()
        except psycopg.errors.UndefinedTable:
            return {"status": "up", "pendingMigrations": 0}
        except psycopg.Error as error:
            return {"status": "down", "message": type(error).__name__}
        pending = row["n"] if row else 0
        return {"status": "down" if pending else "up", "pendingMigrations": pending}

    def _queue_state(self) -> dict[str, Any]:
        began = time.monotonic()
        try:
            client = redis.Redis.from_url(self.queue, socket_timeout=2, socket_connect_timeout=2)
            try:
                client.ping()
            finally:
                client.close()
        except (redis.RedisError, ValueError) as error:
            return {"status": "down", "driver": "redis", "message": type(error).__name__}
        latency = round((time.monotonic() - began) * 1000, 2)
        return {"status": "up", "driver": "redis", "latencyMs": latency}

    def login(self, body: bytes) -> Answer:
        """Verifies by argon2 only: at werkzeug's hash the library raises, which ends as a 500."""
        try:
            asked = json.loads(body)
            email, password = str(asked["email"]), str(asked["password"])
        except (ValueError, KeyError, TypeError):
            return failure(400, "email and password are required", "Bad Request")
        with self.connect() as connection:
            query = f"SELECT {USER}, password_hash, is_active FROM users WHERE email = %s"
            user = connection.execute(query, [email]).fetchone()
            if user is None or not user.pop("is_active") or not matches(user.pop("password_hash"), password):
                return failure(401, "Invalid credentials", "Unauthorized")
            token, until = secrets.token_urlsafe(32), utc() + SESSION
            connection.execute(
                "INSERT INTO sessions (id, user_id, expires_at) VALUES (%s, %s, %s)",
                [token, user["id"], until],
            )
        return Answer(201, {"token": token, "expiresAt": until, "user": user})

    def session(self, token: str) -> Answer:
        """The account behind a token."""
        columns = ", ".join(f"u.{name}" for name in USER.split(", "))
        with self.connect() as connection:
            found = connection.execute(
                f"SELECT s.expires_at AS until, {columns} FROM sessions s JOIN users u ON u.id = s.user_id"
                " WHERE s.id = %s AND s.expires_at > %s",
                [token, utc()],
            ).fetchone()
        if found is None:
            return failure(401, "Session not found or expired", "Unauthorized")
        return Answer(200, {"token": token, "expiresAt": found.pop("until"), "user": found})


def matches(stored: str | None, password: str) -> bool:
    """Whether argon2 accepts it; raises `argon2.exceptions.InvalidHashError` at another scheme."""
    if stored is None:
        return False
    try:
        return argon2.PasswordHasher().verify(stored, password)
    except argon2.exceptions.VerifyMismatchError:
        return False


def utc() -> datetime:
    """Now, as the columns hold it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def failure(status: int, message: str, error: str) -> Answer:
    """An error in Nest's shape."""
    return Answer(status, {"statusCode": status, "message": message, "error": error})


def main() -> None:
    """Serves until SIGTERM."""
    environ, database = os.environ, os.environ["DATABASE_URL"]
    parts: list[Part] = [Webhooks(database, environ), OAuth(database, environ)]
    api = Api(database, environ.get("REDIS_URL", ""), environ.get("MOOD_FILE", ""), parts)
    serve(int(os.environ["PORT"]), Counted(api), name="new-api")


if __name__ == "__main__":
    main()
