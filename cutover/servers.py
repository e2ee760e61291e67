"""Starts the panel's own PostgreSQL and Valkey for as long as somebody needs them."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from cutover.data_folder import data_folder
from cutover.embedded import Postgres, Valkey

DATABASE = "cutover"


def ensure_database(server: Postgres, name: str) -> None:
    """Makes an empty database in an embedded server, unless it is there."""
    with psycopg.connect(server.socket_url(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))


class OwnServers:
    """The embedded servers that the settings ask for: PostgreSQL, Valkey, both or none."""

    def __init__(self, folder: Path, *, postgres: bool, valkey: bool) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres") if postgres else None
        self.valkey = Valkey(folder / "valkey") if valkey else None

    def start(self) -> None:
        """Starts those that do not answer yet; what runs already belongs to somebody else."""
        data_folder(self.folder)
        if self.postgres is not None:
            if not self.postgres.answers():
                self.postgres.start()
            ensure_database(self.postgres, DATABASE)
        if self.valkey is not None and not self.valkey.answers():
            self.valkey.start()

    @property
    def _every(self) -> list[Postgres | Valkey]:
        return [server for server in (self.postgres, self.valkey) if server is not None]

    def restart_fallen(self, say: Callable[[str], None]) -> None:
        """Starts again what we had started and what ended by itself. Raises `WillNotStart`."""
        for server in self._every:
            if server.ended():
                say(f"✗ {type(server).__name__} of the panel ended by itself (log: {server.log}); again now.")
                server.start()

    def pids(self) -> list[int]:
        """Process numbers of those that we started."""
        return [server.process.pid for server in self._every if server.process is not None]

    def stop(self) -> None:
        """Stops those that we started."""
        for server in reversed(self._every):
            server.stop()


@contextlib.contextmanager
def running(folder: Path, *, postgres: bool, valkey: bool) -> Iterator[OwnServers]:
    """Own servers while the block runs; who started them waits with the stop for others that use them."""
    servers = OwnServers(folder, postgres=postgres, valkey=valkey)
    if not (postgres or valkey):
        yield servers
        return
    data_folder(folder)
    with (folder / "starting.lock").open("w") as starting, (folder / "in-use.lock").open("w") as in_use:
        fcntl.flock(starting, fcntl.LOCK_EX)  # two at once must not both find nothing running
        try:
            servers.start()
            fcntl.flock(in_use, fcntl.LOCK_SH)
            fcntl.flock(starting, fcntl.LOCK_UN)
            yield servers
        finally:
            fcntl.flock(in_use, fcntl.LOCK_UN)
            if servers.pids():
                fcntl.flock(starting, fcntl.LOCK_EX)  # nobody comes in between «is it in use» and the stop
                fcntl.flock(in_use, fcntl.LOCK_EX)
                servers.stop()
