"""Measures how far one table is on each side, and tells the observer regularly and at each new state."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import RLock

from integrations.parity.observer import ComparisonObserver, ReadProgress

REPORT_SECONDS = 0.5  # between two reports about the same table


class ProgressMeter:
    """Measures one table; ``pages_by_side`` has the pages of each side that is read.

    ``before`` and ``total`` are the pages of the tables that are done and of all tables.
    """

    def __init__(
        self,
        observer: ComparisonObserver,
        table: str,
        pages_by_side: Mapping[str, int],
        before: int = 0,
        total: int = 0,
    ) -> None:
        self.observer, self.table, self.pages_by_side = observer, table, dict(pages_by_side)
        self.before, self.total = before, total
        self.lock = RLock()  # several connections report parts of the same table
        self._pages_read: dict[str, int] = {}
        self._rows_read: dict[str, int] = {}
        self._started, self._reported = time.monotonic(), 0.0

    def restarted(self) -> ProgressMeter:
        """A new meter for the same table, which is read again from its beginning."""
        return ProgressMeter(self.observer, self.table, self.pages_by_side, self.before, self.total)

    @property
    def pages(self) -> int:
        """Pages of the larger side."""
        return max(self.pages_by_side.values(), default=0)

    def begin(self, *sides: str) -> None:
        """These sides will be read."""
        self._pages_read, self._rows_read = dict.fromkeys(sides, 0), dict.fromkeys(sides, 0)

    def add(self, side: str, pages: int, rows: int) -> None:
        """A part of one side was read."""
        with self.lock:
            self._pages_read[side] += pages
            self._rows_read[side] += rows
            if time.monotonic() - self._reported >= REPORT_SECONDS:
                self.report_state("reading")

    def report_state(self, state: str) -> None:
        """Tells the observer the state (as in `ReadProgress`) and how far the table is."""
        with self.lock:
            self._reported = time.monotonic()
            share = 1.0 if state in ("asking", "done") else self._share_read
            seconds = self._reported - self._started
            left = seconds * (1 - share) / share if share > 0 and state == "reading" else None
            pages = round(self.pages * share)
            rows = min(self._rows_read.values(), default=0)
            self.observer.on_table(ReadProgress(self.table, state, self.pages, pages, rows, seconds, left))
            self.observer.on_progress(self.before + pages, self.total, self.table)

    @property
    def _share_read(self) -> float:
        """The part that is read on the slower side."""
        shares = (done / max(self.pages_by_side[side], 1) for side, done in self._pages_read.items())
        return min(shares, default=0.0)
