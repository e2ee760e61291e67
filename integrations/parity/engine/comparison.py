"""Compares two sides: first the bucket sums of each table, then the rows of buckets that differ."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress

import psycopg
from psycopg import sql

from integrations.parity.engine.compared_tables import read_compared_tables
from integrations.parity.engine.comparison_run import ComparisonRun
from integrations.parity.engine.database_checks import DatabaseChecks
from integrations.parity.engine.fingerprint import Fingerprint
from integrations.parity.engine.foreign_tables import (
    ForeignTables,
    foreign_tables_of,
    note_children,
    split_foreign_tables,
)
from integrations.parity.engine.read_strategy import FullPass
from integrations.parity.engine.result_builder import ResultBuilder
from integrations.parity.engine.second_reading import SecondReading
from integrations.parity.engine.table_comparison import TableComparison, TableRun
from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import TablePlan, make_plans
from integrations.parity.model.unmatched_rules import find_unmatched_rules, read_shape
from integrations.parity.observer import ComparisonObserver, serialize_calls
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.both_sides import open_snapshots, query_both_snapshots
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.encodings import HASH_PROBE, needs_recoding
from integrations.parity.server.foreign_tables import read_foreign_tables
from integrations.parity.server.same_database import refuse_same_database
from integrations.parity.server.server_errors import notes_of, safe_message
from integrations.parity.server.sizes import read_table_pages
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from integrations.parity.server.standby import read_standby


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
            source_tables, target_tables, self.declared, recode=recode, selection=self.options.selection
        )
        if self.options.fail_fast and schema.undeclared:
            self.comparison_run.failure = f"--fail-fast ends at {schema.undeclared[0]}"
        result.schema = schema.as_facts()
        self._add_foreign_tables(result, source_tables.values(), target_tables.values())
        result.notes += note_children(schema, [*source_tables.values(), *target_tables.values()])
        result.unmatched_rules = self._find_unmatched_rules(source_tables, target_tables)
        known = {table.label for table in target_tables.values()}
        result.unsound += [
            f"there is no view {name} to compare" for name in self.options.views if name not in known
        ]
        with self.table_comparison.reader:
            runs = self.comparison_run.run(plans, self._read_sizes(plans))
        result.tables = [table_run.result for table_run in runs]
        self._check_database(result, runs, target_tables)
        if (taken := self.target.number) > 1:
            result.notes.append(
                f"{taken} snapshots of each side were taken one after the other: see the tables"
            )
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
        """Everything after the tables; a server that is lost here for good leaves a partial result."""
        run = self.comparison_run
        if not (failure := run.failure):
            failure = self._settle_or_say_why_not(result, runs)
        if not failure:
            checks = DatabaseChecks(
                self.source, self.target, self.before, self.options, self.declared, run.recover
            )
            note = run.note
            checks.run(result, [table_run.plan for table_run in runs], target_tables)
            result.notes += [f"of what was asked beside the rows, a part was {run.note}"] * (run.note != note)
            failure = run.failure
        if failure:
            result.partial = failure
            result.unsound += [failure] if failure not in str(result.unsound) else []
        else:
            self._note_end(result)

    def _note_end(self, result: ComparisonResult) -> None:
        """The time of the end; a server that is lost now costs no finding."""
        try:
            result.finished = self.now()
        except ServerUnreachable as lost:
            if not self.comparison_run.recover(lost):
                with suppress(ServerUnreachable):
                    result.finished = self.now()

    def _settle_or_say_why_not(self, result: ComparisonResult, runs: list[TableRun]) -> str:
        """Returns why nothing more can be compared."""
        try:
            SecondReading(self.table_comparison, self.result_builder).run(runs)
        except ParityError as error:
            result.unsound.append(f"the rows that differ could not be read again: {error}")
            return self.comparison_run.recover(error) if isinstance(error, ServerUnreachable) else str(error)
        return ""

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
            selection=self.options.selection.description,
            declared=[rule.as_facts() for rule in self.options.rules],
            unsound=list(self._iterate_standbys()),
        )

    def _add_foreign_tables(
        self, result: ComparisonResult, source: Iterable[CatalogTable], target: Iterable[CatalogTable]
    ) -> None:
        """Foreign tables of either side: their rows count where another table holds them, too."""
        live = read_foreign_tables(self.target, self.options.schemas)
        sides: list[tuple[ForeignTables, Iterable[CatalogTable]]] = [(live, target)]
        if self.before:
            sides.append((foreign_tables_of(self.before.objects), source))
        elif self.source:
            sides.append((read_foreign_tables(self.source, self.options.schemas), source))
        unread, read = set[str](), dict[str, str]()
        for foreign, tables in sides:
            names, through = split_foreign_tables(foreign, tables)
            unread |= set(names)
            read |= through
        result.unsound += [
            f"{name} is a foreign table: its rows are another server's"
            for name in sorted(unread)
            if not self.declared.find("not_compared", name) and self.options.selection.selects(name)
        ]
        result.notes += [
            f"{name} is a foreign table: its rows were read through {table}, as its server shows them, and in"
            " a snapshot of that server"
            for name, table in sorted(read.items())
            if name not in unread
        ]

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
        kept = {place: kept.table for place, kept in self.kept.items()} if self.before else None
        return read_compared_tables(self.source, self.target, kept, self.options)
