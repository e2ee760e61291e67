"""Reads a table in several snapshots, none of which gets older than a limit: VACUUM waits no longer for us.

Ranges that are read in different snapshots do not fit together: a row that was updated meanwhile is in two of
them, or in none. So in the last snapshot, everything that was written since the first one is read again, as a
recheck does it (row_versions.py). The sums are then those of the last snapshot, and of nothing else.

What was read is kept after each snapshot. After a lost connection, and in a later run, only the ranges that
are left are read, if the servers and the files of the table are still those of the first snapshot.
"""

from __future__ import annotations

from psycopg import sql

from integrations.parity.engine.kept_ranges import KeptRanges, RangeStore
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.reader import LimitExceeded, SumReader
from integrations.parity.engine.row_history import files_of, why_never_kept
from integrations.parity.engine.row_versions import refresh_sums
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums
from integrations.parity.server.both_sides import query_both_snapshots, run_both
from integrations.parity.server.server_state import ServerState, read_file_digests, read_server_state
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.queries import SideQueries

NOW = sql.SQL('SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')')


class RenewedReading:
    """One table of two live sides. ``notes`` say in which snapshots it was read, if these are several."""

    def __init__(
        self,
        reader: SumReader,
        source: SideQueries,
        target: SideQueries,
        meter: ProgressMeter,
        store: RangeStore,
    ) -> None:
        self.reader, self.source, self.target = reader, source, target
        self.meter, self.store, self.plan = meter, store, source.plan
        self.snapshots = source.snapshot, target.snapshot
        self.notes: list[str] = []

    def run(self) -> tuple[BucketSums, BucketSums]:
        """The sums of both sides in the last snapshots.

        Raises `LimitExceeded` where a server became another one, or the table was rewritten, meanwhile.
        """
        self.reader.check_size(self.meter.pages)
        self.meter.begin("source", "target")
        ranges = self._continue() or self._begin()
        ranges = self._read_ranges(ranges)
        while not ranges.complete:
            ranges = self._read_ranges(self._renew(ranges))
        if ranges.snapshots == 1:
            return ranges.sums
        self.notes.append(_describe(ranges))
        before, after = ranges.sums
        sums = run_both(
            self.source.snapshot,
            lambda: refresh_sums(self.source, before, ranges.states[0].horizon),
            self.target.snapshot,
            lambda: refresh_sums(self.target, after, ranges.states[1].horizon),
            self.reader.observer.check_cancelled,
        )
        self.store.drop(self.plan)
        return sums

    def _begin(self) -> KeptRanges:
        nothing = BucketSums({}, len(self.plan.tracked_rules))
        left = (
            tuple(self.reader.split(self.source, self.meter)),
            tuple(self.reader.split(self.target, self.meter)),
        )
        now = self._read_time()
        return KeptRanges(
            self.plan.recipe,
            self.source.scheme,
            self._read_states(),
            self._read_files(),
            now,
            now,
            left,
            (nothing, nothing),
        )

    def _continue(self) -> KeptRanges | None:
        """The ranges that were read before a connection was lost, or by an earlier run, if they hold."""
        kept = self.store.find(self.plan)
        if kept is None:
            return None
        if change := self._find_change(kept):
            self.store.drop(self.plan)
            self.notes.append(
                f"read again from its beginning, as what was read before does not hold: {change}"
            )
            return None
        for side, left, sums in zip(("source", "target"), kept.left, kept.sums, strict=True):
            pages = self.meter.pages_by_side[side] - sum(one.pages for one in left)
            self.meter.add(side, max(0, pages), sums.rows)
        return kept.in_next_snapshot(self._read_time())

    def _read_ranges(self, ranges: KeptRanges) -> KeptRanges:
        """Reads ranges that are left, until the snapshots are too old or nothing is left; keeps the sums."""
        if ranges.complete:
            return ranges
        before, after = (list(side) for side in ranges.left)
        sums = self.reader.read_parts_of_both(
            self.source, before, self.target, after, self.meter, self._is_old
        )
        read = ranges.with_sums(sums, (tuple(before), tuple(after)))
        # What one snapshot was enough for is kept as a whole, with the result of the table.
        if read.snapshots > 1 or not read.complete:
            self.store.keep(self.plan, read, sums)
        return read

    def _is_old(self, snapshot: Snapshot) -> bool:
        return max(one.age for one in (snapshot, *self.snapshots)) > self.reader.options.snapshot_age

    def _read_states(self) -> tuple[ServerState, ServerState]:
        found = query_both_snapshots(*self.snapshots, read_server_state)
        for state in found:
            if isinstance(state, str):
                raise LimitExceeded(f"it cannot be read in several snapshots: {state}")
        one, other = found
        assert isinstance(one, ServerState)
        assert isinstance(other, ServerState)
        return one, other

    def _read_files(self) -> tuple[str, str]:
        return files_of(query_both_snapshots(*self.snapshots, read_file_digests), self.source.plan)

    def _read_time(self) -> str:
        return str(self.target.snapshot.fetch_value(NOW))

    def _find_change(self, ranges: KeptRanges) -> str:
        return ranges.find_change(self._read_states(), self._read_files())

    def _renew(self, ranges: KeptRanges) -> KeptRanges:
        self.reader.renew(self.snapshots)
        if change := self._find_change(ranges):
            self.store.drop(self.plan)
            raise LimitExceeded(f"its snapshots do not fit together: {change}")
        return ranges.in_next_snapshot(self._read_time())


def _describe(ranges: KeptRanges) -> str:
    runs = f" by {ranges.runs} runs" if ranges.runs > 1 else ""
    return (
        f"read in {ranges.snapshots} snapshots between {ranges.first} and {ranges.last}{runs}; what was"
        " written meanwhile was read again in the last one, so this is how it was then"
    )


def can_be_renewed(reader: SumReader, plan: TablePlan) -> bool:
    """Whether a table may be read in several snapshots: rows that were written meanwhile can be told."""
    options = reader.options
    return bool(options.renew_snapshots and options.snapshot_age and not options.sample) and not (
        why_never_kept(plan)
    )
