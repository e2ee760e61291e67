"""Passes on what a comparison tells while it works: to the page, table by table and row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from integrations.actions.base import Report
from integrations.parity.personal import Personal
from integrations.parity.result import Example, TableResult
from integrations.parity.watch import TableProgress, Watch

#: Counts of a table that are told as soon as its result is final; the rest comes with the evidence.
COUNTS = (
    "equal", "differing", "changed", "missing", "extra", "at_least", "declared", "declared_by", "source_rows",
    "target_rows", "settled", "by_column", "partial", "mode",
)  # fmt: skip
REASONS = 5  # of why it could not be compared


class Telling:
    """The engine's mouth. ``personal`` are patterns “table.column” of what is masked for who only watches."""

    def __init__(self, report: Report, personal: Iterable[str] = ()) -> None:
        self.report, self.personal = report, Personal(tuple(personal))
        self.latest: dict[str, TableProgress] = {}
        self.told: set[str] = set()  # tables of which a row was told
        self.over: set[str] = set()  # tables whose result was told

    @property
    def watch(self) -> Watch:
        """To be given to the engine."""
        report = self.report
        return Watch(
            report.progress, report.log, report.raise_if_cancelled, self.table, self.finished, self.difference
        )

    def table(self, progress: TableProgress) -> None:
        """How far a table is."""
        self.latest[progress.table] = progress
        self._part(progress, progress.state, {})

    def finished(self, result: TableResult) -> None:
        """A table's counts, as soon as they are final."""
        self.over.add(result.table)
        progress = self.latest.get(result.table) or TableProgress(
            result.table, "done", rows_done=result.source_rows, seconds=result.seconds
        )
        facts = result.as_facts(examples=0)
        found = {name: facts[name] for name in COUNTS if facts.get(name) not in (None, "", {}, [])}
        found["unsound"] = [str(reason) for reason in result.unsound[:REASONS]]
        state = "failed" if result.unsound and not result.differing else "done"
        self._part(progress, state, found)

    def _part(self, progress: TableProgress, state: str, found: Mapping[str, Any]) -> None:
        self.report.part(
            progress.table, state, pages=progress.pages, pages_done=progress.pages_done,
            rows_done=progress.rows_done, seconds=progress.seconds,
            seconds_left=None if found else progress.seconds_left, found=found,
        )  # fmt: skip

    def difference(self, table: str, row: Example) -> None:
        """A row that differs."""
        self.told.add(table)
        self.report.difference(
            table, row.kind, row.key, row.columns,
            paths=getattr(row, "paths", {}), personal=sorted(self._personal(table, row)),
        )  # fmt: skip

    def _personal(self, table: str, row: Example) -> set[str]:
        mine = {name for name in (*row.key, *row.columns) if self.personal.hides(table, name)}
        return mine | set(getattr(row, "personal", ()))

    def rest(self, tables: Iterable[TableResult]) -> None:
        """What the engine has not told while it worked: results, and examples of tables without rows."""
        for result in tables:
            if result.table not in self.over:
                self.finished(result)
            if result.table not in self.told:
                for row in result.examples:
                    self.difference(result.table, row)
