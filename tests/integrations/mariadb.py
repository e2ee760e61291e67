"""A real MariaDB server for tests, and the addresses of its databases."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from integrations.sandbox.mariadb_server import MariaDbServer
from tests.ports import free_port


@contextmanager
def running_mariadb(options: Sequence[str] = (), name: str = "mariadb") -> Iterator[MariaDbServer]:
    """A new server, as `nobody` where the tests run as root; it is stopped and deleted afterwards.

    Raises `Problem`, and so fails the test, where MariaDB is not installed and cannot be unpacked.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"cutover-{name}-", dir="/var/tmp"))
    folder.chmod(0o711)
    server = MariaDbServer(folder / name, port=free_port(), password=secrets.token_hex(8), options=options)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
