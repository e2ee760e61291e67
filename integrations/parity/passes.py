"""The ways to come by the sums of both sides of a live table."""

from __future__ import annotations

from typing import Protocol

from integrations.parity.buckets import choose_buckets
from integrations.parity.plan import Buckets, TablePlan
from integrations.parity.progress import Meter
from integrations.parity.questions import Questions
from integrations.parity.reading import Reader
from integrations.parity.result import TableResult
from integrations.parity.snapshot import Snapshot
from integrations.parity.sums import Sums


class Method(Protocol):
    """How tables are read: which buckets, and what their sums are."""

    def buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> Buckets:
        """How the rows of a table of so many pages fall into buckets, on both sides."""

    def both(
        self, source: Questions, target: Questions, meter: Meter, result: TableResult
    ) -> tuple[Sums, Sums]:
        """The sums of both sides; may say in the result how it came by them."""


class FullPass:
    """Reads every row."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def buckets(self, plan: TablePlan, source: Snapshot, pages: int) -> Buckets:
        """See `Method`."""
        return choose_buckets(source, plan, pages)

    def both(
        self, source: Questions, target: Questions, meter: Meter, result: TableResult
    ) -> tuple[Sums, Sums]:
        """See `Method`."""
        return self.reader.both(source, target, meter)
