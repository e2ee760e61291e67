"""Databases with the two roles, and ways to speak to them as either."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from cutover.embedded import Postgres


@dataclass(frozen=True)
class TwoRoles:
    """A database of a server that somebody else manages: nobody here is a superuser."""

    name: str
    owner: str
    application: str
    owner_url: str
    application_url: str

    @property
    def environment(self) -> dict[str, str]:
        """The two settings."""
        return {"DATABASE_OWNER_URL": self.owner_url, "DATABASE_URL": self.application_url}


@contextmanager
def _role(server: Postgres, kind: str) -> Iterator[tuple[str, str]]:
    name, password = f"{kind}_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    yield name, password
    with psycopg.connect(server.url(), autocommit=True) as superuser:
        superuser.execute(f"DROP ROLE {name}")


@pytest.fixture
def managed(postgres_server: Postgres) -> Iterator[TwoRoles]:
    """An empty database that the owner role owns; both roles exist, and neither may make roles."""
    name = f"managed_{os.getpid()}_{secrets.token_hex(3)}"
    with _role(postgres_server, "owner") as owner, _role(postgres_server, "app") as application:
        with psycopg.connect(postgres_server.url(), autocommit=True) as superuser:
            superuser.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY FILE_COPY OWNER {owner[0]}"
            )

        def url(role: tuple[str, str]) -> str:
            return f"postgresql://{role[0]}:{role[1]}@127.0.0.1:{postgres_server.port}/{name}"

        yield TwoRoles(name, owner[0], application[0], url(owner), url(application))
        with psycopg.connect(postgres_server.url(), autocommit=True) as superuser:
            superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def asked() -> Callable[..., Any]:
    """The first value that a statement gives: ``asked(url, "SELECT …")``."""

    def ask(url: str, statement: str) -> Any:
        with psycopg.connect(url) as connection:
            row = connection.execute(statement).fetchone()
        return row[0] if row else None

    return ask
