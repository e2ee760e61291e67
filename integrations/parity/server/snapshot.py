"""One side as it was at one instant: a read-only snapshot whose text forms and limits are pinned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, pq, sql

from integrations.errors import Problem, Unreachable

Connection = psycopg.Connection[tuple[Any, ...]]
Row = tuple[Any, ...]
A = TypeVar("A")
B = TypeVar("B")

OLDEST = 130000  # trim_scale() came with PostgreSQL 13
INTRANS, INERROR = pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR
POLL = 0.5  # seconds between two questions whether to stop

#: the text of a value must not depend on whose session asks for it
PINNED = {
    "timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "extra_float_digits": "1",
    "bytea_output": "hex", "lc_monetary": "C", "xmloption": "content", "search_path": "pg_catalog, public",
    "client_encoding": "UTF8", "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "row_security": "off",  # an error instead of rows that are silently left out
    "enable_sort": "off",  # the planner takes each row for a bucket of its own, and would sort on disk
    "work_mem": "64MB", "hash_mem_multiplier": "2", "lock_timeout": "10s",
    # on only where it is asked for (see `rows`), and then whatever the planner thinks of the cost
    "jit": "off", "jit_above_cost": "0", "jit_optimize_above_cost": "0",
    "jit_inline_above_cost": "-1",  # takes longer than it saves
    "cursor_tuple_fraction": "1",  # every row of an answer is read
    "max_parallel_workers_per_gather": "0",  # as many connections as were asked for, and no more processes
}  # fmt: skip


@dataclass(frozen=True)
class Server:
    """How to reach one side: ``open`` makes an autocommit connection, ``address`` has no secrets."""

    open: Callable[[], Connection]
    address: str

    @classmethod
    def at(cls, url: str, name: str = "parity") -> Server:
        """A server by its URL; raises `Problem` when that cannot be read."""
        try:
            known = conninfo.conninfo_to_dict(url)
        except psycopg.Error:
            raise Problem("The address of the database cannot be read: it is no PostgreSQL URL.") from None
        label = f"{known.get('host') or 'localhost'}:{known.get('port') or 5432}/{known.get('dbname') or ''}"

        def opened() -> Connection:
            try:
                return psycopg.connect(url, autocommit=True, application_name=name, connect_timeout=10)
            except psycopg.OperationalError as error:
                reason = str(error).replace(str(known.get("password") or "\0"), "•••").splitlines()[0]
                raise Unreachable(f"The database {label} cannot be reached.", means=reason) from None

        return cls(opened, label)


class GaveWay(Unreachable):
    """A hot standby ended the snapshot, which stood in the way of what its primary had done."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"The standby {address} ended the snapshot that was compared, to keep up with its primary.",
            means="The primary removed row versions, or locked tables, that the snapshot still needed"
            " (recovery conflict, SQLSTATE 40001); what was being read has no result.",
            next="Compare with the primary; or, on the standby, raise max_standby_streaming_delay (and"
            " max_standby_archive_delay) to the length of a comparison, or turn hot_standby_feedback on.",
        )


class Snapshot:
    """A REPEATABLE READ, READ ONLY transaction; nothing that goes through it can write.

    ``exported`` joins the snapshot of another session (``pg_export_snapshot()``), for instance of a
    dump that is being taken. ``longest`` is the limit of one statement, in seconds. Use with ``with``.
    """

    def __init__(self, server: Server, *, exported: str = "", longest: int = 1800) -> None:
        self.server, self.exported, self.longest = server, exported, longest
        self._cursors = count(1)
        self.number = 0  # of snapshots taken: each renewal is another one

    def __enter__(self) -> Snapshot:
        self._open()
        return self

    def _open(self) -> None:
        self.connection = self.server.open()
        try:
            self._pin()
            self._begin()
        except BaseException:
            self.connection.close()
            raise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.cancel()
        self.connection.close()

    def _pin(self) -> None:
        if self.connection.info.server_version < OLDEST:
            raise Problem(
                f"{self.server.address} is PostgreSQL {self.connection.info.server_version // 10000}.",
                means="The comparison needs functions that came with PostgreSQL 13.",
            )
        limits = {
            "statement_timeout": f"{self.longest}s",
            "idle_in_transaction_session_timeout": f"{self.longest + 900}s",  # one side waits for the other
        }
        calls = [
            sql.SQL("set_config({}, {}, false)").format(sql.Literal(name), sql.Literal(value))
            for name, value in {**PINNED, **limits}.items()
        ]
        self.connection.execute(sql.SQL("select {}").format(sql.SQL(", ").join(calls)))

    def _begin(self) -> None:
        self.connection.execute("begin isolation level repeatable read, read only")
        if self.exported:
            self.connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(self.exported)))
        self._began = time.monotonic()
        self.number += 1

    @property
    def age(self) -> float:
        """Seconds since it was taken."""
        return time.monotonic() - self._began

    def export(self) -> str:
        """A name by which other sessions of that server can see what this one sees.

        PostgreSQL makes one outside of savepoints only: the first time, ask before `attempt`.
        """
        self.exported = self.exported or str(self.value(sql.SQL("SELECT pg_export_snapshot()")))
        return self.exported

    def renew(self) -> None:
        """Lets go of this instant and takes the present one, through a new connection where it was lost.

        Raises `Unreachable` when there is none to be had.
        """
        self.exported = ""
        with suppress(psycopg.OperationalError):  # lost while nobody asked anything, which is no matter now
            self.connection.execute("rollback")
            self._begin()
            return
        self.connection.close()
        self._open()

    def rows(self, query: sql.Composable, *, binary: bool = False, compiled: bool = False) -> list[Row]:
        """All rows of the answer. Queries carry no parameters: values are in them as literals.

        ``compiled``: worth some 50 ms for machine code that each of a million rows is met with.
        """
        try:
            if compiled:
                self.connection.execute("set jit = on")
            found = list(self.connection.execute(sql.Composed([query]), binary=binary))
            if compiled:
                self.connection.execute("set jit = off")
            return found
        except psycopg.OperationalError as error:
            raise self._lost(error) from None

    def value(self, query: sql.Composable) -> Any:
        """The one value of the answer."""
        return self.rows(query)[0][0]

    def stream(self, query: sql.Composable) -> Iterator[Row]:
        """The rows of the answer a few thousand at a time, so that memory stays flat."""
        try:
            with self.connection.cursor(name=f"parity_{next(self._cursors)}") as cursor:
                cursor.itersize = 5000
                yield from cursor.execute(sql.Composed([query]))
        except psycopg.OperationalError as error:
            raise self._lost(error) from None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What fails inside does not end the snapshot (a savepoint)."""
        try:
            self.connection.execute("savepoint attempt")
            yield
            self.connection.execute("release savepoint attempt")
        except Exception as error:
            if self.connection.closed and isinstance(error, psycopg.Error):
                raise self._lost(error) from None
            if self.connection.info.transaction_status in (INTRANS, INERROR):  # not where a signal broke in
                self.connection.execute("rollback to savepoint attempt; release savepoint attempt")
            raise

    def cancel(self) -> None:
        """Ends what the server is doing for us now; safe from any thread."""
        with suppress(psycopg.Error, OSError):
            self.connection.cancel_safe(timeout=3)

    def _lost(self, error: psycopg.Error) -> Exception:
        if isinstance(error, psycopg.errors.SerializationFailure):  # who only reads meets it on standbys only
            return GaveWay(self.server.address)
        if not self.connection.closed:
            return error  # a timeout or a cancelled statement: the caller knows which table it was
        return Unreachable(
            f"The connection to {self.server.address} was lost during the comparison.",
            means="Nothing was changed there; this comparison has no result.",
            next="See whether that server is up, then compare again.",
        )


@contextmanager
def opened(source: Server, target: Server, longest: int) -> Iterator[tuple[Snapshot, Snapshot]]:
    """Snapshots of both sides, taken at the same time."""
    sides = Snapshot(source, longest=longest), Snapshot(target, longest=longest)
    with ThreadPoolExecutor(2, thread_name_prefix="parity") as pool:
        entered = [pool.submit(side.__enter__) for side in sides]
    with ExitStack() as stack:
        for side, one in zip(sides, entered, strict=True):
            if one.exception() is None:
                stack.push(side)
        for one in entered:
            one.result()
        yield sides


def at_once(
    first: Snapshot, a: Callable[[], A], second: Snapshot, b: Callable[[], B],
    check: Callable[[], None] = lambda: None,
) -> tuple[A, B]:  # fmt: skip
    """Both questions at the same time, one a thread; when one fails, or ``check`` raises, both end."""
    with ThreadPoolExecutor(2, thread_name_prefix="parity") as pool:
        one, other = pool.submit(a), pool.submit(b)
        try:
            while wait((one, other), POLL, FIRST_EXCEPTION).not_done and not _failed(one, other):  # type: ignore[misc]
                check()
            if other.done():
                other.result()  # raises what went wrong first, not what our cancel did to the other
            return one.result(), other.result()
        except BaseException:
            for done, snapshot in ((one.done(), first), (other.done(), second)):
                if not done:
                    snapshot.cancel()
            raise


def of_each(first: Snapshot, second: Snapshot, ask: Callable[[Snapshot], A]) -> tuple[A, A]:
    """What both answer to the same question, asked at the same time."""
    return at_once(first, lambda: ask(first), second, lambda: ask(second))


def _failed(*futures: Future[Any]) -> bool:
    return any(future.done() and future.exception() for future in futures)
