"""One side as it was at one instant: a read-only snapshot with pinned text formats and limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, pq, sql

from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.server.address import read_address
from integrations.parity.server.keepalive import TCP_KEEPALIVES, KeepAlive
from integrations.parity.server.lost_connections import ends_session, explain_lost_connection
from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.session_settings import SettingsInForce, apply_settings

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]
First = TypeVar("First")

OLDEST_VERSION = 130000  # trim_scale() came with PostgreSQL 13
TRANSACTION_TIMEOUT_VERSION = 170000  # the setting came with PostgreSQL 17
IDLE_LIMIT = 900  # seconds without any word from us after which the server may end the session
IN_TRANSACTION = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)
ROWS_PER_FETCH = 5000
END_OF_SAVEPOINT = "rollback to savepoint before_query; release savepoint before_query"


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
        complete = conninfo.make_conninfo(url, **{**TCP_KEEPALIVES, **parts})

        def connect() -> Connection:
            try:
                return psycopg.connect(complete, autocommit=True, application_name=name, connect_timeout=10)
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
        self._keep_alive = KeepAlive(lambda: self.connection)
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
        self._keep_alive.stop()
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
        """What a server, a database or a role may have set, and would end a comparison in its middle."""
        limits = {
            "statement_timeout": f"{self.statement_timeout}s",
            # A side that waits is not idle for so long (keepalive.py). Only a client that is gone is: its
            # snapshot must not keep the server from cleaning up until somebody finds it.
            "idle_in_transaction_session_timeout": f"{IDLE_LIMIT}s",
        }
        if self.connection.info.server_version >= TRANSACTION_TIMEOUT_VERSION:
            limits["transaction_timeout"] = "0"
        return limits

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
            self.begin_savepoint()
            yield
            self.connection.execute(END_OF_SAVEPOINT)
        except Exception as error:
            if isinstance(error, psycopg.Error) and ends_session(error, self.connection):
                raise explain_lost_connection(error, self.connection, self.server.address) from None
            # A signal handler may raise in the middle of a query. The connection is busy then, and takes no
            # other command.
            if self.connection.info.transaction_status in IN_TRANSACTION:
                self.run_query(lambda: self.connection.execute(END_OF_SAVEPOINT))
            raise

    def begin_savepoint(self) -> None:
        """Also for a snapshot that was renewed within a `savepoint`, which ends this one then."""
        self.connection.execute("savepoint before_query")

    def cancel(self) -> None:
        """Cancels the query that the server runs for this session; safe from any thread."""
        with suppress(psycopg.Error, OSError):
            self.connection.cancel_safe(timeout=3)
