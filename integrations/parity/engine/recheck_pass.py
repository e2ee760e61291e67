"""The way of a recheck: the sums of a kept pass, brought up to date from the versions of the rows."""

from __future__ import annotations

from integrations.parity.engine.kept_pass import KeptPass, KeptTableSums
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.read_strategy import FullPass
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.row_history import files_of, require_state, why_never_kept
from integrations.parity.engine.row_versions import refresh_sums
from integrations.parity.errors import ParityError
from integrations.parity.model.buckets import BucketScheme
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums
from integrations.parity.result import TableResult
from integrations.parity.server.both_sides import query_both_snapshots, run_both
from integrations.parity.server.server_state import read_file_digests
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.queries import SideQueries


class RecheckPass(FullPass):
    """Reads what was written since the kept pass."""

    def __init__(self, reader: SumReader, source: Snapshot, target: Snapshot, kept: KeptPass) -> None:
        super().__init__(reader)
        self.kept = kept
        self._require_valid(source, target)

    def _require_valid(self, source: Snapshot, target: Snapshot) -> None:
        """Raises `ParityError` unless the pass is valid for these snapshots."""
        self.checked_snapshots = source.number, target.number
        self.files = query_both_snapshots(source, target, read_file_digests)
        then = self.kept.source, self.kept.target
        now = query_both_snapshots(source, target, require_state)
        for side, state_then, state_now in zip(("source", "target"), then, now, strict=True):
            if reason := state_then.find_change(state_now):
                raise ParityError(
                    f"The kept pass of {self.kept.taken_at} does not hold for the {side} any more: {reason}.",
                    means="What changed since cannot be told from the versions of its rows.",
                    next="Compare in full, and keep that pass.",
                )

    def choose_buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> BucketScheme:
        """See `ReadStrategy`: those of the kept pass, where it is valid."""
        kept = self.find_kept(plan)
        return super().choose_buckets(plan, source, pages) if isinstance(kept, str) else kept.buckets

    def read_sums(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter, result: TableResult
    ) -> tuple[BucketSums, BucketSums]:
        """See `ReadStrategy`."""
        # After a lost connection another server may answer: a standby that was promoted, a restored one.
        if (source.snapshot.number, target.snapshot.number) != self.checked_snapshots:
            self._require_valid(source.snapshot, target.snapshot)
        kept = self.find_kept(source.plan)
        if isinstance(kept, str):
            result.notes.append(f"read in full: {kept}")
            return super().read_sums(source, target, meter, result)
        result.mode = "recheck"
        meter.begin("source", "target")
        self.reader.pages += sum(meter.pages_by_side.values())
        return run_both(
            source.snapshot,
            lambda: refresh_sums(source, kept.source, self.kept.source.horizon),
            target.snapshot,
            lambda: refresh_sums(target, kept.target, self.kept.target.horizon),
            self.reader.observer.check_cancelled,
        )

    def find_kept(self, plan: TablePlan) -> KeptTableSums | str:
        """The kept sums of a table, or why they cannot be used."""
        kept = self.kept.tables.get((plan.source.schema, plan.source.name))
        if kept is None:
            return why_never_kept(plan) or "the pass did not read it"
        if kept.recipe != plan.recipe:
            return "its columns, or the rules for them, are not those of the pass"
        if kept.files != files_of(self.files, plan):
            return "it was rewritten since the pass, or its columns were altered"
        return kept
