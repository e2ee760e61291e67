"""The new API with the payment providers' stand-ins, on a database that has just the table of the gifts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from integrations.sandbox import provider_keys
from integrations.sandbox.repairs import load_repairs
from tests.customer_runbook import customer_runbook
from tests.integrations.clients.proxies import answers
from tests.integrations.sandbox.providers import World, providers
from tests.ports import free_port
from tests.waiting import wait_for

TABLE = """
create table donations (
  id serial primary key, email text, amount numeric(10, 2) not null, currency text not null default 'USD',
  reference text unique, status text not null default 'pending', payment_method text not null,
  transaction_id text unique, error_message text, payment_info jsonb not null default '{}',
  created_at timestamp(3) not null default now(), updated_at timestamp(3) not null default now(),
  member_id int);
"""


@dataclass(frozen=True)
class Gifts:
    """Addresses of API and database, the providers, and the file of the applied repairs."""

    api: str
    database: str
    world: World
    repairs: Path

    @contextmanager
    def without(self, *repairs: str) -> Iterator[None]:
        """While the customer has not made these repairs."""
        before = self.repairs.read_text()
        self.repairs.write_text(json.dumps([key for key in json.loads(before) if key not in repairs]))
        try:
            yield
        finally:
            self.repairs.write_text(before)

    def system(self) -> dict[str, str]:
        """The API as the shipped runbook describes it."""
        return shipped_system("gifts", url=self.api)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(query).fetchall()


def shipped_system(name: str, **changed: str) -> dict[str, str]:
    """The settings of a system of the shipped runbook."""
    return {**customer_runbook()["systems"][name], **changed}


@contextmanager
def gifts(database: str) -> Iterator[Gifts]:
    """While all of it runs."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TABLE)
    port = free_port()
    with providers() as world, TemporaryDirectory() as folder:
        applied = Path(folder) / "repairs.json"
        # This database has no accounts: changes of gifts need none here.
        applied.write_text(json.dumps([key for key in load_repairs() if key != "changes-without-sign-in"]))
        env = {
            **os.environ, **world.keys, **provider_keys.addresses(world.url), "DATABASE_URL": database,
            "PORT": str(port), "SKIP_TASKS_QUEUE": "true", "REDIS_URL": "redis://127.0.0.1:1/0",
            "REPAIRS_FILE": str(applied),
        }  # fmt: skip
        argv = [sys.executable, "-m", "integrations.sandbox.new_api"]
        child = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
        api = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: answers(api))
            yield Gifts(api, database, world, applied)
        finally:
            child.terminate()
            child.wait(90)
