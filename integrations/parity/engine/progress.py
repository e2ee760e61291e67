"""How far one table is on its sides, told to the watch at each change of state and now and then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import RLock

from integrations.parity.watch import TableProgress, Watch

OFTEN = 0.5  # seconds between two words on the same table


class Meter:
    """Measures one table; ``pages_of`` says how many pages it has on each side that is read.

    ``before`` and ``whole`` are the pages of the tables that are done and of all, for the total.
    """

    def __init__(
        self, watch: Watch, table: str, pages_of: Mapping[str, int], before: int = 0, whole: int = 0
    ) -> None:
        self.watch, self.lock, self.table, self.pages_of = watch, RLock(), table, dict(pages_of)
        self.before, self.whole = before, whole
        self._done: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._started, self._told = time.monotonic(), 0.0

    def again(self) -> Meter:
        """A new one for the same table, which is read anew."""
        return Meter(self.watch, self.table, self.pages_of, self.before, self.whole)

    @property
    def pages(self) -> int:
        """Pages of the bigger side."""
        return max(self.pages_of.values(), default=0)

    def begin(self, *sides: str) -> None:
        """These sides will be read."""
        self._done, self._rows = dict.fromkeys(sides, 0), dict.fromkeys(sides, 0)

    def read(self, side: str, pages: int, rows: int) -> None:
        """Takes note of a part that was read on one side."""
        with self.lock:
            self._done[side] += pages
            self._rows[side] += rows
            if time.monotonic() - self._told >= OFTEN:
                self.tell("reading")

    def tell(self, state: str) -> None:
        """Says where the table is; ``state`` as in `TableProgress`."""
        with self.lock:
            self._told = time.monotonic()
            share = 1.0 if state in ("asking", "done") else self._share
            seconds = self._told - self._started
            left = seconds * (1 - share) / share if share > 0 and state == "reading" else None
            pages = round(self.pages * share)
            rows = min(self._rows.values(), default=0)
            self.watch.table(TableProgress(self.table, state, self.pages, pages, rows, seconds, left))
            self.watch.progress(self.before + pages, self.whole, self.table)

    @property
    def _share(self) -> float:
        """The part that is read on the side that is slower."""
        return min((done / max(self.pages_of[side], 1) for side, done in self._done.items()), default=0.0)
