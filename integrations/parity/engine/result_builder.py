"""Completes the result of a table: counts, examples, repair SQL, digest, and rows for the observer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import psycopg

from integrations.parity.engine.examples import find_examples
from integrations.parity.engine.table_comparison import TableComparison, TableRun
from integrations.parity.observer import wants_rows
from integrations.parity.report.repair_sql import build_repair
from integrations.parity.result import EXAMPLES, DifferingRow, compute_digest
from integrations.parity.server.server_errors import safe_message

UNNAMED = "not all rows that differ could be named"
ROWS_PER_QUERY = 1000  # rows that differ whose values are read at once


class ResultBuilder:
    """Completes results of the tables of one comparison."""

    def __init__(self, table_comparison: TableComparison) -> None:
        self.table_comparison = table_comparison
        self.source, self.target = table_comparison.source, table_comparison.target
        self.declared, self.options = table_comparison.declared, table_comparison.options
        self.observer = table_comparison.observer

    def finish(self, table_run: TableRun) -> None:
        """Copies counts and examples into the result of a table, and the digest over all of it."""
        tally, result = table_run.tally, table_run.result
        result.changed, result.missing, result.extra = tally.changed, tally.missing, tally.extra
        result.declared_by = {rule: count for rule, count in sorted(tally.rules.items()) if count}
        if tally.new_rows and (rule := self.declared.find("new_rows", table_run.plan.label)):
            result.declared_by[rule.description] = tally.new_rows
        result.declared = sum(result.declared_by.values())
        with self.note_failure(table_run, UNNAMED):
            result.examples = next(self._read_examples(table_run, EXAMPLES), [])
            result.repair = []
            if result.examples:
                result.repair = build_repair(self.target, table_run.plan, result.examples)
        changed = (row for row in result.examples if row.kind == "changed")
        result.by_column = dict(Counter(name for row in changed for name in row.columns))
        findings = replace(result, seconds=0, examples=[], pages=0, notes=[], repair=[]).as_facts()
        result.digest = compute_digest(findings)
        # Rows that will be read again are reported only afterwards: some of them may agree by then.
        if wants_rows(self.observer) and (table_run.asked_again or not self.options.settle):
            self._report_rows(table_run)

    def _report_rows(self, table_run: TableRun) -> None:
        with self.note_failure(table_run, UNNAMED):
            for examples in self._read_examples(table_run, ROWS_PER_QUERY):
                for example in examples:
                    self.observer.on_difference(table_run.plan.label, example)

    @contextmanager
    def note_failure(self, table_run: TableRun, what: str) -> Iterator[None]:
        """A query that fails inside the block leaves the counts as they are; a note says why."""
        try:
            with ExitStack() as savepoints:
                for snapshot in filter(None, (self.source, self.target)):
                    savepoints.enter_context(snapshot.savepoint())
                yield
        except psycopg.Error as error:
            note = f"{what}: {safe_message(error)}"
            table_run.result.notes += [note] if note not in table_run.result.notes else []

    def _read_examples(self, table_run: TableRun, rows: int) -> Iterator[list[DifferingRow]]:
        """The differing rows whose keys are known, with both values, so many at once."""
        if not table_run.source or not table_run.target:
            return
        declared = self.table_comparison.extra_declared(table_run.plan)
        for start in range(0, len(table_run.tally.keys), rows):
            keys = table_run.tally.keys[start : start + rows]
            yield find_examples(table_run.plan, table_run.source, table_run.target, keys, declared, rows)
