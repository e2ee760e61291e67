"""Reads the sums of a table on both sides at once: large tables in parts, within the given limits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from threading import Lock
from typing import TypeVar

from integrations.parity.engine.page_ranges import PageRange, split_pages
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.model.sums import BucketSums, add_sums
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.both_sides import run_both
from integrations.parity.server.sizes import read_partition_pages
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.server.table_changes import require_unchanged
from integrations.parity.sql.queries import SideQueries

# 512 MB: seconds of work. Each part compiles its query again, which takes 70 ms.
PAGES_PER_PART = 65_536
MIN_PAGES_PER_PART = 64  # where a page rate demands small parts
TID_RANGE_VERSION = 140000  # older PostgreSQL reads the whole table to find a range of its pages
SLEEP_SECONDS = 0.2  # between two calls of the function that cancels a comparison


Answer = TypeVar("Answer")


class LimitExceeded(Exception):
    """A table, or the rest of it, was not read because of a limit; the message says which."""


class SumReader:
    """Reads tables one after the other. Use with ``with``: it may open further connections to both sides.

    ``pages`` counts the pages that were read on both sides.
    """

    def __init__(self, options: ComparisonOptions, observer: ComparisonObserver) -> None:
        self.options, self.observer = options, observer
        self._default_workers = max(1, min(4, (os.cpu_count() or 2) // 2))
        self.pages = 0
        # Pages that were hashed and the seconds for that, to estimate the time of the next table.
        self.hashed_pages, self.hash_seconds = 0, 0.0
        self._worker_snapshots: dict[Snapshot, list[Snapshot]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> SumReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_connections()

    def workers(self, snapshot: Snapshot) -> int:
        """How many connections read this side: behind a pooler one, unless the options say otherwise.

        Its pool may be small: further transactions would wait for the first one, which waits for them.
        """
        return self.options.workers or (1 if snapshot.is_pooled else self._default_workers)

    def export_snapshots(self, snapshots: Iterable[Snapshot]) -> None:
        """Exports the snapshots for further connections, if there may be any."""
        for snapshot in snapshots:
            if self.workers(snapshot) > 1:
                snapshot.export()

    def close_connections(self) -> None:
        """Closes the further connections; their snapshots end."""
        self._worker_snapshots.clear()
        self._stack.close()

    def renew(self, snapshots: Sequence[Snapshot]) -> None:
        """Takes new snapshots within the savepoint of a table; those of before end."""
        self.close_connections()
        for snapshot in snapshots:
            snapshot.renew()
        self.export_snapshots(snapshots)
        for snapshot in snapshots:
            snapshot.begin_savepoint()

    def check_size(self, pages: int) -> None:
        """Raises `LimitExceeded` when no table of so many pages may be read."""
        if (largest := self.options.largest) and pages > largest:
            raise LimitExceeded(f"it has {pages:,} pages, and no table of more than {largest:,} may be read")

    def check_limits(self, pages: int, snapshots: Sequence[Snapshot]) -> None:
        """Raises `LimitExceeded` when a table of so many pages must not be read."""
        self.check_size(pages)
        oldest = self.options.snapshot_age
        measured = self.hashed_pages / self.hash_seconds if self.hashed_pages > PAGES_PER_PART else 0
        rate = self.options.page_rate or measured
        age = max((snapshot.age for snapshot in snapshots), default=0.0)
        if oldest and rate and age + pages / rate > oldest:
            hint = "" if self.options.renew_snapshots else " (see --renew-snapshots)"
            raise LimitExceeded(
                f"to read its {pages:,} pages would take about {pages / rate:,.0f} s, and the snapshot, now"
                f" {age:,.0f} s old, may not get older than {oldest:,} s{hint}"
            )

    def read_both(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter
    ) -> tuple[BucketSums, BucketSums]:
        """The sums of both sides, read at the same time."""
        self.check_limits(meter.pages, (source.snapshot, target.snapshot))
        meter.begin("source", "target")
        return self.read_parts_of_both(
            source, self.split(source, meter), target, self.split(target, meter), meter
        )

    def read_parts_of_both(
        self,
        source: SideQueries,
        source_parts: list[PageRange],
        target: SideQueries,
        target_parts: list[PageRange],
        meter: ProgressMeter,
        is_enough: Callable[[Snapshot], bool] | None = None,
    ) -> tuple[BucketSums, BucketSums]:
        """The sums of these parts of both sides, read at the same time.

        Parts that were read are taken from the lists. ``is_enough`` says when to leave the rest; one part is
        read in any case. Without it, a snapshot that becomes too old raises `LimitExceeded`.
        """
        return run_both(
            source.snapshot,
            lambda: self._read_side(source, meter, source_parts, is_enough),
            target.snapshot,
            lambda: self._read_side(target, meter, target_parts, is_enough),
            self.observer.check_cancelled,
        )

    def read_one(self, side: SideQueries, meter: ProgressMeter) -> BucketSums:
        """The sums of one side."""
        self.check_limits(meter.pages, (side.snapshot,))
        meter.begin(side.expressions.side)
        return self._read_side(side, meter, self.split(side, meter))

    def split(self, queries: SideQueries, meter: ProgressMeter) -> list[PageRange]:
        """The parts of a table on one side."""
        return self._split(queries, meter.pages_by_side[queries.expressions.side])

    def _read_side(
        self,
        queries: SideQueries,
        meter: ProgressMeter,
        parts: list[PageRange],
        is_enough: Callable[[Snapshot], bool] | None = None,
    ) -> BucketSums:
        started, pages = time.monotonic(), sum(part.pages for part in parts)

        def read(side: SideQueries, part: PageRange) -> BucketSums:
            sums = side.read_sums(part.condition)
            meter.add(side.expressions.side, part.pages, sums.rows)
            return sums

        found = self._read_parts(queries, parts, read, is_enough)
        pages -= sum(part.pages for part in parts)
        table, side = queries.plan.table(queries.expressions.side), queries.expressions.side
        require_unchanged(queries.snapshot, table, queries.plan.column_names(side))
        with meter.lock:
            self.pages += pages
            self.hashed_pages += pages
            self.hash_seconds += time.monotonic() - started
        if not found:  # this side has read all of its parts before
            return BucketSums({}, len(queries.plan.tracked_rules))
        return found[0] if len(found) == 1 else add_sums(found)

    def read_again(
        self, queries: SideQueries, pages: int, read: Callable[[SideQueries, PageRange], Answer]
    ) -> list[Answer]:
        """What ``read`` answers for each part of a table of so many pages that was read before, within the
        same limits.

        Where snapshots are renewed, this is all read in the last one, however old it gets by that.
        """
        last = self.options.renew_snapshots
        found = self._read_parts(
            queries, self._split(queries, pages), read, (lambda _: False) if last else None
        )
        self.pages += pages
        return found

    def _split(self, queries: SideQueries, pages: int) -> list[PageRange]:
        rate, table = self.options.page_rate, queries.plan.table(queries.expressions.side)
        most = min(PAGES_PER_PART, max(MIN_PAGES_PER_PART, rate // 2)) if rate else PAGES_PER_PART
        old = queries.snapshot.connection.info.server_version < TID_RANGE_VERSION
        if pages <= most or old or table.is_view:
            return [PageRange(pages)]
        files = read_partition_pages(queries.snapshot, table) if table.partitioned else [pages]
        return list(split_pages(files, max(1, most // len(files)))) if files else [PageRange(pages)]

    def _read_parts(
        self,
        queries: SideQueries,
        parts: list[PageRange],
        read: Callable[[SideQueries, PageRange], Answer],
        is_enough: Callable[[Snapshot], bool] | None = None,
    ) -> list[Answer]:
        """Reads every part, with as many connections as there are workers; see `read_parts_of_both`."""
        lock, throttle = Lock(), self._make_throttle()

        def work(side: SideQueries) -> list[Answer]:
            found: list[Answer] = []
            while True:
                with lock:
                    if not parts or (found and is_enough and is_enough(side.snapshot)):
                        return found
                    part = parts.pop(0)
                self.observer.check_cancelled()
                if not is_enough:
                    self._check_snapshot_age(side.snapshot)
                found.append(read(side, part))
                throttle(part.pages)

        if self.workers(queries.snapshot) == 1 or len(parts) == 1:
            return work(queries)
        return self._run_workers(queries, work)

    def _run_workers(self, queries: SideQueries, work: Callable[[SideQueries], list[Answer]]) -> list[Answer]:
        """Runs ``work`` on the side's own connection and on those of its workers, each in a thread."""
        workers = self._open_worker_snapshots(queries.snapshot)
        sides = [queries, *(queries.with_snapshot(snapshot) for snapshot in workers)]
        failed: list[BaseException] = []

        def work_or_cancel(side: SideQueries) -> list[Answer]:
            savepoint = side.snapshot.savepoint() if side is not queries else nullcontext()
            try:
                with savepoint:
                    found = work(side)
                    side.snapshot.require_settings()
                    return found
            except BaseException as error:
                failed.append(error)
                for other in sides:
                    if other is not side:
                        other.snapshot.cancel()
                raise

        with ThreadPoolExecutor(len(sides), thread_name_prefix="parity") as pool:
            calls = [pool.submit(work_or_cancel, side) for side in sides]
        if failed:
            # The first error is the cause; later ones may come from our own cancel.
            raise failed[0]
        return [answer for call in calls for answer in call.result()]

    def _open_worker_snapshots(self, snapshot: Snapshot) -> list[Snapshot]:
        """Further sessions that see what this one sees."""
        if snapshot not in self._worker_snapshots:
            exported, timeout = snapshot.export(), snapshot.statement_timeout
            self._worker_snapshots[snapshot] = [
                self._stack.enter_context(
                    Snapshot(snapshot.server, exported_id=exported, statement_timeout=timeout)
                )
                for _ in range(self.workers(snapshot) - 1)
            ]
        return self._worker_snapshots[snapshot]

    def _check_snapshot_age(self, snapshot: Snapshot) -> None:
        oldest = self.options.snapshot_age
        if oldest and snapshot.age > oldest:
            raise LimitExceeded(f"the snapshot became older than {oldest:,} s while it was read")

    def _make_throttle(self) -> Callable[[int], None]:
        """A function to call with each number of pages read; it waits as long as the page rate demands."""
        rate, started, done, lock = self.options.page_rate, time.monotonic(), 0, Lock()

        def throttle(pages: int) -> None:
            nonlocal done
            with lock:
                done += pages
                due = started + done / rate if rate else 0.0
            while (left := due - time.monotonic()) > 0:
                self.observer.check_cancelled()
                time.sleep(min(left, SLEEP_SECONDS))

        return throttle
