"""Says where the suite's own servers will be before Django reads its settings (`pytest -p tests.servers`).

Nothing starts here: the addresses are chosen and put into the environment, the session fixtures
of ``tests/conftest.py`` start the servers when a test first needs them. What the environment held
before is overridden: the suite never touches a database that it did not make.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from cutover.embedded import Postgres, Valkey, free_port

#: Short, and reachable by `nobody`, as whom PostgreSQL runs: pytest's own folders are closed to others.
FOLDER = Path(tempfile.mkdtemp(prefix="cutover-test-", dir="/var/tmp"))
FOLDER.chmod(0o755)
POSTGRES = Postgres(FOLDER / "pg", port=free_port(), password=secrets.token_hex(8), fsync=False)
VALKEY = Valkey(FOLDER / "valkey")


def environment() -> dict[str, str]:
    """The panel's settings in tests: a panel on external servers, over plain HTTP."""
    return {
        "DATABASE_URL": POSTGRES.url("cutover"),
        "REDIS_URL": VALKEY.url,
        "CUTOVER_DATA": str(FOLDER / "panel"),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "CUTOVER_SECRET_KEYS": Fernet.generate_key().decode(),
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "CUTOVER_HTTPS": "0",
        "DJANGO_SETTINGS_MODULE": "cutover.settings",
    }


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Runs before pytest-django, whose turn in this hook loads the settings."""
    os.environ.update(environment())
    return (yield)


def _remove(owner: int) -> None:
    if os.getpid() == owner:  # not in what a test forked
        shutil.rmtree(FOLDER, ignore_errors=True)


atexit.register(_remove, os.getpid())  # the servers in it were stopped by their fixtures
