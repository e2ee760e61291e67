"""Servers and databases that the whole suite shares: real ones, on this machine, stopped afterwards."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from cutover.embedded import Postgres, free_port

_numbers = itertools.count(1)


def server_folder() -> Path:
    """A short path that `nobody` can reach: pytest's own temporary folders are closed to others."""
    return Path(tempfile.mkdtemp(prefix="cutover-test-", dir="/var/tmp"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL 18 on loopback and a socket, without fsync, for databases outside the panel's own."""
    folder = server_folder()
    folder.chmod(0o755)
    server = Postgres(folder / "pg", port=free_port(), password=secrets.token_hex(8), fsync=False)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def new_database(postgres_server: Postgres) -> Iterator[Callable[[], str]]:
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
