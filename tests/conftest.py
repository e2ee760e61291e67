"""Servers and databases that the whole suite shares: real ones, on this machine, stopped afterwards."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.db.backends.postgresql.operations import DatabaseOperations

from cutover.embedded import Postgres, Valkey
from integrations.actions import registry
from tests import servers

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL 18 on loopback and a socket, without fsync: for the panel and for systems it looks at."""
    try:
        yield servers.POSTGRES.start()
    finally:
        servers.POSTGRES.stop()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """The Valkey that REDIS_URL names."""
    try:
        yield servers.VALKEY.start()
    finally:
        servers.VALKEY.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_server: Postgres, valkey_server: Valkey) -> None:
    """Starts the servers before pytest-django makes the panel's test database."""


@pytest.fixture(scope="session", autouse=True)
def _flush_passes_append_only_tables() -> Iterator[None]:
    """Emptying the database after a transactional test is the one TRUNCATE that our triggers let by."""

    def flush(self: DatabaseOperations, statements: list[str]) -> None:
        with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
        yield


@contextmanager
def databases(postgres_server: Postgres) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and gives its address; they are dropped afterwards."""
    names: list[str] = []

    def make() -> str:
        names.append(f"t{os.getpid()}_{next(_numbers)}")
        with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {names[-1]} TEMPLATE template0")
        return postgres_server.url(names[-1])

    yield make
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def new_database(postgres_server: Postgres) -> Iterator[Callable[[], str]]:
    """Makes empty databases for one test."""
    with databases(postgres_server) as make:
        yield make


@pytest.fixture(scope="module")
def module_database(postgres_server: Postgres) -> Iterator[str]:
    """The address of one that all tests of a file share."""
    with databases(postgres_server) as make:
        yield make()


class QuickHasher(PBKDF2PasswordHasher):
    """The real hash with one round: other processes can verify it, and making people costs nothing."""

    iterations = 1


@pytest.fixture(autouse=True)
def _quick_password_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.conftest.QuickHasher"]


@pytest.fixture
def only_own_actions() -> Iterator[None]:
    """The registry as the product has it: without the actions that other tests have put into it."""
    known = registry()
    strangers = {key: action for key, action in known.items() if type(action).__module__.startswith("tests.")}
    for key in strangers:
        del known[key]
    yield
    known.update(strangers)
