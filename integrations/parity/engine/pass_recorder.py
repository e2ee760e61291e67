"""A full pass that is kept while it is made, and that goes on where an earlier one was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from integrations.parity.engine.kept_pass import FinishedTable, KeptPass, KeptTableSums, entry_of
from integrations.parity.engine.kept_ranges import RangeStore
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.read_strategy import FullPass
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.recheck_pass import RecheckPass
from integrations.parity.engine.row_history import files_of, require_state, why_never_kept
from integrations.parity.errors import ParityError
from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import TableResult, compute_digest
from integrations.parity.server.both_sides import query_both_snapshots
from integrations.parity.server.server_state import read_file_digests
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.queries import SideQueries


class PassRecorder(FullPass):
    """Reads every row, and keeps sums and result of each table in a file (``journal``) once it is read.

    ``earlier`` is a pass that was stopped. Its sums are brought up to date where the servers are still those
    of then. Tables that have no such sums, and were equal, are not read again: see ``restored``.
    """

    def __init__(
        self,
        reader: SumReader,
        source: Snapshot,
        target: Snapshot,
        taken_at: str,
        path: Path,
        earlier: KeptPass | None = None,
    ) -> None:
        super().__init__(reader)
        states = query_both_snapshots(source, target, require_state)
        kept = KeptPass(taken_at, *states, compared=digest_of_options(reader.options))
        self.states, self.files = states, query_both_snapshots(source, target, read_file_digests)
        self._files_now = self.files  # those of the snapshots with these numbers
        self._numbers = source.number, target.number
        self.journal, self.taken_at = kept.open_journal(path), taken_at
        self.earlier = earlier
        self.restored: dict[str, str] = {}  # label of a table → when it was read
        self.not_valid = ""  # why the sums of the earlier pass cannot be brought up to date
        self._sums: KeptTableSums | None = None  # of the table that is compared
        self._recheck: RecheckPass | None = None
        self.ranges = RangeStore(self._append, earlier.ranges if earlier else None)
        if earlier:
            _require_same(earlier, kept)
            try:
                self._recheck = RecheckPass(reader, source, target, earlier)
            except ParityError as reason:
                self.not_valid = reason.what

    def choose_buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> BucketScheme:
        """See `ReadStrategy`."""
        if self._recheck and self._has_sums(plan):
            return self._recheck.choose_buckets(plan, source, pages)
        return super().choose_buckets(plan, source, pages)

    def read_sums(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter, result: TableResult
    ) -> tuple[BucketSums, BucketSums]:
        """See `ReadStrategy`."""
        self._sums = None
        if self._recheck and self._has_sums(source.plan):
            before, after = self._recheck.read_sums(source, target, meter, result)
        else:
            before, after = super().read_sums(source, target, meter, result)
        if not why_never_kept(source.plan) and self._holds(source, target):
            files = files_of(self.files, source.plan)
            self._sums = KeptTableSums(source.plan.recipe, source.scheme, files, before, after)
        return before, after

    def _holds(self, source: SideQueries, target: SideQueries) -> bool:
        """Whether sums of these snapshots can be kept with the horizon of the first ones.

        They were taken later, after a lost connection or because the first ones were too old. The horizon is
        then older than it could be, so a recheck reads more than it has to, if the servers are the same.
        """
        numbers = source.snapshot.number, target.snapshot.number
        if numbers != self._numbers:
            now = query_both_snapshots(source.snapshot, target.snapshot, require_state)
            if any(then.find_change(state) for then, state in zip(self.states, now, strict=True)):
                return False
            self._files_now = query_both_snapshots(source.snapshot, target.snapshot, read_file_digests)
            self._numbers = numbers
        return files_of(self._files_now, source.plan) == files_of(self.files, source.plan)

    def _append(self, facts: dict[str, Any]) -> None:
        if not self.journal.lines:
            # Ranges that an earlier run has read and this one may not reach: its file is replaced by ours.
            for line in self.ranges.iterate_lines():
                self.journal.append(line)
        self.journal.append(facts)

    def _has_sums(self, plan: TablePlan) -> bool:
        """Whether the earlier pass has sums of this table that can be brought up to date."""
        return self._recheck is not None and not isinstance(self._recheck.find_kept(plan), str)

    def find_finished(self, plan: TablePlan) -> TableResult | None:
        """See `ReadStrategy`: a table that was equal, and whose sums cannot be brought up to date."""
        place = (plan.source.schema, plan.source.name)
        done = self.earlier.finished.get(place) if self.earlier else None
        if done is None or done.recipe != plan.recipe or not done.result.equal:
            return None
        if self._has_sums(plan):
            return None
        result = done.result
        self.restored[plan.label] = done.read_at
        note = f"not read again: an earlier run found it equal in snapshots of {done.read_at}"
        result.notes = [*(one for one in result.notes if not one.startswith("not read again")), note]
        self._append(entry_of(place, None, done))
        return result

    def record(self, plan: TablePlan, result: TableResult) -> None:
        """See `ReadStrategy`."""
        sums, self._sums = self._sums, None
        if plan.label not in self.restored:
            done = FinishedTable.of(plan.recipe, self.taken_at, result)
            self._append(entry_of((plan.source.schema, plan.source.name), sums, done))

    @property
    def note(self) -> str:
        """That not every table was read in this run's snapshots; empty when all were."""
        if not self.restored:
            return ""
        times = sorted({self.taken_at, *self.restored.values()})
        why = f" ({self.not_valid})" if self.not_valid else ""
        return (
            f"the tables were read in the snapshots of {len(times)} runs between {times[0]} and {times[-1]}:"
            f" {len(self.restored)} of them by an earlier run, and not again{why}. What was written between"
            " these snapshots may have been seen in one table and not in another"
        )


def digest_of_options(options: ComparisonOptions) -> str:
    """What the results of tables depend on, beside how their rows are hashed."""
    rules = [rule.as_facts() for rule in options.rules]
    return compute_digest([rules, options.sample, options.views, [str(one) for one in options.where]])


def _require_same(earlier: KeptPass, now: KeptPass) -> None:
    """Raises `ParityError` when the earlier pass was over other databases, or by other rules."""
    for side in ("source", "target"):
        then, state = getattr(earlier, side), getattr(now, side)
        if (then.system, then.database) != (state.system, state.database):
            raise ParityError(
                f"The kept pass of {earlier.taken_at} is of another {side}: of another server or database.",
                next="Compare in full, and keep that pass.",
            )
    if earlier.compared != now.compared:
        raise ParityError(
            f"The kept pass of {earlier.taken_at} was made by other rules.",
            means="Declared differences, views or conditions are not those of then.",
            next="Go on with the same ones, or compare in full.",
        )
