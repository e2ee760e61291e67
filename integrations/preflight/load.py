"""What bounds the load of a preflight: one query at a time on each server, and an end for each check."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from integrations.clients import postgres
from integrations.errors import Problem

#: The server processes of this run's connections, so that checks of sessions do not report the preflight
#: itself. A run has a process of its own, so the set ends with it.
OWN_BACKENDS: set[int] = set()


class TurnOver(Problem):
    """The time of the check that asks is over: this says nothing about what was asked."""


class ServerLocks:
    """One lock for each database server, which all checks of a run share.

    The lock is held for one query and not for a connection, so that a check that compares two servers
    cannot wait for a check that holds the other one.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def lock_of(self, url: str) -> threading.Lock:
        """The lock of the server of this address (host and port)."""
        server = postgres.address(url).partition("/")[0] or url
        with self._guard:
            return self._locks.setdefault(server, threading.Lock())


@dataclass
class CheckTurn:
    """The turn of one check: until when it may ask, and the connections that it has open.

    ``until`` is a time of `time.monotonic`. ``system`` is the name of the system that it asked last.
    """

    servers: ServerLocks
    until: float
    system: str = ""
    over: bool = False  # nobody waits for its answers any more
    _open: list[postgres.Connection] = field(default_factory=list)

    @property
    def seconds_left(self) -> float:
        """Seconds until its time is over, not below 0."""
        return max(0.0, self.until - time.monotonic())

    def raise_if_over(self) -> None:
        """Raises `Problem` once the time of the check is over."""
        if self.over or self.seconds_left == 0:
            raise TurnOver("The time of this check is over.")

    def end(self) -> None:
        """Cancels the queries that are under way; the check's thread ends with an error that nobody reads."""
        self.over = True
        for connection in list(self._open):
            with contextlib.suppress(psycopg.Error, OSError):
                connection.cancel_safe(timeout=2)

    @contextlib.contextmanager
    def queries_of(self, connection: postgres.Connection, url: str) -> Iterator[None]:
        """Lets each query of the connection wait for its server's lock, and ends it with this turn."""
        lock, turn = self.servers.lock_of(url), self

        class OneAtATime(psycopg.Cursor[tuple[Any, ...]]):
            """A cursor that holds the server's lock for the time of a query."""

            def execute(self, *args: Any, **kwargs: Any) -> OneAtATime:
                with turn._place(lock):
                    super().execute(*args, **kwargs)
                return self

        connection.cursor_factory = OneAtATime
        OWN_BACKENDS.add(connection.info.backend_pid)
        self._open.append(connection)
        try:
            yield
            self.system = ""  # it answered; after an error the name stays, for the result that tells it
        finally:
            self._open.remove(connection)

    @contextlib.contextmanager
    def _place(self, lock: threading.Lock) -> Iterator[None]:
        self.raise_if_over()
        if not lock.acquire(timeout=self.seconds_left):
            raise TurnOver(
                "The server was busy with other questions of this preflight until the time was over.",
                next="Run the preflight again; if it stays so, look for a slow query on that server.",
            )
        try:
            self.raise_if_over()
            yield
        finally:
            lock.release()
