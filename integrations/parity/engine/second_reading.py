"""Reads differing rows again after a while: on a live system, “not yet” is not “wrong”."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from integrations.parity.engine.differences import DifferenceTally, tally_rows
from integrations.parity.engine.result_builder import ResultBuilder
from integrations.parity.engine.table_comparison import TableComparison, TableRun
from integrations.parity.server.same_database import refuse_same_database
from integrations.parity.sql.keys import RowKey
from integrations.parity.sql.queries import RowHashes, query_both

HashesByKey = Mapping[RowKey, Counter[RowHashes]]

SLEEP_SECONDS = 0.2  # between two calls of the function that cancels a comparison


class SecondReading:
    """Replaces what the first reading of a table found; its rows are read in new snapshots."""

    def __init__(self, table_comparison: TableComparison, result_builder: ResultBuilder) -> None:
        self.table_comparison, self.result_builder = table_comparison, result_builder
        self.options, self.observer = table_comparison.options, table_comparison.observer

    def run(self, runs: Sequence[TableRun]) -> None:
        """Waits, then reads the rows that differ again, where the options ask for it."""
        again = [one for one in runs if one.tally.keys and one.source and one.target]
        if not again or not self.options.settle:
            return
        self.observer.on_log(f"Reading the rows that differ again in {self.options.settle:g} s.")
        until = time.monotonic() + self.options.settle
        while (left := until - time.monotonic()) > 0:
            self.observer.check_cancelled()
            time.sleep(min(left, SLEEP_SECONDS))
        source, target = self.table_comparison.source, self.table_comparison.target
        for snapshot in filter(None, (source, target)):
            snapshot.renew()
        if source:
            refuse_same_database(source, target)
        for table_run in again:
            self._read_again(table_run)
            self.result_builder.finish(table_run)
            self.observer.on_table_finished(table_run.result)

    def _read_again(self, table_run: TableRun) -> None:
        table_run.asked_again = True
        if table_run.tally.overflow:
            note = "too many rows differ to read them again: these are of the first reading"
            table_run.result.notes.append(note)
            return
        assert table_run.source is not None
        assert table_run.target is not None
        keys = table_run.tally.keys
        with self.result_builder.note_failure(table_run, "the rows that differ could not be read again"):
            before, after = query_both(
                table_run.source, table_run.target, lambda side: side.read_hashes_at(keys)
            )
            self._replace_tally(table_run, before, after)

    def _replace_tally(self, table_run: TableRun, before: HashesByKey, after: HashesByKey) -> None:
        old = table_run.tally
        now = DifferenceTally(new_rows=old.new_rows, rules=old.rules)
        extra_declared = self.table_comparison.extra_declared(table_run.plan)
        for key in old.keys:
            tally_rows(table_run.plan, key, before[key], after[key], now, extra_declared)
        table_run.result.settled = max(0, old.differing - now.differing)
        table_run.tally = now
