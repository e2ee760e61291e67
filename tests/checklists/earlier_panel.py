"""The database that an earlier version of the panel left, restored and migrated for tests that open it."""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections

from tests import servers

PROJECT = Path(__file__).parents[2]
KEPT = PROJECT / "tests" / "fixtures" / "played_at_1d104b9"


def restore(database: str, change: Callable[[str], str] = lambda dump: dump) -> None:
    """Fills an empty database with the dump; ``change`` edits its SQL before."""
    dump = lzma.decompress((KEPT / "panel.sql.xz").read_bytes()).decode()
    with psycopg.connect(database) as to:
        to.execute(change(dump).encode())


def manage(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`manage.py …` as whoever updates a panel runs it, on that database."""
    argv = [sys.executable, str(PROJECT / "manage.py"), *arguments]
    name = database.rpartition("/")[2]
    environment = {
        **os.environ,
        "DATABASE_OWNER_URL": database,
        "DATABASE_URL": servers.application_url(name),
    }
    return subprocess.run(argv, capture_output=True, text=True, env=environment, cwd=PROJECT, check=False)


def migrate(database: str) -> None:
    done = manage(database, "migrate", "--no-input")
    assert done.returncode == 0, done.stdout + done.stderr


def _use(name: str) -> None:
    connections.close_all()
    ContentType.objects.clear_cache()  # the same model may have another number there
    connection.settings_dict["NAME"] = name  # every thread makes its connections from this dictionary


@contextmanager
def django_on(database: str) -> Iterator[None]:
    """Lets Django of this process, in every thread, work on that database of the suite's server."""
    usual = connection.settings_dict["NAME"]
    _use(database.rpartition("/")[2])
    try:
        yield
    finally:
        _use(usual)


@pytest.fixture(scope="module")
def earlier(module_database: str, valkey_server: object, django_db_blocker: Any) -> Iterator[str]:
    """The address of the earlier database, brought up to date; Django works on it."""
    restore(module_database)
    migrate(module_database)
    with django_db_blocker.unblock(), django_on(module_database):
        yield module_database
