"""The ways to get the bucket sums of both sides of a live table."""

from __future__ import annotations

from typing import Protocol

from integrations.parity.engine.progress import ProgressMeter
from integrations.parity.engine.reader import SumReader
from integrations.parity.engine.renewal import RenewedReading, can_be_renewed
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
        self.reader = reader

    def choose_buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> BucketScheme:
        """See `ReadStrategy`."""
        return choose_bucket_scheme(source, plan, pages)

    def read_sums(
        self, source: SideQueries, target: SideQueries, meter: ProgressMeter, result: TableResult
    ) -> tuple[BucketSums, BucketSums]:
        """See `ReadStrategy`."""
        if not can_be_renewed(self.reader, source.plan):
            return self.reader.read_both(source, target, meter)
        reading = RenewedReading(self.reader, source, target, meter)
        sums = reading.run()
        result.notes += [reading.note] if reading.note else []
        return sums

    def find_finished(self, plan: TablePlan) -> TableResult | None:
        """See `ReadStrategy`: there was no earlier run."""
        return None

    def record(self, plan: TablePlan, result: TableResult) -> None:
        """See `ReadStrategy`: nothing is kept."""
