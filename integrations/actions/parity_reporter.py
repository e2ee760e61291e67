"""Passes the progress and the findings of a running comparison to the report, table by table."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from integrations import actions
from integrations.clients.watched_connection import LockWatch
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.result import DifferingRow, TableResult

#: Counts of a table that are reported as soon as its result is final. The rest is in the evidence.
COUNTS = (
    "equal",
    "differing",
    "changed",
    "missing",
    "extra",
    "at_least",
    "declared",
    "declared_by",
    "source_rows",
    "target_rows",
    "settled",
    "by_column",
    "partial",
    "mode",
)
REASONS_KEPT = 5  # per table, of why it could not be compared soundly


class ComparisonReporter:
    """Receives the engine's callbacks.

    ``personal`` are patterns ``table.column`` of columns whose values stakeholders see masked. ``watches``
    look who holds the locks that the engine's threads wait for.
    """

    def __init__(
        self, report: actions.Report, personal: Iterable[str] = (), watches: Iterable[LockWatch] = ()
    ) -> None:
        self.watches = list(watches)
        self.report, self.personal = report, PersonalColumns(tuple(personal))
        self.progress: dict[str, ReadProgress] = {}
        self.tables_with_rows: set[str] = set()  # tables of which a differing row was reported
        self.finished_tables: set[str] = set()

    @property
    def observer(self) -> ComparisonObserver:
        """The callbacks for the engine."""
        report = self.report
        return ComparisonObserver(
            report.progress,
            report.log,
            self.raise_if_cancelled,
            self.report_progress,
            self.report_result,
            self.report_difference,
        )

    def raise_if_cancelled(self) -> None:
        """Raises when it is time to stop; the main thread, which waits for the others, also looks why they
        wait."""
        self.report.raise_if_cancelled()
        if threading.current_thread() is threading.main_thread():
            for watch in self.watches:
                watch.poll()

    def close(self) -> None:
        """Ends the sessions that look."""
        for watch in self.watches:
            watch.close()

    def report_progress(self, progress: ReadProgress) -> None:
        """Shows how far the comparison of one table is."""
        self.progress[progress.table] = progress
        self._report_part(progress, progress.state, {})

    def report_result(self, result: TableResult) -> None:
        """Shows the counts of a table as soon as they are final."""
        self.finished_tables.add(result.table)
        progress = self.progress.get(result.table) or ReadProgress(
            result.table, "done", rows_done=result.source_rows, seconds=result.seconds
        )
        facts = result.as_facts(examples=0)
        found = {name: facts[name] for name in COUNTS if facts.get(name) not in (None, "", {}, [])}
        found["unsound"] = [str(reason) for reason in result.unsound[:REASONS_KEPT]]
        state = "failed" if result.unsound and not result.differing else "done"
        self._report_part(progress, state, found)

    def _report_part(self, progress: ReadProgress, state: str, found: Mapping[str, Any]) -> None:
        self.report.table_progress(
            progress.table,
            state,
            pages=progress.pages,
            pages_done=progress.pages_done,
            rows_done=progress.rows_done,
            seconds=progress.seconds,
            seconds_left=None if found else progress.seconds_left,
            found=found,
        )

    def report_difference(self, table: str, row: DifferingRow) -> None:
        """Keeps a row that differs."""
        self.tables_with_rows.add(table)
        self.report.row_difference(
            table,
            row.kind,
            row.key,
            row.columns,
            paths=getattr(row, "paths", {}),
            personal=sorted(self._personal_columns(table, row)),
        )

    def _personal_columns(self, table: str, row: DifferingRow) -> set[str]:
        matching = {name for name in (*row.key, *row.columns) if self.personal.hides(table, name)}
        return matching | set(getattr(row, "personal", ()))

    def report_remaining(self, tables: Iterable[TableResult]) -> None:
        """Reports what the engine did not report while it worked: results of tables, and example rows."""
        for result in tables:
            if result.table not in self.finished_tables:
                self.report_result(result)
            if result.table not in self.tables_with_rows:
                for row in result.examples:
                    self.report_difference(result.table, row)
