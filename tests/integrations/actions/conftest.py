"""The sandbox's Prisma project with the real CLI, and old databases in the states that it meets."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.actions.base import Context
from integrations.clients.prisma import Prisma
from integrations.sandbox import node
from integrations.systems import Systems

INIT = "20250922022205_init"
LACKS = ["account_providers", "sessions"]
NEW_COLUMNS = re.compile(
    r'^    "(first_name|last_name|avatar_url|roles|member_id|timezone|updated_at)".*\n', re.M
)
_numbers = itertools.count(1)

SEED = """
INSERT INTO churches (name, created_at) SELECT 'Church ' || i, CASE WHEN i % 3 > 0 THEN now() END
  FROM generate_series(1, 12) i;
INSERT INTO users (email, password_hash, name, church_id, is_active, notification_preference, created_at)
  SELECT 'user' || i || '@example.invalid', 'scrypt:32768:8:1$x$y', 'User ' || i, 1 + i % 12,
         CASE WHEN i % 2 = 0 THEN true END, CASE WHEN i % 3 = 0 THEN '{"b": 1, "a": 2}'::json END,
         timestamp '2024-01-01 00:00:00.123456' + i * interval '1 hour'
  FROM generate_series(1, 2000) i;
"""


def old_schema() -> str:
    """The old side as SQLAlchemy makes it: the tables of init with its types, NULLs and no defaults."""
    sql = (node.SOURCE / "prisma" / "migrations" / INIT / "migration.sql").read_text()
    tables = re.findall(r'CREATE TABLE "(\w+)" \(.*?\n\);', sql, re.S)
    for name in LACKS:
        sql = re.sub(rf'CREATE TABLE "{name}" \(.*?\n\);', "", sql, flags=re.S)
        sql = re.sub(rf'^(CREATE (UNIQUE )?INDEX .* ON|ALTER TABLE) "{name}".*$', "", sql, flags=re.M)
    assert len(tables) == 24
    sql = re.sub(
        r'CREATE TABLE "(users|donations|events)" \(.*?\n\);',
        lambda m: NEW_COLUMNS.sub("", m[0]),
        sql,
        flags=re.S,
    )
    sql = re.sub(r'^ALTER TABLE "donations" .*"member_id".*$', "", sql, flags=re.M)
    sql = re.sub(r'^CREATE INDEX .*"(member_id|first_name|last_name)".*$', "", sql, flags=re.M)
    sql = re.sub(r" NOT NULL DEFAULT [^,\n]+", "", sql)
    sql = re.sub(r" ON DELETE .*;", ";", sql)
    sql = sql[: sql.index("-- The first rows")]
    return (
        sql.replace("JSONB", "JSON").replace("TIMESTAMP(3)", "TIMESTAMP(6)").replace(" TEXT", " VARCHAR(255)")
    )


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


def name_of(url: str) -> str:
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
    """Name of a database as the old application left it, with a few thousand rows."""
    url = databases.make()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(old_schema() + SEED)  # type: ignore[arg-type]
    return name_of(url)


@pytest.fixture(scope="session")
def deployed_template(databases: Databases, old_template: str, installed_project: Path) -> str:
    """Name of a database after baseline and deploy: “up to date”, and not aligned."""
    url = databases.make(old_template)
    prisma = Prisma(project_system(installed_project, url))
    prisma.run("migrate", "resolve", "--applied", INIT)
    prisma.run("migrate", "deploy")
    return name_of(url)


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
        )

    return make
