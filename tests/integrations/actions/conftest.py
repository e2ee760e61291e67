"""The sandbox's Prisma project with the real CLI, and old databases in the states that it meets."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.actions import Context, RunbookItem
from integrations.prisma.cli import Prisma
from integrations.sandbox import node
from integrations.sandbox.legacy import seed
from integrations.systems import Systems
from tests.allowed import allow

INIT = "20250922022205_init"
#: The items of a runbook that migrates the system “new”.
ITEMS = {
    "fingerprint": RunbookItem("parity.fingerprint", {"database": "live", "declared": []}),
    "baseline": RunbookItem(
        "prisma.baseline",
        {"prisma": "new", "migration": INIT, "may_lack": ["account_providers", "sessions"]},
    ),
    "deploy": RunbookItem("prisma.deploy", {"prisma": "new"}),
    "seeds": RunbookItem("rows.present", {"database": "live", "tables": ["settings", "churches"]}),
    "align": RunbookItem("prisma.align", {"prisma": "new", "rehearsal": "rehearse"}),
    "drift": RunbookItem("prisma.drift", {"prisma": "new"}),
    "drift-later": RunbookItem("prisma.drift", {"prisma": "new"}),
    "compare": RunbookItem("parity.compare", {"database": "live", "before": "fingerprint"}),
    "start": RunbookItem("service.start", {"platform": "engine"}),
}
_numbers = itertools.count(1)


class Databases:
    """Databases on the suite's server, made from templates so that each test has its own in no time."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.names: list[str] = []

    def make(self, template: str = "template0") -> str:
        self.names.append(f"p{os.getpid()}_{next(_numbers)}")
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {self.names[-1]} TEMPLATE {template}")
        return self.server.url(self.names[-1])

    def drop(self) -> None:
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            for name in self.names:
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def database_name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


@pytest.fixture(scope="session")
def databases(postgres_server: Postgres) -> Iterator[Databases]:
    made = Databases(postgres_server)
    yield made
    made.drop()


@pytest.fixture(scope="session")
def installed_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandbox's project with its npm packages, installed once."""
    folder = tmp_path_factory.mktemp("prisma") / "project"
    node.install(folder, lambda line: None)
    return folder


@pytest.fixture(scope="session")
def old_template(databases: Databases) -> str:
    """Name of the sandbox's old database with five thousand rows."""
    url = databases.make()
    with psycopg.connect(url) as connection:
        canary = ("canary@example.invalid", secrets.token_hex(8))
        seed.fill(connection, rows=5000, seed=1, canary=canary, say=lambda line: None)
    return database_name(url)


@pytest.fixture(scope="session")
def deployed_template(databases: Databases, old_template: str, installed_project: Path) -> str:
    """Name of a database after baseline and deploy: “up to date”, and not aligned."""
    url = databases.make(old_template)
    prisma = Prisma(project_system(installed_project, url))
    prisma.run("migrate", "resolve", "--applied", INIT)
    prisma.run("migrate", "deploy")
    return database_name(url)


@pytest.fixture
def old_database(databases: Databases, old_template: str) -> str:
    return databases.make(old_template)


@pytest.fixture
def deployed_database(databases: Databases, deployed_template: str) -> str:
    return databases.make(deployed_template)


@pytest.fixture
def project(installed_project: Path, tmp_path: Path) -> Path:
    """A project of the test's own, which it may write migrations into."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("prisma.config.ts", "package.json"):
        shutil.copy(installed_project / name, folder)
    shutil.copytree(installed_project / "prisma", folder / "prisma")
    (folder / "node_modules").symlink_to(installed_project / "node_modules")
    return folder


def project_settings(folder: Path, url: str) -> dict[str, str]:
    allow(folder / "node_modules" / ".bin" / "prisma")
    return {
        "kind": "prisma",
        "project": str(folder),
        "command": "node_modules/.bin/prisma",
        "database": url,
        "diff": "adapter",
    }


def project_system(folder: Path, url: str) -> Any:
    return Systems({"new": project_settings(folder, url)}, environ={})["new"]


@pytest.fixture
def prisma_context(project: Path, tmp_path: Path) -> Callable[..., Context]:
    """Makes a context with the system “new”: the project against that database."""
    folder = tmp_path / "artefacts"
    folder.mkdir()

    def make(
        url: str, *, evidence: Mapping[str, Any] | None = None, more: Mapping[str, Any] | None = None
    ) -> Context:
        systems = {"new": project_settings(project, url), **(more or {})}
        return Context(
            systems=Systems(systems, environ={}),
            evidence=evidence or {},
            folder=folder,
            attempt=str(uuid.uuid4()),
            cutover="rehearsal-1",
            items=ITEMS,
        )

    return make
