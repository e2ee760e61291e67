"""The shipped runbook's items for payments, webhooks and sign-ins, played against a whole sandbox.

On `repaired` all are green. Without a repair each item that `repairs.yaml` names for it is red.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import argon2
import pytest

from cutover.embedded import Postgres
from integrations.actions import Context, registry
from integrations.credentials import VARIABLE, generate_key
from integrations.sandbox.manual_work import WORK
from integrations.sandbox.people import People
from integrations.sandbox.repairs import NEW_SETTINGS, load_repairs
from integrations.sandbox.state import CANARY
from integrations.sandbox.variables import build_variables
from integrations.systems import Systems
from tests.customer_runbook import customer_runbook
from tests.integrations.recorder import Recorder
from tests.integrations.sandbox.environments import SandboxEnvironment, running

TEXT = customer_runbook()
ITEMS = {item["key"]: item for phase in TEXT["phases"] for item in phase["items"]}
CHECKS = (
    "prove-sign-in",
    "oauth-sign-in",
    "sign-in-facebook",
    "sign-in-apple",
    "secrets-ledger",
    "prove-keys",
    "payment-smoke",
    "pay-paystack",
    "pay-fincra",
    "pay-flutterwave",
    "webhook-routes",
)
REPAIRS = [key for key, repair in load_repairs().items() if set(repair.items) & set(CHECKS)]


class Visitor(Recorder):
    """A report whose reader opens the address in the log, and signs in or pays."""

    def log(self, line: str, **of: Any) -> None:
        super().log(line, **of)
        threading.Thread(target=People(Path("/nowhere")).handle_log_line, args=(line,)).start()


class World:
    """A sandbox whose API works on a migrated database, and a panel that plays items of the runbook."""

    def __init__(self, made: SandboxEnvironment, database: str, folder: Path) -> None:
        self.made, self.folder = made, folder
        environ = build_variables(made.sandbox)
        own = f"/{made.sandbox.database}"
        environ = {name: value.replace(own, f"/{database}") for name, value in environ.items()}
        self.systems = Systems(TEXT["systems"], environ)

    def play(self, key: str) -> Any:
        """The outcome of an item with the parameters of the shipped runbook."""
        item = ITEMS[key]
        context = Context(self.systems, {}, self.folder, attempt=str(uuid.uuid4()), cutover="r")
        params = {name: value for name, value in item.get("params", {}).items() if name != "export"}
        if item["action"] in ("oauth.signin", "payments.journey"):
            params["minutes"] = 0.3
        action = registry()[item["action"]]
        return action.run(action.bind(params, context), Visitor())

    @contextmanager
    def without(self, repair: str) -> Iterator[None]:
        """While the customer has not made a repair; its settings are in the environment file again."""
        applied, settings = self.made.sandbox.repairs.path, self.made.sandbox.folder / NEW_SETTINGS
        before, lines = applied.read_text(), settings.read_text()
        applied.write_text(json.dumps([key for key in json.loads(before) if key != repair]))
        keys = self.made.sandbox.state.keys
        settings.write_text(
            lines + "".join(f"{name}={keys[name]}\n" for name in load_repairs()[repair].unset)
        )
        try:
            yield
        finally:
            applied.write_text(before)
            settings.write_text(lines)


@pytest.fixture(scope="module")
def world(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("items")
    made = SandboxEnvironment(postgres_server, folder / "environment")
    ports = made.sandbox.state.ports
    try:
        for key in ("oauth-secrets", "payment-keys"):
            WORK[key](made.sandbox.folder)
        database = made.migrated()
        canary = [CANARY, argon2.PasswordHasher().hash(made.sandbox.state.canary_password)]
        insert = "insert into users (username, email, password_hash) values ('canary', %s, %s)"
        made.execute(insert, *canary, database=database)
        api = made.process(
            "new-api", PORT=str(ports["new-api"]), DATABASE_URL=made.url("covenant_api", database)
        )
        with running(made.process("providers", PORT=str(ports["providers"]))), running(api):
            yield World(made, database, folder)
    finally:
        made.drop()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, generate_key())


@pytest.mark.parametrize("item", CHECKS)
def test_an_item_is_green_when_all_repairs_are_made(world: World, item: str) -> None:
    outcome = world.play(item)
    assert outcome.ok, outcome.summary


@pytest.mark.parametrize("repair", REPAIRS)
def test_each_item_of_a_repair_is_red_without_it_and_names_its_cause(world: World, repair: str) -> None:
    defect = load_repairs()[repair]
    items = [item for item in defect.items if item in CHECKS]
    with world.without(repair):
        outcomes = {item: world.play(item) for item in items}
    assert not [item for item, outcome in outcomes.items() if outcome.ok]
    verdicts = {item: outcome.summary for item, outcome in outcomes.items()}
    assert not {item: said for item, said in verdicts.items() if not defect.is_reported_by(item, said)}
