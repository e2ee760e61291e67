"""Says who blocks a program that works in a database, and ends the program when that takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from integrations.clients import postgres
from integrations.clients.watched_connection import LockReport, LockWatch
from integrations.errors import Problem

MARGIN = 3.0  # seconds after the program's own lock_timeout in which PostgreSQL ends the wait by itself


@dataclass(frozen=True)
class WatchedReport:
    """The report of a running program whose sessions are watched. ``cause``: why it can wait for so long."""

    report: LockReport
    watch: LockWatch
    program: str
    cause: str

    @property
    def attempt(self) -> str:
        """The attempt whose programs are found by it."""
        return str(getattr(self.report, "attempt", ""))

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Adds the line."""
        self.report.log(line, stream=stream, more=more)

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Shows the progress."""
        self.report.progress(done, total, what)

    def raise_if_cancelled(self) -> None:
        """Raises what the report does, and `Problem` when the program was blocked for too long."""
        self.report.raise_if_cancelled()
        self.watch.poll()
        if self.watch.now is not None and self.watch.seconds_blocked > self.watch.limit + MARGIN:
            raise Problem(
                f"{self.program} still waits after {self.watch.seconds_blocked:.0f} s for {self.watch.now}.",
                means=f"{self.cause} It was ended. PostgreSQL rolls back the statement that waited.".strip(),
                next=f"{self.watch.now.advice} Then look what was done before, and start this item again.",
            )

    @property
    def holder(self) -> str:
        """Who blocked it when it was looked at last, as a sentence; empty when nobody was seen."""
        return f"It waited for {self.watch.last}. {self.watch.last.advice}" if self.watch.last else ""


@contextmanager
def watch_program(
    url: str, application: str, report: LockReport, *, program: str, limit: float, cause: str = ""
) -> Iterator[WatchedReport]:
    """Looks, while the block runs a program with the report that it gets, who blocks the sessions of
    ``application``. ``limit``: seconds that they may wait."""
    with closing(postgres.watch_application(url, application, report, limit)) as watch:
        yield WatchedReport(report, watch, program, cause)
