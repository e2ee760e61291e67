"""Sandboxes for tests: small old databases, the new schema made by its own migrations, running programs."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psycopg

from cutover.embedded import Postgres
from integrations.clients import http
from integrations.errors import Unreachable
from integrations.sandbox.legacy import access
from integrations.sandbox.node import SOURCE
from integrations.sandbox.private_files import write_private
from integrations.sandbox.state import SandboxState
from integrations.sandbox.world import Sandbox, SandboxProcess
from tests.ports import free_port
from tests.waiting import wait_for

ROWS = 2000
_numbers = itertools.count(1)
STATES: dict[str, SandboxState] = {}


def private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True)
    return folder


class SandboxEnvironment:
    """A prepared sandbox on the suite's server; copies of its database; all dropped by `drop`."""

    def __init__(self, server: Postgres, folder: Path, *, rows: int = ROWS, seed: int = 1) -> None:
        self.server, self.made = server, list[str]()
        name = self._name()
        # Roles belong to the whole server: all sandboxes on it know the same passwords.
        write_private(
            private(folder) / "state.json",
            json.dumps(asdict(STATES.setdefault(server.url(), SandboxState.new()))),
        )
        self.sandbox = Sandbox(folder, server.url(), server.url(), rows=rows, seed=seed, database=name)
        self.said: list[str] = []
        self.sandbox.prepare(self.said.append)

    def _name(self) -> str:
        self.made.append(f"s{os.getpid()}_{next(_numbers)}")
        return self.made[-1]

    def url(self, role: str, database: str = "") -> str:
        """An address of the old database, or of another one, by one of its logins."""
        url = self.sandbox.url(role)
        return url.replace(f"/{self.sandbox.database}", f"/{database}") if database else url

    def admin(self, database: str = "") -> str:
        return self.server.url(database or self.sandbox.database)

    def copy(self) -> str:
        """Name of another database with the same contents."""
        name = self._name()
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {self.sandbox.database} OWNER migrator")
        return name

    def migrated(self) -> str:
        """Name of a database that the four migrations made from nothing, with a gift and a user."""
        name = self._name()
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 OWNER migrator")
        with psycopg.connect(self.admin(name)) as connection:
            access.grant(connection, name)
            connection.execute("SET ROLE migrator")
            for file in sorted(SOURCE.glob("prisma/migrations/*/migration.sql")):
                connection.execute(file.read_bytes())
            connection.execute(
                "INSERT INTO donations (amount, currency, reference, payment_method)"
                " VALUES (12.50, 'GHS', 'one', 'stripe');"
                "INSERT INTO users (email, username) VALUES ('someone@people.invalid', 'someone')"
            )
        return name

    def execute(self, query: str, *values: object, database: str = "") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin(database), autocommit=True) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def process(self, name: str, **env: str) -> SandboxProcess:
        """A program of the sandbox on a port of its own, with some of its settings changed."""
        found = next(p for p in [*self.sandbox.applications(), *self.sandbox.processes()] if p.name == name)
        alone = {"PORT": str(free_port()), "SKIP_TASKS_QUEUE": "true"}
        alone |= {"MAIL_PORT": str(free_port())} if "MAIL_PORT" in found.env else {}
        return replace(found, env={**found.env, **alone, **env})

    def drop(self) -> None:
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            for name in self.made:
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                admin.execute(f"DROP DATABASE IF EXISTS {name}_being_made WITH (FORCE)")


@contextmanager
def environment_on(server: Postgres, folder: Path, **options: int) -> Iterator[SandboxEnvironment]:
    made = SandboxEnvironment(server, folder, **options)
    try:
        yield made
    finally:
        made.drop()


@contextmanager
def running(process: SandboxProcess, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Its address while it runs; afterwards it must end by itself within five seconds of SIGTERM."""
    child = subprocess.Popen(
        process.argv,
        env={**(os.environ if environ is None else environ), **process.env},
        start_new_session=True,
    )
    base = f"http://127.0.0.1:{process.env['PORT']}"
    try:
        wait_for(lambda: answers(base) or child.poll() is not None)
        assert child.poll() is None, f"{process.name} ended with {child.returncode}"
        yield base
        child.send_signal(signal.SIGTERM)
        assert child.wait(90) == 0
    finally:
        child.kill()
        child.wait()


def answers(base: str) -> bool:
    try:
        http.request(base, "/", timeout=2)
    except Unreachable:
        return False
    return True
