"""One side as it was at one instant: a read-only snapshot with pinned text formats and limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import psycopg
from psycopg import pq, sql

from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.server.address import read_address
from integrations.parity.server.lost_connections import explain_lost_connection
from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.session_settings import SettingsInForce, apply_settings

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]
First = TypeVar("First")
Second = TypeVar("Second")

OLDEST_VERSION = 130000  # trim_scale() came with PostgreSQL 13
IN_TRANSACTION = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)
POLL_SECONDS = 0.5  # between two calls of the function that cancels a comparison
CANCEL_SECONDS = 0.1  # between two cancels of what has to end
ROWS_PER_FETCH = 5000
END_OF_SAVEPOINT = "rollback to savepoint before_query; release savepoint before_query"

_pools = count(1)


@dataclass(frozen=True)
class PostgresServer:
    """How to reach one side: ``open`` makes an autocommit connection, ``address`` contains no secrets."""

    open: Callable[[], Connection]
    address: str

    @classmethod
    def from_url(cls, url: str, name: str = "parity") -> PostgresServer:
        """The server of a URL; raises `ParityError` when it is not a PostgreSQL URL."""
        parts = read_address(url)
        label = f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"

        def connect() -> Connection:
            try:
                return psycopg.connect(url, autocommit=True, application_name=name, connect_timeout=10)
            except psycopg.OperationalError as error:
                reason = str(error).replace(str(parts.get("password") or "\0"), "•••").splitlines()[0]
                raise ServerUnreachable(f"The database {label} cannot be reached.", means=reason) from None

        return cls(connect, label)


class Snapshot:
    """A REPEATABLE READ, READ ONLY transaction; nothing can be written through it. Use with ``with``.

    ``exported_id`` joins the snapshot of another session (``pg_export_snapshot()``), for instance of a
    dump that is running. ``statement_timeout`` is the limit of one statement, in seconds.
    """

    def __init__(
        self, server: PostgresServer, *, exported_id: str = "", statement_timeout: int = 1800
    ) -> None:
        self.server, self.exported_id, self.statement_timeout = server, exported_id, statement_timeout
        self.settings: SettingsInForce
        self._cursors = count(1)
        self.number = 0  # how many snapshots were taken: `renew` takes another one

    def __enter__(self) -> Snapshot:
        self._open()
        return self

    def _open(self) -> None:
        self.connection = self.server.open()
        # A prepared statement belongs to a session, which behind a pooler is the application's next.
        self.connection.prepare_threshold = None
        try:
            self._begin()
        except BaseException:
            self.connection.close()
            raise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.cancel()
        if self.connection.info.transaction_status in IN_TRANSACTION:
            # A pooler ends the server's session of a client that goes away within a transaction.
            with suppress(psycopg.Error):
                self.connection.execute("rollback")
        self.connection.close()

    def _begin(self) -> None:
        self._require_version()
        try:
            self.connection.execute("begin isolation level repeatable read, read only")
        except psycopg.errors.ProtocolViolation as error:
            raise ParityError(
                f"{self.server.address} takes no transactions: {safe_message(error)}.",
                means="A connection pooler gives each statement to another session of the server.",
                next="Give the comparison the direct address of the PostgreSQL server.",
            ) from None
        if self.exported_id:  # has to come before every other query of the transaction
            joined = sql.SQL("set transaction snapshot {}").format(sql.Literal(self.exported_id))
            self.connection.execute(joined)
        self.settings = apply_settings(self.connection, self.server.address, self._limits)
        self._began = time.monotonic()
        self.number += 1

    def _require_version(self) -> None:
        if self.connection.info.server_version < OLDEST_VERSION:
            raise ParityError(
                f"{self.server.address} is PostgreSQL {self.connection.info.server_version // 10000}.",
                means="The comparison needs functions that came with PostgreSQL 13.",
            )

    @property
    def _limits(self) -> dict[str, str]:
        return {
            "statement_timeout": f"{self.statement_timeout}s",
            # A side is idle while the other one still reads a large table.
            "idle_in_transaction_session_timeout": f"{self.statement_timeout + 900}s",
        }

    @property
    def age(self) -> float:
        """Seconds since the snapshot was taken."""
        return time.monotonic() - self._began

    @property
    def is_pooled(self) -> bool:
        """Whether a connection pooler answered the login: it gives clients process numbers of its own."""
        return self.connection.info.backend_pid != self.settings.backend_pid

    def export(self) -> str:
        """The id with which other sessions of that server join this snapshot.

        PostgreSQL exports outside of savepoints only: call this before the first `savepoint`.
        """
        self.exported_id = self.exported_id or str(self.fetch_value(sql.SQL("SELECT pg_export_snapshot()")))
        return self.exported_id

    def renew(self) -> None:
        """Takes a snapshot of the present, on a new connection where the old one was lost.

        Raises `ServerUnreachable` when the server cannot be reached.
        """
        self.exported_id = ""
        with suppress(psycopg.OperationalError):  # the connection was lost: open another one below
            self.connection.execute("rollback")
            self._begin()
            return
        self.connection.close()
        self._open()

    def fetch_rows(self, query: sql.Composable, *, binary: bool = False, compiled: bool = False) -> list[Row]:
        """All rows of the answer. Queries have no parameters: they contain their values as literals.

        ``compiled`` lets the server compile the query. That takes some 50 ms and pays for a million rows.
        """

        def fetch() -> list[Row]:
            if compiled:
                self.connection.execute("set local jit = on")
            found = list(self.connection.execute(sql.Composed([query]), binary=binary))
            if compiled:
                self.connection.execute("set local jit = off")
            return found

        return self.run_query(fetch)

    def run_query(self, query: Callable[[], First]) -> First:
        """What a function that uses the connection returns; a lost connection is told as such."""
        try:
            return query()
        except psycopg.OperationalError as error:
            raise explain_lost_connection(error, self.connection, self.server.address) from None

    def require_settings(self) -> None:
        """Raises `SettingsLost` unless this is still the transaction with the settings of its beginning."""
        self.settings.require(self.fetch_value(sql.SQL("SELECT {}").format(self.settings.expression)))

    def fetch_value(self, query: sql.Composable) -> Any:
        """The only value of the answer."""
        return self.fetch_rows(query)[0][0]

    def stream_rows(self, query: sql.Composable) -> Iterator[Row]:
        """The rows of the answer, fetched a few thousand at a time, so that memory stays flat."""
        try:
            with self.connection.cursor(name=f"parity_{next(self._cursors)}") as cursor:
                cursor.itersize = ROWS_PER_FETCH
                yield from cursor.execute(sql.Composed([query]))
        except psycopg.OperationalError as error:
            raise explain_lost_connection(error, self.connection, self.server.address) from None

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A failed query inside the block does not end the snapshot.

        Locks that were taken inside the block, and settings that a function of the database made there, end
        with it in any case: nothing was written that could be kept.
        """
        try:
            self.connection.execute("savepoint before_query")
            yield
            self.connection.execute(END_OF_SAVEPOINT)
        except Exception as error:
            if self.connection.closed and isinstance(error, psycopg.Error):
                raise explain_lost_connection(error, self.connection, self.server.address) from None
            # A signal handler may raise in the middle of a query. The connection is busy then, and takes no
            # other command.
            if self.connection.info.transaction_status in IN_TRANSACTION:
                self.connection.execute(END_OF_SAVEPOINT)
            raise

    def cancel(self) -> None:
        """Cancels the query that the server runs for this session; safe from any thread."""
        with suppress(psycopg.Error, OSError):
            self.connection.cancel_safe(timeout=3)


@contextmanager
def open_snapshots(
    source: PostgresServer, target: PostgresServer, statement_timeout: int
) -> Iterator[tuple[Snapshot, Snapshot]]:
    """Snapshots of both sides, taken at the same time."""
    one, other = (Snapshot(side, statement_timeout=statement_timeout) for side in (source, target))
    sides = (one, other)
    with ThreadPoolExecutor(2, thread_name_prefix="parity") as pool:
        entered = [pool.submit(side.__enter__) for side in sides]
    with ExitStack() as stack:
        # Both calls have ended here. The one that succeeded must be closed even if the other one failed.
        for side, call in zip(sides, entered, strict=True):
            if call.exception() is None:
                stack.push(side)
        for call in entered:
            call.result()
        yield sides


def run_both(
    first: Snapshot,
    query_first: Callable[[], First],
    second: Snapshot,
    query_second: Callable[[], Second],
    check_cancelled: Callable[[], None] = lambda: None,
) -> tuple[First, Second]:
    """Runs both functions at the same time, each in a thread, and returns both answers.

    When one fails, or ``check_cancelled`` raises, the query of the other one is cancelled.
    """
    name = f"parity-{next(_pools)}"
    with ThreadPoolExecutor(2, thread_name_prefix=name) as pool:
        try:
            one, other = pool.submit(query_first), pool.submit(query_second)
            while _are_running(one, other):
                check_cancelled()
            if other.done():
                # Raises its error if it has one: the error of ``one`` may be only our own cancel.
                other.result()
            return one.result(), other.result()
        except BaseException:
            pool.shutdown(wait=False)
            _cancel_until_gone(name, first, second)
            raise


def _cancel_until_gone(threads: str, *snapshots: Snapshot) -> None:
    """Cancels what these threads run until they have ended: between two queries a cancel does nothing."""
    while any(thread.name.startswith(f"{threads}_") for thread in threading.enumerate()):
        for snapshot in snapshots:
            snapshot.cancel()
        time.sleep(CANCEL_SECONDS)


def _are_running(*calls: Future[Any]) -> bool:
    """Waits a moment; whether both calls still run or wait, and neither has failed."""
    unfinished = wait(calls, POLL_SECONDS, FIRST_EXCEPTION).not_done
    return bool(unfinished) and not any(call.done() and call.exception() for call in calls)


def query_both_snapshots(
    first: Snapshot, second: Snapshot, query: Callable[[Snapshot], First]
) -> tuple[First, First]:
    """The answers of both sides to the same query, run at the same time."""
    return run_both(first, lambda: query(first), second, lambda: query(second))
