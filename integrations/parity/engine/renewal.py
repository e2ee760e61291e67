"""Reads a table in several snapshots, none of which gets older than a limit: VACUUM waits no longer for us.

Parts that are read in different snapshots do not fit together: a row that was updated meanwhile is in two of
them, or in none. So in the last snapshot, everything that was written since the first one is read again, as a
recheck does it (row_versions.py). The sums are then those of the last snapshot, and of nothing else.
"""

from __future__ import annotations

from psycopg import sql

from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.reader import LimitExceeded, SumReader
from integrations.parity.engine.row_history import files_of, why_never_kept
from integrations.parity.engine.row_versions import refresh_sums
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums, add_sums
from integrations.parity.server.both_sides import query_both_snapshots, run_both
from integrations.parity.server.server_state import ServerState, read_file_digests, read_server_state
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.queries import SideQueries

NOW = sql.SQL('SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')')


class RenewedReading:
    """One table of two live sides. ``note`` says in which snapshots it was read, if these are several."""

    def __init__(
        self, reader: SumReader, source: SideQueries, target: SideQueries, meter: ProgressMeter
    ) -> None:
        self.reader, self.source, self.target, self.meter = reader, source, target, meter
        self.snapshots = source.snapshot, target.snapshot
        self.note = ""

    def run(self) -> tuple[BucketSums, BucketSums]:
        """The sums of both sides in the last snapshots.

        Raises `LimitExceeded` where a server became another one, or the table was rewritten, meanwhile.
        """
        self.reader.check_size(self.meter.pages)
        states, files = self._read_states(), self._read_files()
        first = last = str(self.target.snapshot.fetch_value(NOW))
        parts = self.reader.split(self.source, self.meter), self.reader.split(self.target, self.meter)
        found: tuple[list[BucketSums], list[BucketSums]] = ([], [])
        number = 0
        self.meter.begin("source", "target")
        while not number or any(parts):
            if number:
                self._renew(states, files)
                last = str(self.target.snapshot.fetch_value(NOW))
            number += 1
            sums = self.reader.read_parts_of_both(
                self.source, parts[0], self.target, parts[1], self.meter, self._is_old
            )
            for side, one in zip(found, sums, strict=True):
                side.append(one)
        before, after = (add_sums(side) for side in found)
        if number == 1:
            return before, after
        self.note = (
            f"read in {number} snapshots between {first} and {last}; what was written meanwhile was read"
            " again in the last one, so this is how it was then"
        )
        return run_both(
            self.source.snapshot,
            lambda: refresh_sums(self.source, before, states[0].horizon),
            self.target.snapshot,
            lambda: refresh_sums(self.target, after, states[1].horizon),
            self.reader.observer.check_cancelled,
        )

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

    def _renew(self, states: tuple[ServerState, ServerState], files: tuple[str, str]) -> None:
        self.reader.renew(self.snapshots)
        now = self._read_states()
        changes = [then.find_change(state) for then, state in zip(states, now, strict=True)]
        if self._read_files() != files:
            changes.append("it was rewritten, or its columns were altered")
        if reasons := [change for change in changes if change]:
            raise LimitExceeded(f"its snapshots do not fit together: {'; '.join(reasons)}")


def can_be_renewed(reader: SumReader, plan: TablePlan) -> bool:
    """Whether a table may be read in several snapshots: rows that were written meanwhile can be told."""
    options = reader.options
    return bool(options.renew_snapshots and options.snapshot_age and not options.sample) and not (
        why_never_kept(plan)
    )
