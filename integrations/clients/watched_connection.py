"""A connection that looks who blocks it while its statement waits for a lock, and that can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg import errors, pq
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait

from integrations.clients.blocking_sessions import LockBlockage, find_blockage
from integrations.clients.postgres_errors import describe_error
from integrations.errors import Problem

FIRST_LOOK = 0.4  # seconds after which a statement that has not ended is looked at
LOOK_EVERY = 2.0  # seconds between two looks: pg_blocking_pids needs all lock tables for a moment
SAY_AGAIN = 15.0  # seconds after which an unchanged blocker is logged again
MOST_ANSWERS = 1000  # of one statement that was cancelled
WATCHER = "cutover: who blocks"  # application name of the session that looks

RV = TypeVar("RV")
Open = Callable[[], psycopg.Connection[tuple[Any, ...]]]


class LockReport(Protocol):
    """The part of an action's report that waiting for a lock needs."""

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Takes one line of the log."""

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Takes how long it has waited of how long it may."""

    def raise_if_cancelled(self) -> None:
        """Raises when it is time to stop."""


@dataclass(frozen=True)
class UninterruptedReport:
    """Passes on what waits, and never stops it: for work that must not end half-way, and for cleaning up."""

    report: LockReport

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Adds the line."""
        self.report.log(line, stream=stream, more=more)

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Shows the progress."""
        self.report.progress(done, total, what)

    def raise_if_cancelled(self) -> None:
        """Does nothing."""


@dataclass(frozen=True)
class MainThreadReport:
    """Passes on what the main thread reports: those of other threads would come in the middle of its own."""

    report: LockReport

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Adds the line."""
        if threading.current_thread() is threading.main_thread():
            self.report.log(line, stream=stream, more=more)

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Shows the progress."""
        if threading.current_thread() is threading.main_thread():
            self.report.progress(done, total, what)

    def raise_if_cancelled(self) -> None:
        """Raises what the report does."""
        if threading.current_thread() is threading.main_thread():
            self.report.raise_if_cancelled()


@dataclass
class LockWatch:
    """Looks now and then who blocks sessions, logs it, and remembers the last answer.

    ``open`` connects to the server whose sessions wait: one by its ``pid``, or all of an ``application``.
    ``limit`` is how many seconds a wait may last, for the words only.
    """

    open: Open
    pid: int = 0
    application: str = ""
    report: LockReport | None = None
    limit: float = 0
    first_look: float = FIRST_LOOK
    last: LockBlockage | None = None  # the latest that was seen
    now: LockBlockage | None = None  # what blocks at this moment
    blocked_since: float = 0
    _next: float = 0
    _said: tuple[str, float] = ("", 0)
    _stack: ExitStack = field(default_factory=ExitStack)
    _connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def poll(self) -> None:
        """Looks, unless the last look was just now; never raises what the look itself meets."""
        if time.monotonic() < self._next:
            return
        with suppress(psycopg.Error, OSError, Problem):
            if self._connection is None:
                self._connection = self._stack.enter_context(self.open())
            found = find_blockage(self._connection, pid=self.pid, application=self.application)
            self._take(found)
        self._next = time.monotonic() + LOOK_EVERY

    def begin(self) -> None:
        """Starts with the next statement: its first look is in a moment."""
        self._next, self.now, self.last = time.monotonic() + self.first_look, None, None

    def close(self) -> None:
        """Ends the session that looks."""
        self._stack.close()
        self._connection = None

    @property
    def seconds_blocked(self) -> float:
        """How long the present blockage has lasted."""
        return time.monotonic() - self.blocked_since if self.now else 0

    def _take(self, found: LockBlockage | None) -> None:
        if found is None:
            self.now = None
            return
        if self.now is None:
            self.blocked_since = time.monotonic()
        self.last = self.now = found
        if self.report is not None:
            self._say(found, self.report)

    def _say(self, found: LockBlockage, report: LockReport) -> None:
        key = ",".join(f"{each.pid}{each.gid}" for each in found.sessions)
        said, at = self._said
        report.progress(
            self.seconds_blocked,
            max(self.limit, self.seconds_blocked),
            f"waiting for {found.wanted[0]}" if found.wanted else "waiting for a lock",
        )
        if key != said or time.monotonic() > at + SAY_AGAIN:
            self._said = (key, time.monotonic())
            report.log(f"Waiting for {found}. {found.advice}")


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose statements are watched: see `LockWatch`.

    An error because of a lock carries, as a note, who held it. When the report says that it is time to stop,
    the statement is cancelled on the server, and what the report raised is raised.
    """

    watch: LockWatch | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Waits for the server, as psycopg does, and looks meanwhile."""
        if self.watch is None:
            return super().wait(gen, interval, timeout)
        self.watch.begin()
        try:
            return super().wait(self._poll_meanwhile(gen, self.watch), interval, timeout)
        except Exception as stop:
            if not isinstance(stop, psycopg.Error):
                self._settle()
            raise
        finally:
            self.watch.close()

    def _settle(self) -> None:
        """Cancels what still runs and takes its answer, so that the connection can be used to clean up.

        A signal may raise in the middle of a wait; psycopg does this for KeyboardInterrupt only.
        """
        if self.pgconn.transaction_status != pq.TransactionStatus.ACTIVE:
            return
        with suppress(psycopg.Error, OSError):
            self.cancel_safe(timeout=5)
            for _ in range(MOST_ANSWERS):
                if self.pgconn.get_result() is None:
                    break

    def _poll_meanwhile(self, gen: PQGen[RV], watch: LockWatch) -> Generator[Wait, Ready | int, RV]:
        stopped: BaseException | None = None
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready == Ready.NONE and stopped is None:
                    stopped = self._poll(watch)
                state = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
        except errors.QueryCanceled:
            if stopped is None:
                raise
            raise stopped from None
        except errors.LockNotAvailable as error:
            if watch.last is not None:
                error.add_note(f"It waited for {watch.last}. {watch.last.advice}")
            raise
        if stopped is not None:
            raise stopped
        return result

    def _poll(self, watch: LockWatch) -> BaseException | None:
        """Looks; returns what the report raised, after cancelling the statement."""
        try:
            if watch.report is not None:
                watch.report.raise_if_cancelled()
            watch.poll()
        except Exception as error:  # the caller raises it, after the statement has ended
            self.cancel_safe(timeout=5)
            return error
        return None


def describe_holder(error: psycopg.Error) -> str:
    """Who held the lock that a statement of a `WatchedConnection` did not get; empty when nobody was seen."""
    return " ".join(getattr(error, "__notes__", ()))


def lock_problem(address: str, error: psycopg.Error) -> Problem:
    """The problem for a lock that was not to be had in time; names who held it."""
    held = describe_holder(error)
    return Problem(
        f"PostgreSQL gave up waiting for a lock at {address}: {describe_error(error)}. {held}".strip(),
        means="The statement was not carried out: its transaction was rolled back.",
        next=f"{'' if held else 'Look in pg_stat_activity for a session that stays in a transaction. '}"
        "When the lock is free, start the item again.",
    )
