"""Compares two sides: first the bucket sums of each table, then the rows of buckets that differ."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial

import psycopg
from psycopg import sql

from integrations.parity.beyond_rows.objects_of_databases import FOREIGN_TABLES
from integrations.parity.engine.comparison_run import ComparisonRun
from integrations.parity.engine.database_checks import DatabaseChecks
from integrations.parity.engine.differences import DifferenceTally, tally_rows
from integrations.parity.engine.fingerprint import Fingerprint
from integrations.parity.engine.read_strategy import FullPass
from integrations.parity.engine.result_builder import ResultBuilder
from integrations.parity.engine.table_comparison import TableComparison, TableRun
from integrations.parity.errors import ParityError
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import TablePlan, make_plans
from integrations.parity.model.unmatched_rules import find_unmatched_rules, read_shape
from integrations.parity.observer import ComparisonObserver, serialize_calls
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.catalog import CatalogTable, read_foreign_tables, read_tables
from integrations.parity.server.encodings import HASH_PROBE, needs_recoding
from integrations.parity.server.same_database import refuse_same_database
from integrations.parity.server.server_errors import notes_of, safe_message
from integrations.parity.server.sizes import read_table_pages
from integrations.parity.server.snapshot import (
    PostgresServer,
    Snapshot,
    open_snapshots,
    query_both_snapshots,
)
from integrations.parity.server.standby import read_standby
from integrations.parity.sql.keys import RowKey
from integrations.parity.sql.queries import RowHashes, query_both

HashesByKey = Mapping[RowKey, list[RowHashes]]

SLEEP_SECONDS = 0.2  # between two calls of the function that cancels a comparison


def compare_live(
    source: PostgresServer,
    target: PostgresServer,
    options: ComparisonOptions,
    observer: ComparisonObserver | None = None,
) -> ComparisonResult:
    """Compares two live databases; a restored backup is one too.

    Raises `ParityError` when the two cannot be compared at all, `ServerUnreachable` when one is lost.
    """
    with open_snapshots(source, target, options.longest) as (first, second):
        return Comparison(first, second, None, options, observer or ComparisonObserver()).run()


def compare_before(
    before: Fingerprint,
    target: PostgresServer,
    options: ComparisonOptions,
    observer: ComparisonObserver | None = None,
    *,
    backup: PostgresServer | None = None,
) -> ComparisonResult:
    """Compares the fingerprint taken before with the live database after.

    ``backup`` is the restored backup of the state before: with it, the rows that differ are named.
    Raises the same errors as `compare_live`.
    """
    with ExitStack() as stack:
        second = stack.enter_context(Snapshot(target, statement_timeout=options.longest))
        first = None
        if backup:
            first = stack.enter_context(Snapshot(backup, statement_timeout=options.longest))
        return Comparison(first, second, before, options, observer or ComparisonObserver()).run()


class Comparison:
    """One comparison. ``source`` may be None only where there is a fingerprint, ``before``."""

    def __init__(
        self,
        source: Snapshot | None,
        target: Snapshot,
        before: Fingerprint | None,
        options: ComparisonOptions,
        observer: ComparisonObserver,
    ) -> None:
        self.source, self.target, self.before = source, target, before
        self.options, self.observer = options, serialize_calls(observer)
        self.declared = DeclaredRules(options.rules)
        self.kept = {(one.table.schema, one.table.name): one for one in before.tables} if before else {}
        self.table_comparison = TableComparison(
            source, target, self.kept, self.declared, options, self.observer
        )
        self.result_builder = ResultBuilder(self.table_comparison)
        self.comparison_run = ComparisonRun(self.table_comparison, self.result_builder.finish)

    def run(self) -> ComparisonResult:
        """Compares everything; the digest of the result covers all that was found.

        Raises `ParityError` when the comparison fails as a whole.
        """
        try:
            return self._run()
        except psycopg.Error as error:
            raise ParityError(
                " ".join([f"The comparison could not go on: {safe_message(error)}.", *notes_of(error)]),
                next="See to that, then compare again.",
            ) from None

    def _run(self) -> ComparisonResult:
        started = time.monotonic()
        self._require_live_sides_for_sample()
        if self.source:
            refuse_same_database(self.source, self.target)
        recode = self._needs_recoding()
        result = self._empty_result()
        source_tables, target_tables = self._read_tables()
        plans, schema, result.not_compared = make_plans(
            source_tables, target_tables, self.declared, recode=recode
        )
        result.schema = schema.as_facts()
        result.unmatched_rules = self._find_unmatched_rules(source_tables, target_tables)
        known = {table.label for table in target_tables.values()}
        result.unsound += [
            f"there is no view {name} to compare" for name in self.options.views if name not in known
        ]
        with self.table_comparison.reader:
            runs = self.comparison_run.run(plans, self._read_sizes(plans))
        result.tables = [table_run.result for table_run in runs]
        self._check_database(result, runs, target_tables)
        result.unmet_rules = self.declared.unused
        pages, seconds = self.table_comparison.reader.pages, round(time.monotonic() - started, 3)
        result.cost = {"pages_read": pages, "seconds": seconds}
        return result

    def _find_unmatched_rules(
        self,
        source: Mapping[tuple[str, str], CatalogTable],
        target: Mapping[tuple[str, str], CatalogTable],
    ) -> list[str]:
        """Rules and personal columns that name nothing of either side."""
        before = read_shape(source.values(), self.before.objects.found if self.before else None)
        options = self.options
        return find_unmatched_rules(
            before, read_shape(target.values()), options.rules, options.personal, options.harmless
        )

    def _check_database(
        self,
        result: ComparisonResult,
        runs: list[TableRun],
        target_tables: Mapping[tuple[str, str], CatalogTable],
    ) -> None:
        """Everything after the tables; a server lost here leaves a partial result."""
        try:
            result.partial = self.comparison_run.failure
            if not result.partial:
                self._settle(runs)
                checks = DatabaseChecks(self.source, self.target, self.before, self.options, self.declared)
                checks.run(result, [table_run.plan for table_run in runs], target_tables)
                result.finished = self.now()
        except ParityError as lost:
            result.partial = result.partial or f"{lost} The checks beyond the rows were not run."
        result.unsound += [result.partial] if result.partial else []

    def _read_sizes(self, plans: list[TablePlan]) -> dict[str, dict[str, int]]:
        """Label of a table → side → its pages, for each side that is read."""

        def read(snapshot: Snapshot) -> dict[tuple[str, str], int]:
            side = "source" if snapshot is self.source else "target"
            return read_table_pages(snapshot, [plan.table(side) for plan in plans])

        if self.source is None:
            pages = {"target": read(self.target)}
        else:
            both = query_both_snapshots(self.source, self.target, read)
            pages = dict(zip(("source", "target"), both, strict=True))
        return {
            plan.label: {
                side: found.get((plan.table(side).schema, plan.table(side).name), 0)
                for side, found in pages.items()
            }
            for plan in plans
        }

    def _require_live_sides_for_sample(self) -> None:
        reads_all = type(self.table_comparison.strategy) is not FullPass
        if self.options.sample and (self.before or reads_all):
            raise ParityError(
                "A sample is taken of two live databases only.",
                means="A fingerprint or a kept pass has sums of all rows, and none of a part of them.",
                next="Leave the sample out, or compare live with the restored backup.",
            )
        if not 0 <= self.options.sample <= 100:
            raise ParityError(
                f"A sample of {self.options.sample:g} % cannot be taken: say a number up to 100."
            )

    def _needs_recoding(self) -> bool:
        live = [side.fetch_value(HASH_PROBE) for side in (self.source, self.target) if side]
        return needs_recoding(live, self.before.probe if self.before else "")

    def _empty_result(self) -> ComparisonResult:
        live = self.source.server.address if self.source else ""
        source = {"address": self.before.address if self.before else live}
        if self.before:
            source |= {"taken_at": self.before.taken_at, "digest": self.before.digest, "backup": live}
        return ComparisonResult(
            mode="before" if self.before else "sample" if self.options.sample else "live",
            source=source,
            target={"address": self.target.server.address},
            started=self.now(),
            declared=[rule.as_facts() for rule in self.options.rules],
            unsound=[
                f"{name} is a foreign table: its rows are another server's"
                for name in self._list_foreign_tables()
                if not self.declared.find("not_compared", name)
            ]
            + list(self._iterate_standbys()),
        )

    def _list_foreign_tables(self) -> list[str]:
        """Labels of foreign tables of either side."""
        sides = [side for side in (self.source, self.target) if side]
        names = {name for side in sides for name in read_foreign_tables(side, self.options.schemas)}
        kept = self.before.objects.found.get(FOREIGN_TABLES.name, {}) if self.before else {}
        return sorted(names.union(*kept.values()))

    def _iterate_standbys(self) -> Iterator[str]:
        """A standby lacks what it has not replayed: its rows say nothing about those of its primary."""
        for name, side in (("source", self.source), ("target", self.target)):
            if side and (standby := read_standby(side.connection)):
                yield f"the {name} is {standby.description}; compare with the primary"
        if self.before and self.before.standby:
            yield f"the fingerprint was taken from {self.before.standby}"

    def now(self) -> str:
        """The time of the target, ISO 8601."""
        query = sql.SQL('SELECT to_char(clock_timestamp(), \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')')
        return str(self.target.fetch_value(query))

    def _read_tables(
        self,
    ) -> tuple[Mapping[tuple[str, str], CatalogTable], Mapping[tuple[str, str], CatalogTable]]:
        """The tables of source and target; of the source, those of the fingerprint if there is one."""
        read = partial(read_tables, schemas=self.options.schemas, views=self.options.views)
        if self.before:
            return {place: kept.table for place, kept in self.kept.items()}, read(self.target)
        assert self.source is not None
        return query_both_snapshots(self.source, self.target, read)

    def _settle(self, runs: list[TableRun]) -> None:
        """Reads differing rows again after a while: on a live system, “not yet” is not “wrong”."""
        again = [one for one in runs if one.tally.keys and one.source and one.target]
        if not again or not self.options.settle:
            return
        self.observer.on_log(f"Reading the rows that differ again in {self.options.settle:g} s.")
        until = time.monotonic() + self.options.settle
        while (left := until - time.monotonic()) > 0:
            self.observer.check_cancelled()
            time.sleep(min(left, SLEEP_SECONDS))
        for snapshot in filter(None, (self.source, self.target)):
            snapshot.renew()
        if self.source:
            refuse_same_database(self.source, self.target)
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
