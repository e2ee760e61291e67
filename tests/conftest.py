"""Servers and databases that the whole suite shares: real ones, on this machine, stopped afterwards."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase
from servestatic.middleware import ServeStaticMiddleware

from cutover.database.connection import IDENTITY
from cutover.embedded import Postgres, Valkey
from integrations.actions import registry
from tests import servers

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL 18 on loopback and a socket, without fsync: for the panel and for systems it looks at."""
    try:
        yield servers.WARM or servers.POSTGRES.start()
    finally:
        servers.POSTGRES.stop()  # stops nothing when another process started it


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """The Valkey that REDIS_URL names."""
    try:
        yield servers.VALKEY.start()
    finally:
        servers.VALKEY.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_server: Postgres, valkey_server: Valkey) -> None:
    """Starts the servers before pytest-django makes the panel's test database, as the owner."""
    connection.settings_dict.update({name: django_settings.DATABASE_OWNER.get(name, "") for name in IDENTITY})
    # Through the socket a statement costs half of the CPU that it costs through TCP.
    connection.settings_dict["HOST"] = str(postgres_server.sockets)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """The panel's code in this process works with the rights of the application role, as in production.

    The session is the superuser's, so that `tests.by_hand` can change what the role may not.
    """
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.settings_dict["OPTIONS"] = {
        **options, "options": f"{options['options']} -c role={servers.APPLICATION}"
    }  # fmt: skip
    yield
    connection.close()
    connection.settings_dict["OPTIONS"] = options


def _delete_all_rows(database: BaseDatabaseWrapper) -> None:
    """Empties the tables of the models, except what the migrations put there for good.

    `DELETE` passes our triggers with ``session_replication_role``, and costs 5 ms. Django's `TRUNCATE` makes
    every file of 60 tables and their indexes again, and then the content types and permissions: 150 ms.
    """
    tables = set(database.introspection.django_table_names()) - {"django_content_type", "auth_permission"}
    quoted = [database.ops.quote_name(table) for table in sorted(tables)]
    with transaction.atomic(using=database.alias), database.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE NONE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("; ".join(f"DELETE FROM {table}" for table in quoted))


@pytest.fixture(scope="session", autouse=True)
def _transactional_tests_delete_their_rows() -> Iterator[None]:
    """Replaces Django's way of emptying the database after a transactional test."""

    def empty(self: TransactionTestCase) -> None:
        for name in self._databases_names(include_mirrors=False):
            _delete_all_rows(connections[name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_for_once() -> Iterator[None]:
    """Each test client loads the middleware anew, and this one asks the disk 300 times: 35 ms a client."""
    look, found = ServeStaticMiddleware.add_files_from_finders, dict[str, Any]()

    def add_known_files(self: ServeStaticMiddleware) -> None:
        settings = f"{django_settings.STORAGES} {django_settings.STATICFILES_DIRS} {self.static_prefix}"
        if settings not in found:
            look(self)
            found[settings] = dict(self.files), list(self.directories)
        files, directories = found[settings]
        self.files.update(files)
        self.directories = list(directories)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServeStaticMiddleware, "add_files_from_finders", add_known_files)
        yield


@contextmanager
def databases(postgres_server: Postgres) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and gives its address; they are dropped afterwards."""
    names: list[str] = []

    def make() -> str:
        names.append(f"t{os.getpid()}_{next(_numbers)}")
        with psycopg.connect(postgres_server.url(), autocommit=True) as superuser:
            # FILE_COPY copies the template's files. The default (WAL_LOG) writes every page to the log,
            # which takes seven times as long without fsync (306 against 43 ms).
            superuser.execute(f"CREATE DATABASE {names[-1]} TEMPLATE template0 STRATEGY FILE_COPY")
        return postgres_server.url(names[-1])

    yield make
    with psycopg.connect(postgres_server.url(), autocommit=True) as superuser:
        for name in names:
            superuser.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


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
