"""The new API: reads the new schema, and answers as `customer/api.json` and `customer/answers/` have it.

Settings: DATABASE_URL (the role `covenant_api`), PORT, REDIS_URL, CORS_ORIGINS, REPAIRS_FILE; SETTINGS_FILE:
the file that people enter its secrets into; API_TOKEN: the front end's token, which reads what is protected;
MOOD_FILE: while that file is there, its reads answer 500. Unlike the real image it does not migrate when it
starts: the runbook takes that out of the image first.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import psycopg

from integrations.sandbox.entered_settings import EnteredSettings
from integrations.sandbox.facts import load_facts
from integrations.sandbox.new_accounts import Accounts
from integrations.sandbox.new_admin import AdminRoutes
from integrations.sandbox.new_database import ApiDatabase
from integrations.sandbox.new_donations import Donations
from integrations.sandbox.new_errors import (
    database_error,
    internal_error,
    nest_error,
    not_found,
    unauthorized,
)
from integrations.sandbox.new_health import Health
from integrations.sandbox.new_metrics import Measured
from integrations.sandbox.new_oauth import OAuth
from integrations.sandbox.new_reads import Reads
from integrations.sandbox.new_routes import has_route, recorded_routes
from integrations.sandbox.new_tasks import Tasks
from integrations.sandbox.new_webhooks import Webhooks
from integrations.sandbox.new_worker import run_tasks_of_api
from integrations.sandbox.new_writes import Writes, needs_account
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked, say, serve

LARGEST_JSON = 100 * 1024  # bytes of a body; Express takes no more
METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
#: what only those who are signed in may read or do, once the API asks for it (the repair `sign-in`)
PROTECTED = frozenset(
    {"/donations", "/prayer/requests", "/reports/dashboard", "/tasks", "/integrations", "/email/providers"}
)
FORMS = frozenset({"/donations", "/prayer/requests"})  # visitors give and ask for prayer without an account


class ApiPart(Protocol):
    """Some of the API's routes."""

    def answer(self, asked: Asked) -> Answer | None:
        """None for what is none of them."""


class Api:
    """Answers questions on one database and one Redis, asked anew each time: no state, no cache."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        url, queue = environ["DATABASE_URL"], environ.get("REDIS_URL", "")
        database, settings = ApiDatabase(url), EnteredSettings(environ)
        self.repairs = AppliedRepairs.of(environ)
        self.mood = Path(environ["MOOD_FILE"]) if environ.get("MOOD_FILE") else None
        self.origins = [origin for origin in environ.get("CORS_ORIGINS", "").split(",") if origin]
        self.token = environ.get("API_TOKEN", "")
        self.accounts, self.reads = Accounts(database, self.repairs), Reads(database, self.repairs)
        self.tasks, self.admin = Tasks(queue), AdminRoutes(database, self.repairs)
        self.parts: Sequence[ApiPart] = (
            Health(database, queue, self.repairs),
            self.accounts,
            Webhooks(url, settings),
            Donations(url, settings),
            OAuth(url, settings),
            self.tasks,
            Writes(),
            self.admin,
            self.reads,
        )

    def __call__(self, asked: Asked) -> Answer:
        """One question, with the headers for browsers of other origins."""
        origin = asked.headers.get("origin", "")
        allowed = {"Access-Control-Allow-Origin": origin} if origin in self.origins else {}
        if asked.method == "OPTIONS":
            vary = {"Vary": "Origin, Access-Control-Request-Headers"}
            return Answer(204, b"", {**allowed, **vary, "Access-Control-Allow-Methods": METHODS})
        answer = self._answer(replace(asked, method="GET") if asked.method == "HEAD" else asked)
        return replace(answer, headers={**answer.headers, **allowed}) if allowed else answer

    def _answer(self, asked: Asked) -> Answer:
        if asked.path in self.reads.lists and self.mood is not None and self.mood.exists():
            return internal_error()  # as a bad night has it
        if refusal := _refuse_body(asked):
            return refusal
        try:
            if not self._is_open(asked):
                return unauthorized("Unauthorized")
            return self._route(asked) or not_found(f"Cannot {asked.method} {asked.target or asked.path}")
        except psycopg.Error as error:
            say(f"{asked.method} {asked.path}: {error.sqlstate} {error}".strip())
            return database_error(asked, error)

    def _route(self, asked: Asked) -> Answer | None:
        found = next((found for part in self.parts if (found := part.answer(asked)) is not None), None)
        asks = (asked.method, asked.path) == ("POST", "/prayer/requests")
        # Recorded: nothing adds this job.
        if asks and found and found.status == 201 and self.repairs.has("prayer-notification"):
            self.tasks.add("notifications.prayer", {"prayerRequestId": found.body["id"]})
        return found

    def _is_open(self, asked: Asked) -> bool:
        """Whether this question needs no sign-in, or comes with one."""
        if not has_route([*recorded_routes(), *self.admin.routes], asked):
            return True
        if self.repairs.has("changes-without-sign-in") and needs_account(asked):
            return self._is_signed_in(asked)
        is_protected = asked.path in PROTECTED or asked.path.startswith("/admin/")
        if not is_protected or (asked.method == "POST" and asked.path in FORMS):
            return True
        return not self.repairs.has("sign-in") or self._is_signed_in(asked)

    def _is_signed_in(self, asked: Asked) -> bool:
        """By a session, or, to read, by the front end's own token."""
        authorization, own = asked.headers.get("authorization", ""), f"Bearer {self.token}"
        if self.token and asked.method == "GET" and hmac.compare_digest(authorization.encode(), own.encode()):
            return True
        return self.accounts.is_signed_in(authorization)


def _refuse_body(asked: Asked) -> Answer | None:
    """What Express says to a body before any route is looked for."""
    if len(asked.body) > LARGEST_JSON:
        return Answer(413, {"statusCode": 413, "message": "request entity too large"})
    if not asked.body or "json" not in asked.headers.get("content-type", ""):
        return None
    try:
        json.loads(asked.body)
    except ValueError as error:
        at_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc)
        message = "Unexpected end of JSON input" if at_end else "Unexpected token in JSON"
        return nest_error(400, message)
    return None


def main() -> None:
    """Serves until SIGTERM."""
    environ = os.environ
    repairs = environ.get("REPAIRS_FILE")
    if repairs and not AppliedRepairs(Path(repairs)).has("api-ends-at-start"):
        say("Error: Nest could not find Logger element (this provider does not exist in the current context)")
        raise SystemExit(1)
    headers = load_facts("api.json")["headers"]["every_answer"]
    with run_tasks_of_api(environ):
        api = Measured(Api(environ), environ)
        serve(int(environ["PORT"]), api, name="new-api", headers=headers, etags=True)


if __name__ == "__main__":
    main()
