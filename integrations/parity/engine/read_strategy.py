"""The ways to get the bucket sums of both sides of a live table."""

from __future__ import annotations

from typing import Protocol

from integrations.parity.engine.kept_ranges import RangeStore
from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.reader import LimitExceeded, SumReader
from integrations.parity.engine.renewal import RenewedReading, can_be_renewed
from integrations.parity.engine.row_history import why_never_kept
from integrations.parity.model.buckets import BucketScheme, choose_bucket_scheme
from integrations.parity.model.plan import TablePlan
from integrations.parity.model.sums import BucketSums
from integrations.parity.result import TableResult
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.queries import SideQueries


class ReadStrategy(Protocol):
    """How tables are read: into which buckets, and where their sums come from."""

    def choose_buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> BucketScheme:
        """How the rows of a table of so many pages fall into buckets, the same on both sides."""

    def read_sums(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter, result: TableResult
    ) -> tuple[BucketSums, BucketSums]:
        """The sums of both sides; may note in the result how they were read."""

    def find_finished(self, plan: TablePlan) -> TableResult | None:
        """The result of a table that an earlier run has compared; it is not read again."""

    def record(self, plan: TablePlan, result: TableResult) -> None:
        """Keeps the result of a table that was just compared."""


class FullPass:
    """Reads every row."""

    def __init__(self, reader: SumReader) -> None:
        self.reader, self.ranges = reader, RangeStore()

    def choose_buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> BucketScheme:
        """See `ReadStrategy`: those of the ranges that were read, where there are some."""
        if can_be_renewed(self.reader, plan) and (kept := self.ranges.find(plan)):
            return kept.buckets
        return choose_bucket_scheme(source, plan, pages)

    def read_sums(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter, result: TableResult
    ) -> tuple[BucketSums, BucketSums]:
        """See `ReadStrategy`."""
        if not can_be_renewed(self.reader, source.plan):
            return self._read_in_one_snapshot(source, target, meter)
        reading = RenewedReading(self.reader, source, target, meter, self.ranges)
        try:
            return reading.run()
        finally:
            result.notes += reading.notes

    def _read_in_one_snapshot(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter
    ) -> tuple[BucketSums, BucketSums]:
        try:
            return self.reader.read_both(source, target, meter)
        except LimitExceeded as limit:
            if (reason := why_never_kept(source.plan)) and self.reader.options.renew_snapshots:
                raise LimitExceeded(f"{limit}; several snapshots cannot be used: {reason}") from None
            raise

    def find_finished(self, plan: TablePlan) -> TableResult | None:
        """See `ReadStrategy`: there was no earlier run."""
        return None

    def record(self, plan: TablePlan, result: TableResult) -> None:
        """See `ReadStrategy`: nothing is kept."""
