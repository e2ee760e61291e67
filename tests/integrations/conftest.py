"""A database with an application's role, and the context that an action gets."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from integrations.actions import Context
from integrations.sandbox.mariadb_server import MariaDbServer
from integrations.systems import Systems
from tests.integrations.mariadb import running_mariadb

TABLES = """
create table members (id integer generated always as identity primary key, name varchar(80), notes json,
                      joined timestamp, balance numeric(10,2));
create table donations (id serial primary key, member_id integer references members,
                        amount numeric(10,2) not null, currency text default 'EUR',
                        at timestamp default now(), raw bytea);
create table "Odd ""name" (id bigint primary key, v double precision, tags text[], doc jsonb);
create table empty_one (id integer primary key);
insert into members (name, notes, joined, balance)
  select 'Ünï ' || i, json_build_object('n', i), timestamp '2024-01-01' + i * interval '1.000123 s', i * 1.10
  from generate_series(1, 500) i;
insert into donations (member_id, amount, raw)
  select i, i / 3.0, decode(md5(i::text), 'hex') from generate_series(1, 500) i;
insert into "Odd ""name"
  select i, 1.0 / i, array['a', null, i::text], '{"k": [1, 2]}' from generate_series(1, 50) i;
"""


@dataclass(frozen=True)
class AppDatabase:
    """A filled database: as its administrator, and as the application that owns its tables."""

    admin_url: str
    app_url: str
    role: str
    name: str

    def execute(self, query: str, *, url: str = "") -> list[tuple[Any, ...]]:
        with psycopg.connect(url or self.admin_url, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def set_read_only(self) -> None:
        """As somebody else might have done, by hand."""
        self.execute(f"alter role {self.role} in database {self.name} set default_transaction_read_only = on")


def as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{where}"))


@pytest.fixture
def app_database(new_database: Callable[[], str]) -> Iterator[AppDatabase]:
    url = new_database()
    name = urlsplit(url).path.lstrip("/")
    role, password = f"app_{name}", secrets.token_hex(8)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"create role {role} login password '{password}'")
        admin.execute(f"grant create on schema public to {role}")
    database = AppDatabase(url, as_role(url, role, password), role, name)
    database.execute(TABLES, url=database.app_url)
    yield database
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as admin:
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [role])
        admin.execute(f"alter role {role} reset all")
        admin.execute(f"reassign owned by {role} to current_user; drop owned by {role}")
        admin.execute(f"drop role {role}")


@pytest.fixture
def new_context(tmp_path: Path) -> Callable[..., Context]:
    """Makes a context over systems of the runbook; every call is another attempt of one cutover."""
    folder = tmp_path / "artefacts"

    def make(systems: Mapping[str, Mapping[str, str]], **evidence: Mapping[str, Any]) -> Context:
        return Context(
            systems=Systems(systems, environ={}),
            evidence={name.replace("_", "-"): facts for name, facts in evidence.items()},
            folder=folder,
            attempt=str(uuid.uuid4()),
            cutover="rehearsal-1",
        )

    return make


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDbServer]:
    """A MariaDB without TLS that all tests share; each makes databases of its own."""
    with running_mariadb(["--skip-ssl"]) as server:
        yield server
