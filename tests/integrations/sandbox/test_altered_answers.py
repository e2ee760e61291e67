"""Each answer that the runbook relies on is needed: altered to another shape, its item is red with a cause.

The API runs in this process, so that one test alters one answer. Before, every item is green.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import argon2
import pytest

from cutover.embedded import Postgres, Valkey
from integrations.actions import Context, Outcome, registry
from integrations.sandbox.facts import load_facts
from integrations.sandbox.manual_work import WORK
from integrations.sandbox.new_api import Api
from integrations.sandbox.serving import Answer, Asked, server_of
from integrations.sandbox.state import CANARY
from integrations.sandbox.variables import build_variables
from integrations.systems import Systems
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment, running

TEXT = customer_runbook()
ITEMS = {item["key"]: item for phase in TEXT["phases"] for item in phase["items"]}
ROWS = """
INSERT INTO events (title, start_date, end_date) VALUES ('E', '2025-01-02', '2025-01-02');
INSERT INTO prayer_requests (name, email, request) VALUES ('P', 'p@people.invalid', 'please');
INSERT INTO sermons (title, preacher) VALUES ('S', 'x');
"""

LEDGER = """
CREATE TABLE _prisma_migrations (finished_at timestamptz);
GRANT SELECT ON _prisma_migrations TO covenant_api
"""

Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Alteration:
    """Another answer to one request: what ``change`` makes of the body, and the status where one is given."""

    path: str
    change: Change = lambda body: body
    status: int = 0
    method: str = "GET"

    def apply(self, asked: Asked, answer: Answer) -> Answer:
        if (asked.method, asked.path) != (self.method, self.path) and not asked.path.startswith(
            f"{self.path}/"
        ):
            return answer
        body = json.loads(json.dumps(answer.body, default=str)) if answer.body else answer.body
        return replace(answer, status=self.status or answer.status, body=self.change(body))


class World:
    """The repaired API in this process, the providers' stand-ins, and the shipped items."""

    def __init__(self, made: SandboxEnvironment, database: str, api: Api, queue: str, folder: Path) -> None:
        self.made, self.database, self.api, self.folder = made, database, api, folder
        own = f"/{made.sandbox.database}"
        environ = {
            name: value.replace(own, f"/{database}") for name, value in build_variables(made.sandbox).items()
        }
        self.systems = Systems(TEXT["systems"], {**environ, "QUEUE_URL": queue})
        self.alteration: Alteration | None = None

    def __call__(self, asked: Asked) -> Answer:
        answer = self.api(asked)
        return self.alteration.apply(asked, answer) if self.alteration else answer

    def play(self, key: str) -> Outcome:
        """The outcome of an item with the parameters of the shipped runbook, as in production."""
        item = ITEMS[key]
        context = Context(self.systems, {}, self.folder, attempt=str(uuid.uuid4()), cutover="r")
        context = replace(context, rehearsal=False) if key == "webhook-routes" else context
        action = registry()[item["action"]]
        return action.run(action.bind(item["params"], context), Recorder())

    @contextmanager
    def altered(self, alteration: Alteration) -> Iterator[None]:
        self.alteration = alteration
        try:
            yield
        finally:
            self.alteration = None

    def execute(self, statement: str, *values: object) -> None:
        self.made.execute(statement, *values, database=self.database)


@pytest.fixture(scope="module")
def world(
    postgres_server: Postgres, valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("altered")
    made = SandboxEnvironment(postgres_server, folder / "environment")
    ports = made.sandbox.state.ports
    try:
        for key in ("oauth-secrets", "payment-keys"):
            WORK[key](made.sandbox.folder)
        database = made.migrated()
        made.execute(ROWS, database=database)
        made.execute(LEDGER, database=database)
        hashed = argon2.PasswordHasher().hash(made.sandbox.state.canary_password)
        insert = "INSERT INTO users (username, email, password_hash) VALUES ('canary', %s, %s)"
        made.execute(insert, CANARY, hashed, database=database)
        env = made.process("new-api", DATABASE_URL=made.url("covenant_api", database)).env
        api = Api({**env, "REDIS_URL": valkey_server.url})
        found = World(made, database, api, valkey_server.url, folder)
        headers = load_facts("api.json")["headers"]["every_answer"]
        with (
            running(made.process("providers", PORT=str(ports["providers"]))),
            server_of(ports["new-api"], found, name="new-api", headers=headers, etags=True) as server,
        ):
            threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
            yield found
            server.shutdown()
    finally:
        made.drop()


@pytest.mark.parametrize("item", ["canary", "smoke", "prove-sign-in", "webhook-routes"])
def test_an_item_is_green_while_the_answers_are_those_recorded(world: World, item: str) -> None:
    outcome = world.play(item)
    assert outcome.ok, outcome.summary


def flat(body: Mapping[str, Any]) -> Any:
    return {"status": "ok", "database": "up", "redis": "up", "pendingMigrations": 0}


def bare(body: Mapping[str, Any]) -> Any:
    return body["data"]


def top_level_token(body: Mapping[str, Any]) -> Any:
    return {"token": body["session"]["token"], "user": body["account"]}


def another_url(body: Mapping[str, Any]) -> Any:
    return {"go_to": body["authorizationUrl"]}


ALTERATIONS = {
    "health-of-another-shape": ("smoke", Alteration("/health/ready", flat), "details.* is .*expected is"),
    "live-without-details": ("smoke", Alteration("/health/live", lambda _: {"status": "ok"}), "/health/live"),
    "bare-list-of-gifts": ("smoke", Alteration("/donations", bare), "/donations"),
    "bare-list-of-events": ("smoke", Alteration("/events", bare), "/events"),
    "bare-list-of-prayers": ("smoke", Alteration("/prayer/requests", bare), "/prayer/requests"),
    "totals-on-the-dashboard": (
        "smoke",
        Alteration("/reports/dashboard", lambda _: {"totals": [], "people": 3, "upcoming": []}),
        "/reports/dashboard",
    ),
    "tasks-of-the-database": (
        "smoke",
        Alteration("/tasks", lambda _: {"automations": [], "steps": []}),
        "/tasks",
    ),
    "public-prayers-only": (
        "smoke",
        Alteration("/prayer/requests", lambda body: {**body, "total": 0} if "total" in body else body),
        "says that there are 0 record",
    ),
    "empty-lists": ("smoke", Alteration("/churches", lambda _: []), "/churches"),
    "token-at-the-top": (
        "canary",
        Alteration("/auth/login", top_level_token, method="POST"),
        "has no token at session.token",
    ),
    "session-with-a-user": (
        "canary",
        Alteration("/auth/session", lambda body: {"user": body} if body else body),
        "does not name .* at email",
    ),
    "sign-in-elsewhere": (
        "canary",
        Alteration("/auth/login", lambda _: {"message": "Not Found"}, 404, "POST"),
        "404",
    ),
    "authorize-url-of-another-name": (
        "prove-sign-in",
        Alteration("/auth/providers/google/authorize", another_url),
        "google",
    ),
    "authorize-without-a-redirect-address": (
        "prove-sign-in",
        Alteration(
            "/auth/providers/apple/authorize",
            lambda body: {**body, "authorizationUrl": body["authorizationUrl"].partition("&redirect_uri")[0]},
        ),
        "apple: ",
    ),
    "webhooks-at-another-path": (
        "webhook-routes",
        Alteration("/donations/webhooks/paystack", lambda _: {"message": "Cannot POST"}, 404, "POST"),
        "paystack",
    ),
    "webhooks-that-take-everything": (
        "webhook-routes",
        Alteration("/donations/webhooks/stripe", lambda _: {"received": True}, 200, "POST"),
        "stripe",
    ),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_answer_makes_its_item_red_and_names_the_cause(world: World, name: str) -> None:
    item, alteration, cause = ALTERATIONS[name]
    with world.altered(alteration):
        outcome = world.play(item)
    assert not outcome.ok
    assert re.search(cause, outcome.summary), outcome.summary


COLUMNS = [
    (
        "canary",
        "ALTER TABLE sessions RENAME user_id TO account_id",
        "ALTER TABLE sessions RENAME account_id TO user_id",
    ),
    ("canary", "ALTER TABLE users RENAME username TO name", "ALTER TABLE users RENAME name TO username"),
    (
        "smoke",
        "ALTER TABLE donations RENAME payment_method TO provider",
        "ALTER TABLE donations RENAME provider TO payment_method",
    ),
    (
        "smoke",
        "ALTER TABLE email_providers RENAME type TO kind",
        "ALTER TABLE email_providers RENAME kind TO type",
    ),
    (
        "sign-ins-carried",
        "ALTER TABLE account_providers RENAME provider_id TO subject",
        "ALTER TABLE account_providers RENAME subject TO provider_id",
    ),
]


@pytest.mark.parametrize(("item", "there", "back"), COLUMNS)
def test_a_column_of_another_name_ends_its_item_and_is_named(
    world: World, item: str, there: str, back: str
) -> None:
    world.execute(there)
    try:
        outcome = world.play(item)
        said, ok = outcome.summary, outcome.ok
    except Exception as error:  # a query that cannot run is an error, never green
        said, ok = str(error), False
    finally:
        world.execute(back)
    assert not ok
    assert said
