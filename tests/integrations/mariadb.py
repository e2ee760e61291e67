"""A real MariaDB server for tests, and the addresses of its databases."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from integrations.sandbox.mariadb_server import MariaDbServer
from tests.ports import free_port
from tests.servers import new_folder


@contextmanager
def running_mariadb(options: Sequence[str] = (), name: str = "mariadb") -> Iterator[MariaDbServer]:
    """A new server, as `nobody` where the tests run as root; it is stopped and deleted afterwards.

    Raises `Problem`, and so fails the test, where MariaDB is not installed and cannot be unpacked.
    """
    folder = new_folder(name)
    server = MariaDbServer(folder / name, port=free_port(), password=secrets.token_hex(8), options=options)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
