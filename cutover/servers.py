"""Starts and stops the panel's own PostgreSQL and Valkey."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from cutover.data_folder import data_folder
from cutover.database.address import EMBEDDED_APPLICATION
from cutover.embedded import Postgres, Valkey

DATABASE = "cutover"


def ensure_database(server: Postgres, name: str) -> None:
    """Creates an empty database in an embedded server unless it exists."""
    with psycopg.connect(server.socket_url(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))


def ensure_application_role(server: Postgres) -> None:
    """Creates the role as which the panel works in an embedded server; `migrate` gives it its rights."""
    with psycopg.connect(server.socket_url(), autocommit=True) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = %s", [EMBEDDED_APPLICATION]
        ).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(EMBEDDED_APPLICATION)))


class OwnServers:
    """The embedded servers that the settings ask for: PostgreSQL, Valkey, both or none."""

    def __init__(self, folder: Path, *, postgres: bool, valkey: bool) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres") if postgres else None
        self.valkey = Valkey(folder / "valkey") if valkey else None

    def start(self) -> None:
        """Starts the servers that do not answer. The others belong to another process, which stops them."""
        data_folder(self.folder)
        if self.postgres is not None:
            if not self.postgres.answers():
                self.postgres.start()
            ensure_database(self.postgres, DATABASE)
            ensure_application_role(self.postgres)
        if self.valkey is not None and not self.valkey.answers():
            self.valkey.start()

    @property
    def _servers(self) -> list[Postgres | Valkey]:
        return [server for server in (self.postgres, self.valkey) if server is not None]

    def restart_crashed(self, say: Callable[[str], None]) -> None:
        """Restarts servers that this process started and that ended. Raises `StartupError`."""
        for server in self._servers:
            if server.ended():
                say(f"✗ {type(server).__name__} ended by itself (log: {server.log}). Restarting it.")
                server.start()

    def pids(self) -> list[int]:
        """Process ids of the servers that this process started."""
        return [server.process.pid for server in self._servers if server.process is not None]

    def stop(self) -> None:
        """Stops the servers that this process started."""
        for server in reversed(self._servers):
            server.stop()


@contextlib.contextmanager
def running_servers(folder: Path, *, postgres: bool, valkey: bool) -> Iterator[OwnServers]:
    """Embedded servers for the duration of the block.

    Several commands may run at the same time. The one that started the servers stops them, and waits until
    no other command uses them: each holds a shared lock on ``in-use.lock``.
    """
    servers = OwnServers(folder, postgres=postgres, valkey=valkey)
    if not (postgres or valkey):
        yield servers
        return
    data_folder(folder)
    with (folder / "starting.lock").open("w") as starting, (folder / "in-use.lock").open("w") as in_use:
        fcntl.flock(starting, fcntl.LOCK_EX)  # two commands must not both start the servers
        try:
            servers.start()
            fcntl.flock(in_use, fcntl.LOCK_SH)
            fcntl.flock(starting, fcntl.LOCK_UN)
            yield servers
        finally:
            fcntl.flock(in_use, fcntl.LOCK_UN)
            if servers.pids():
                fcntl.flock(starting, fcntl.LOCK_EX)  # no command may begin between this check and the stop
                fcntl.flock(in_use, fcntl.LOCK_EX)
                servers.stop()
