"""Compares table after table; after a lost connection it continues in new snapshots, a few times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from psycopg import sql

from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.table_comparison import TableComparison, TableRun
from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.model.plan import TablePlan
from integrations.parity.observer import ReadProgress
from integrations.parity.result import TableResult
from integrations.parity.server.lost_connections import RecoveryConflict
from integrations.parity.server.same_database import refuse_same_database
from integrations.parity.server.snapshot import Snapshot

MAX_RECONNECTS = 3  # in one comparison
PATIENCE = 30  # seconds for a server to come back
RETRY_SECONDS = 1.0

PagesBySide = Mapping[str, int]


class ComparisonRun:
    """All tables in order; ``failure`` says why the last ones were not compared, if they were not.

    ``finish_table`` completes the result of a table. ``patience`` is in seconds.
    """

    def __init__(
        self,
        table_comparison: TableComparison,
        finish_table: Callable[[TableRun], None],
        patience: float | None = None,
    ) -> None:
        self.table_comparison, self.finish_table = table_comparison, finish_table
        self.observer = table_comparison.observer
        self.patience = PATIENCE if patience is None else patience
        sides = (table_comparison.source, table_comparison.target)
        self.snapshots: list[Snapshot] = [side for side in sides if side]
        self.failure, self.note, self.losses = "", "", 0

    def run(self, plans: Sequence[TablePlan], sizes: Mapping[str, PagesBySide]) -> list[TableRun]:
        """Compares every table; ``sizes`` has the pages of each side by the label of the table."""
        runs = []
        for plan in plans:
            pages = max(sizes[plan.label].values(), default=0)
            self.observer.on_table(ReadProgress(plan.label, "waiting", pages))
        for plan, meter in zip(plans, self._meters(plans, sizes), strict=True):
            self.observer.check_cancelled()
            table_run = self._compare_table(plan, meter)
            table_run.meter.report_state("failed" if table_run.result.unsound else "done")
            self.table_comparison.strategy.record(plan, table_run.result)
            self.observer.on_table_finished(table_run.result)
            self.observer.on_log(format_outcome(table_run))
            runs.append(table_run)
            self.failure = self.failure or self._find_reason_to_stop([run.result for run in runs])
        return runs

    def _find_reason_to_stop(self, results: Sequence[TableResult]) -> str:
        """Why the tables after these are not compared; empty while they are."""
        options, last = self.table_comparison.options, results[-1]
        differing = sum(result.differing for result in results)
        if options.fail_fast and not last.equal:
            return f"--fail-fast ends at {last.table}"
        if options.limit and differing >= options.limit:
            return f"--limit {options.limit} is reached: {differing:,} rows differ so far"
        return ""

    def _meters(
        self, plans: Sequence[TablePlan], sizes: Mapping[str, PagesBySide]
    ) -> Iterator[ProgressMeter]:
        pages = [max((1, *sizes[plan.label].values())) for plan in plans]
        for number, plan in enumerate(plans):
            before, total = sum(pages[:number]), sum(pages)
            yield ProgressMeter(self.observer, plan.label, sizes[plan.label], before, total)

    def _compare_table(self, plan: TablePlan, meter: ProgressMeter) -> TableRun:
        self._renew_old_snapshots()
        while not self.failure:
            try:
                table_run = self.table_comparison.run(plan, meter)
                if not table_run.restored:
                    self.finish_table(table_run)
            except ServerUnreachable as lost:
                self.reconnect(lost)
                meter = meter.restarted()
            else:
                table_run.result.notes += [self.note] if self.note else []
                return table_run
        result = TableResult(plan.label, key=list(plan.key), pages=meter.pages, partial=self.failure)
        result.unsound.append(f"it was not compared: {self.failure}")
        return TableRun(plan, result, meter)

    def recover(self, lost: ServerUnreachable) -> str:
        """As `reconnect`, however often a connection was lost before; returns `failure`."""
        self.losses = 0
        self.reconnect(lost)
        return self.failure

    def reconnect(self, lost: ServerUnreachable) -> None:
        """Takes new snapshots, or says in ``failure`` why that is not possible."""
        self.losses += 1
        self.table_comparison.reader.close_connections()
        self.observer.on_log(f"{lost} Trying to go on in a new snapshot.")
        if self.losses > MAX_RECONNECTS:
            trouble = "" if isinstance(lost, RecoveryConflict) else ", and one side may be in trouble"
            self.failure = f"{lost} It was the {self.losses}th time{trouble}"
            return
        until = time.monotonic() + self.patience
        while still := self._renew_snapshots():
            if time.monotonic() >= until:
                reason = still.means or still
                self.failure = f"{lost} It did not come back within {self.patience:g} s ({reason})"
                return
            time.sleep(min(RETRY_SECONDS, self.patience))
        self.failure = self._find_same_database()
        self.note = self._describe_new_snapshot(lost)

    def _renew_old_snapshots(self) -> None:
        """Between two tables, where the options ask for snapshots that do not get too old."""
        options = self.table_comparison.options
        oldest = max(snapshot.age for snapshot in self.snapshots)
        if self.failure or not options.renew_snapshots or not 0 < options.snapshot_age < oldest:
            return
        self.table_comparison.reader.close_connections()
        still = self._renew_snapshots()
        self.failure = str(still) if still else self._find_same_database()
        if not self.failure:
            self.note = f"read in another snapshot, taken at {self._read_time()}: the one before was too old"

    def _find_same_database(self) -> str:
        """Why the new snapshots cannot be compared: a name may have been switched to the other side."""
        try:
            if len(self.snapshots) == 2:
                refuse_same_database(*self.snapshots)
        except ParityError as same:
            return str(same)
        return ""

    def _renew_snapshots(self) -> ParityError | None:
        """Renews both snapshots; returns the error of a server that cannot be reached or used."""
        self.observer.check_cancelled()
        try:
            for snapshot in self.snapshots:
                snapshot.renew()
        except ParityError as still:
            return still
        return None

    def _describe_new_snapshot(self, lost: ServerUnreachable) -> str:
        taken = self._read_time()
        conflict = isinstance(lost, RecoveryConflict)
        why = "a standby gave way to its primary" if conflict else "a connection was lost"
        return f"read in another snapshot, taken at {taken} after {why}"

    def _read_time(self) -> str:
        now = sql.SQL('SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')')
        return str(self.snapshots[-1].fetch_value(now))


def format_outcome(table_run: TableRun) -> str:
    """The outcome of a table, for the log."""
    result, differing = table_run.result, table_run.tally.differing
    verdict = "not proven" if result.unsound else f"{differing} differ" if differing else "equal"
    only = [f"only rows where {result.restricted}"] if result.restricted else []
    reasons = "; ".join([verdict, *only, *result.unsound])
    return f"{table_run.plan.label}: {result.source_rows:,} rows, {reasons}, {result.seconds:.2f} s"
