"""The database that an earlier version of the panel left, restored and migrated for tests that open it.

To migrate it takes some twenty seconds of CPU, all of it Django's. So the first that needs it, of all
processes of a run, migrates and leaves a dump for the others.
"""

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

from cutover.embedded import Postgres
from integrations.clients import pgtools
from integrations.sandbox.private_files import hold_lock
from tests import keeper, servers
from tests.conftest import databases

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


def migrated_dump(postgres_server: Postgres) -> Path:
    """An archive of the earlier database as every migration has left it, with owners and rights.

    All processes of a run share it, nested runs too: it is in the folder of the outermost and goes with it.
    """
    kept = Path(os.environ[keeper.MARK].split(":")[0]) / "earlier.dump"
    with hold_lock(kept.with_suffix(".lock")):
        if not kept.exists():
            with databases(postgres_server) as make:
                database = make()
                restore(database)
                migrate(database)
                _dump(database, kept)
    return kept


def _dump(database: str, file: Path) -> None:
    whole = file.with_suffix(".new")
    argv = [str(pgtools.choose(18).dump), "--format=custom", "--compress=0", f"--file={whole}", database]
    subprocess.run(argv, check=True)
    whole.rename(file)


def restore_archive(database: str, archive: Path, *options: str) -> None:
    """Fills an empty database with what `migrated_dump` gave."""
    argv = [str(pgtools.choose(18).restore), "--exit-on-error", "--single-transaction", *options]
    subprocess.run([*argv, f"--dbname={database}", str(archive)], check=True)


@pytest.fixture(scope="module")
def earlier(
    django_db_setup: None, postgres_server: Postgres, module_database: str, django_db_blocker: Any
) -> Iterator[str]:
    """The address of the earlier database, brought up to date; Django works on it as on that of the tests."""
    archive = migrated_dump(postgres_server)
    # An archive does not have the rights on the database itself.
    done = manage(module_database, "database_roles")
    assert done.returncode == 0, done.stdout + done.stderr
    restore_archive(module_database, archive)
    with django_db_blocker.unblock(), django_on(module_database):
        yield module_database
