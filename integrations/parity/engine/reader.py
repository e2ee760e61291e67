"""Reads the sums of a table on both sides at once: large tables in parts, within the bounds given."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from threading import Lock

from psycopg import sql

from integrations.parity.options import Options
from integrations.parity.progress import Meter
from integrations.parity.questions import Questions
from integrations.parity.sizes import leaves_of
from integrations.parity.snapshot import Snapshot, at_once
from integrations.parity.sums import Sums, added
from integrations.parity.watch import Watch

PART = 65_536  # pages, 512 MB: seconds of work, beside which compiling its question anew (70 ms) is little
SMALLEST_PART = 64  # pages, where a page rate asks for small ones
TID_RANGES = 140000  # the first PostgreSQL that reads a range of pages without reading the whole table


class Exceeded(Exception):
    """A table, or the rest of it, was not read because of a bound; the message says which."""


@dataclass(frozen=True)
class Part:
    """Some pages of a table, and the condition that a row lies in them (None: the whole table)."""

    pages: int
    condition: sql.Composable | None = None


def _ranges(files: Sequence[int], step: int) -> Iterator[Part]:
    """So many pages of each file (of a table, or of its partitions) at a time, until the longest is read."""
    starts = range(0, max(files), step) or range(1)
    place = "({},0)".format
    for at in starts:
        condition = sql.SQL("r.ctid >= {}::tid").format(sql.Literal(place(at)))
        if at != starts[-1]:  # the last has what was added meanwhile, too
            condition += sql.SQL(" AND r.ctid < {}::tid").format(sql.Literal(place(at + step)))
        yield Part(sum(min(max(pages - at, 0), step) for pages in files), condition)


class Reader:
    """Reads tables one after the other; use with ``with``: it may hold further connections to both sides."""

    def __init__(self, options: Options, watch: Watch) -> None:
        self.options, self.watch = options, watch
        self.workers = options.workers or max(1, min(4, (os.cpu_count() or 2) // 2))
        self.pages = 0  # read so far on both sides
        self.hashed, self.seconds = 0, 0.0  # of these in full, and how long that took: for what is to come
        self._twins: dict[Snapshot, list[Snapshot]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def share(self, snapshots: Iterable[Snapshot]) -> None:
        """Lets further connections see what these see, where there may be such."""
        if self.workers > 1:
            for snapshot in snapshots:
                snapshot.export()

    def let_go(self) -> None:
        """Closes the further connections: the snapshots that they share end."""
        self._twins.clear()
        self._stack.close()

    def refuse(self, pages: int, snapshots: Sequence[Snapshot]) -> None:
        """Raises `Exceeded` when a table of so many pages must not be read."""
        largest, longest = self.options.largest, self.options.snapshot_age
        if largest and pages > largest:
            raise Exceeded(f"it has {pages:,} pages, and no table of more than {largest:,} may be read")
        rate = self.options.page_rate or (self.hashed / self.seconds if self.hashed > PART else 0)
        age = max((snapshot.age for snapshot in snapshots), default=0.0)
        if longest and rate and age + pages / rate > longest:
            raise Exceeded(
                f"to read its {pages:,} pages would take about {pages / rate:,.0f} s, and the snapshot, now"
                f" {age:,.0f} s old, may not get older than {longest:,} s"
            )

    def both(self, source: Questions, target: Questions, meter: Meter) -> tuple[Sums, Sums]:
        """The sums of both sides, read at the same time."""
        self.refuse(meter.pages, (source.snapshot, target.snapshot))
        meter.begin("source", "target")
        return at_once(
            source.snapshot, lambda: self._sums(source, meter),
            target.snapshot, lambda: self._sums(target, meter), self.watch.check,
        )  # fmt: skip

    def one(self, side: Questions, meter: Meter) -> Sums:
        """The sums of one side."""
        self.refuse(meter.pages, (side.snapshot,))
        meter.begin(side.side.side)
        return self._sums(side, meter)

    def _sums(self, questions: Questions, meter: Meter) -> Sums:
        pages = meter.pages_of[questions.side.side]
        parts = self._parts(questions, pages)
        started = time.monotonic()
        found = self._read(questions, parts, meter)
        with meter.lock:
            self.pages += pages
            self.hashed += pages
            self.seconds += time.monotonic() - started
        return found[0] if len(found) == 1 else added(found)

    def _parts(self, questions: Questions, pages: int) -> list[Part]:
        rate, table = self.options.page_rate, questions.plan.table(questions.side.side)
        most = min(PART, max(SMALLEST_PART, rate // 2)) if rate else PART
        old = questions.snapshot.connection.info.server_version < TID_RANGES
        if pages <= most or old or table.is_view:
            return [Part(pages)]
        files = leaves_of(questions.snapshot, table) if table.partitioned else [pages]
        return list(_ranges(files, max(1, most // len(files)))) if files else [Part(pages)]

    def _read(self, questions: Questions, parts: list[Part], meter: Meter) -> list[Sums]:
        """Every part, by as many connections as there are workers."""
        todo, lock, pace = iter(parts), Lock(), self._pace()

        def work(side: Questions) -> list[Sums]:
            found: list[Sums] = []
            while True:
                with lock:
                    part = next(todo, None)
                if part is None:
                    return found
                self._may_go_on(side.snapshot, meter)
                found.append(side.sums(part.condition))
                meter.read(side.side.side, part.pages, found[-1].rows)
                pace(part.pages)

        if self.workers == 1 or len(parts) == 1:
            return work(questions)
        return self._shared(questions, work)

    def _shared(self, questions: Questions, work: Callable[[Questions], list[Sums]]) -> list[Sums]:
        sides = [questions, *(questions.through(twin) for twin in self._twins_of(questions.snapshot))]

        failed: list[BaseException] = []

        def guarded(side: Questions) -> list[Sums]:
            own = side.snapshot.attempt() if side is not questions else nullcontext()
            try:
                with own:
                    return work(side)
            except BaseException as error:
                failed.append(error)
                for other in sides:
                    if other is not side:
                        other.snapshot.cancel()
                raise

        with ThreadPoolExecutor(len(sides), thread_name_prefix="parity") as pool:
            found = [pool.submit(guarded, side) for side in sides]
        if failed:
            raise failed[0]  # what went wrong first, not what our cancel did to the others
        return [sums for one in found for sums in one.result()]

    def _twins_of(self, snapshot: Snapshot) -> list[Snapshot]:
        if snapshot not in self._twins:
            exported = snapshot.export()
            self._twins[snapshot] = [
                self._stack.enter_context(
                    Snapshot(snapshot.server, exported=exported, longest=snapshot.longest)
                )
                for _ in range(self.workers - 1)
            ]
        return self._twins[snapshot]

    def _may_go_on(self, snapshot: Snapshot, meter: Meter) -> None:
        self.watch.check()
        longest = self.options.snapshot_age
        if longest and snapshot.age > longest:
            raise Exceeded(f"the snapshot became older than {longest:,} s while it was read")

    def _pace(self) -> Callable[[int], None]:
        """A function that is told of pages read, and waits until that many may have been read."""
        rate, started, done, lock = self.options.page_rate, time.monotonic(), 0, Lock()

        def pace(pages: int) -> None:
            nonlocal done
            with lock:
                done += pages
                due = started + done / rate if rate else 0.0
            while (left := due - time.monotonic()) > 0:
                self.watch.check()
                time.sleep(min(left, 0.2))

        return pace
