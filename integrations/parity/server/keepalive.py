"""Keeps the session of a side that waits: servers, poolers and proxies end sessions that are silent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import pq

SECONDS = 30.0  # between two words to the server; many proxies close a connection after a minute
ENOUGH = 3.0  # seconds for the last word, before the connection is closed

#: What libpq is told unless the address says otherwise: a router forgets connections that are silent while
#: a statement runs, and a server that went away without a word is noticed after two minutes.
TCP_KEEPALIVES = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}


class KeepAlive:
    """A thread that says ``select 1`` within the transaction whenever nobody else uses the connection.

    ``connection`` returns the one of the moment. What goes wrong here is left to whoever uses it next.
    """

    def __init__(self, connection: Callable[[], psycopg.Connection[tuple[Any, ...]]]) -> None:
        self.connection = connection
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="parity-keepalive", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the connection is not used any more, so that it can be closed."""
        self._over.set()
        self._thread.join(ENOUGH)

    def _work(self) -> None:
        while not self._over.wait(SECONDS):
            with suppress(psycopg.Error):
                self._ping()

    def _ping(self) -> None:
        connection = self.connection()
        # A statement that runs holds the lock: that side does not wait. In a failed transaction a query
        # would only fail as well.
        idle = connection.info.transaction_status == pq.TransactionStatus.INTRANS
        if idle and not connection.lock.locked():
            connection.execute("select 1", prepare=False)
