"""Connections that a web process keeps from one request to the next, and how many it has at most.

Not psycopg's own pool, which Django could use. Its threads connect, so a request learns of a server that is
away only by waiting until its time is up; after a restart the first requests find no connection for seconds;
and a connection that is lost without being given back takes its place in the pool with it, for ever.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus

from integrations.clients.postgres_pooling import is_behind_pooler

logger = logging.getLogger(__name__)

WAIT = 5.0  # seconds that a request waits for a place while all are taken
PAGE = 5.0  # seconds that the page then takes at most that says so
REST = 60.0  # seconds without use after which the next request closes a connection
LIFETIME = 600.0  # … and since it was opened: its memory grows, and an address may lead elsewhere by now
#: ``DISCARD ALL`` except for the plans, which are what is worth keeping. Nothing in the panel's code leaves
#: anything behind in a session; nothing that did could reach the next request. It also asks for an answer.
CLEAN = (
    "CLOSE ALL; RESET ROLE; RESET ALL; DEALLOCATE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); "
    "DISCARD TEMP; DISCARD SEQUENCES"
)

#: Until then (by the monotonic clock) this request does not wait: it has waited in vain. The page that says
#: so reads the session and asks the record twice, and would make a person wait each time.
_waits_no_more: ContextVar[float] = ContextVar("waits_no_more", default=0.0)

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class _Kept:
    """What the pool knows of a connection; ``reusable`` is false behind a pooler."""

    opened_at: float
    reusable: bool


class Pool:
    """Places for connections, and those that nobody uses now. It has no thread: requests do all the work."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.forget()

    def forget(self) -> None:
        """Begins anew, as a forked process must: the connections are its parent's, the lock may be taken."""
        self._lock = threading.Condition()
        #: With the time of their return, the oldest first.
        self._idle: deque[tuple[Connection, _Kept, float]] = deque()
        #: Weak: one that is lost without being given back leaves its place.
        self._taken: WeakKeyDictionary[Connection, _Kept] = WeakKeyDictionary()
        self._beginning = 0  # requests that have a place and no connection yet

    def take(self, connect: Callable[[], Connection]) -> Connection:
        """A connection in autocommit, as good as new. ``connect`` opens one; its errors are raised at once.

        Raises psycopg's `OperationalError` when no place becomes free within `WAIT`; for the rest of that
        request it waits no more.
        """
        patience = 0.0 if time.monotonic() < _waits_no_more.get() else WAIT
        with self._lock:
            if not self._lock.wait_for(self._has_place, patience):
                _waits_no_more.set(time.monotonic() + PAGE)
                raise psycopg.OperationalError(
                    f"All {self.size} connections of this web process were in use for {WAIT:.0f} s. "
                    "CUTOVER_DATABASE_POOL sets their number."
                )
            self._beginning += 1
        found: tuple[Connection, _Kept] | None = None
        try:
            found = self._take_idle() or _open(connect)
            return found[0]
        finally:
            with self._lock:
                self._beginning -= 1
                if found is None:
                    self._lock.notify()
                else:
                    self._taken[found[0]] = found[1]

    def give_back(self, connection: Connection) -> None:
        """Keeps it for the next request, or closes it when it is broken, old or in a transaction."""
        now = time.monotonic()
        with self._lock:
            kept = self._taken.pop(connection, None)
            closing = self._pop_idle(lambda returned_at: now - returned_at > REST)
            if kept and kept.reusable and now - kept.opened_at < LIFETIME and _is_at_rest(connection):
                self._idle.append((connection, kept, now))
            else:
                closing.append(connection)
            self._lock.notify()
        _close(closing)

    def close_idle(self) -> None:
        """Closes those that nobody uses. Those in use are kept when they come back."""
        with self._lock:
            idle = self._pop_idle(lambda returned_at: True)
        _close(idle)

    def count(self) -> tuple[int, int]:
        """How many are in use, and how many wait for a request."""
        with self._lock:
            return len(self._taken), len(self._idle)

    def _has_place(self) -> bool:
        return len(self._taken) + self._beginning < self.size

    def _take_idle(self) -> tuple[Connection, _Kept] | None:
        """The one that was used last, so that the others can rest; none when the server has ended them."""
        with self._lock:
            if not self._idle:
                return None
            connection, kept, _ = self._idle.pop()
        try:
            connection.execute(CLEAN, prepare=False)
        except psycopg.Error as error:
            logger.info("A kept connection to the panel's database was lost: %s", error)
            _close([connection])
            self.close_idle()  # after a restart of the server all are lost; a new one tells how it is now
            return None
        return connection, kept

    def _pop_idle(self, wanted: Callable[[float], bool]) -> list[Connection]:
        found = []
        while self._idle and wanted(self._idle[0][2]):
            found.append(self._idle.popleft()[0])
        return found


def _open(connect: Callable[[], Connection]) -> tuple[Connection, _Kept]:
    connection = connect()
    try:
        connection.autocommit = True
        # A pooler keeps connections itself, and what cleans a session would clean one that others share.
        return connection, _Kept(time.monotonic(), reusable=not is_behind_pooler(connection))
    except BaseException:
        connection.close()
        raise


def _is_at_rest(connection: Connection) -> bool:
    """Whether nothing runs on it and no transaction is open. One that the server ended looks so, too."""
    return connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        with suppress(psycopg.Error):
            connection.close()


def new_pool(size: int) -> Pool:
    """A pool that a forked child forgets, and whose idle connections are closed when the process ends."""
    pool = Pool(size)
    os.register_at_fork(after_in_child=pool.forget)
    atexit.register(pool.close_idle)
    return pool
