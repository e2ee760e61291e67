"""Compares a database of another kind (MariaDB, MySQL, SQLite) with a target, which is PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

import psycopg
from psycopg import sql

from integrations.parity.beyond_rows.sequences import find_sequences_behind
from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.unmatched_rules import find_unmatched_rules, read_shape
from integrations.parity.observer import ComparisonObserver, ReadProgress, serialize_calls
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult, compute_digest
from integrations.parity.server.catalog import CatalogTable, read_tables
from integrations.parity.server.server_errors import notes_of, safe_message
from integrations.parity.server.snapshot import PostgresServer, Snapshot
from integrations.parity.server.standby import read_standby
from integrations.parity.server.table_changes import TableChanged, find_rewritten_tables, require_unchanged
from integrations.parity.sources.beside_rows import (
    SEQUENCE_VALUES,
    compare_next_numbers,
    count_beside_rows,
)
from integrations.parity.sources.mariadb_session import SourceChanged
from integrations.parity.sources.source_database import SourceDatabase, open_source
from integrations.parity.sources.source_options import refuse_options, require_names, shape_of_source
from integrations.parity.sources.source_tables import MatchedTable, SourceTable
from integrations.parity.sources.table_diff import TableDiff
from integrations.parity.sources.table_matching import KNOWN_RULES, Matching, match_tables
from integrations.parity.sources.target_reader import TargetReader


def compare_source(
    url: str,
    target: PostgresServer,
    options: ComparisonOptions,
    observer: ComparisonObserver | None = None,
) -> ComparisonResult:
    """Compares a source of another kind, by its URL, with a live PostgreSQL database.

    Raises `ParityError` when the two cannot be compared at all, `ServerUnreachable` when one is lost.
    """
    refuse_options(options)
    source = open_source(url, options.longest)
    with ExitStack() as stack:
        second = stack.enter_context(Snapshot(target, statement_timeout=options.longest))
        stack.enter_context(source)
        return SourceComparison(source, second, options, observer or ComparisonObserver()).run()


class SourceComparison:
    """One comparison of a source of another kind with a snapshot of the target."""

    def __init__(
        self,
        source: SourceDatabase,
        target: Snapshot,
        options: ComparisonOptions,
        observer: ComparisonObserver,
    ) -> None:
        self.source, self.target, self.options = source, target, options
        self.observer = serialize_calls(observer)
        self.declared = DeclaredRules(options.rules)

    def run(self) -> ComparisonResult:
        """Compares everything; a server that is lost leaves what was found until then."""
        started = monotonic()
        self._require_utf8()
        result = self._empty_result()
        sources = self.source.read_tables(self._views())
        targets = read_tables(self.target, self.options.schemas, self.options.views)
        places = self.options.schemas or ("public", self.source.name)
        matching = match_tables(
            sources, targets, places, self.declared, self.source.match_column, self.options.selection
        )
        require_names(shape_of_source(sources, matching), list(targets.values()), self.options)
        result.schema, result.not_compared = matching.schema.as_facts(), matching.excluded
        result.unmatched_rules = self._find_unmatched(sources, matching, list(targets.values()))
        result.unsound += [*self._refused_rules(), *self._missing_views(matching)]
        try:
            self._compare_tables(matching.tables, result)
            self._compare_beside_rows(matching.tables, result)
        except ServerUnreachable as lost:
            result.partial = f"{lost} What came after that was not compared."
            result.unsound.append(result.partial)
        result.unmet_rules = self.declared.unused
        result.finished = _now()
        result.cost = {"pages_read": 0, "seconds": round(monotonic() - started, 3)}
        return result

    def _require_utf8(self) -> None:
        encoding = self.target.fetch_value(sql.SQL("SELECT pg_catalog.current_setting('server_encoding')"))
        if encoding != "UTF8":
            raise ParityError(
                f"The target stores its texts in {encoding}, and a source of another kind is hashed"
                " as UTF-8.",
                next="Compare with a database of encoding UTF8.",
            )

    def _empty_result(self) -> ComparisonResult:
        cautions = [self.source.find_standby()]
        if standby := read_standby(self.target.connection):
            cautions.append(f"the target is {standby.description}; compare with the primary")
        return ComparisonResult(
            mode="live",
            source={"address": self.source.address, "engine": self.source.engine},
            target={"address": self.target.server.address},
            started=_now(),
            declared=[rule.as_facts() for rule in self.options.rules],
            selection=self.options.selection.description,
            unsound=[f"the source is {text}" if text == cautions[0] else text for text in cautions if text],
        )

    def _views(self) -> list[str]:
        return [label.rpartition(".")[2].strip('"') for label in self.options.views]

    def _missing_views(self, matching: Matching) -> list[str]:
        known = {match.label for match in matching.tables}
        return [f"there is no view {name} to compare" for name in self.options.views if name not in known]

    def _refused_rules(self) -> list[str]:
        return [
            f"the rule “{rule.description}” ({rule.kind}) is not known for a source that is no PostgreSQL"
            for rule in self.options.rules
            if rule.kind not in KNOWN_RULES
        ]

    def _find_unmatched(
        self, sources: Sequence[SourceTable], matching: Matching, targets: Sequence[CatalogTable]
    ) -> list[str]:
        before = shape_of_source(sources, matching)
        options = self.options
        return find_unmatched_rules(
            before, read_shape(targets), options.rules, options.personal, options.harmless
        )

    def _compare_tables(self, matches: Sequence[MatchedTable], result: ComparisonResult) -> None:
        for number, match in enumerate(matches):
            self.observer.check_cancelled()
            self.observer.on_progress(number, len(matches), match.label)
            if self.options.snapshot_age and self.source.age > self.options.snapshot_age:
                self.source.renew()
                self.target.renew()
                self.observer.on_log(f"New snapshots were taken before {match.label}.")
            table = self._compare_table(match)
            result.tables.append(table)
            self.observer.on_table_finished(table)
        self.observer.on_progress(len(matches), len(matches), "")

    def _compare_table(self, match: MatchedTable) -> TableResult:
        notes = [note for note in (self.source.caution, *match.notes) if note]
        table = TableResult(match.label, unsound=list(match.unsound), notes=notes, key=list(match.key))
        table.not_compared = list(match.excluded)
        if not match.key:
            table.notes.append("no key is compared: a changed row is one that is missing, and one extra")
        started = monotonic()
        self.observer.on_table(ReadProgress(match.label, "reading"))
        if match.columns:
            self._try(table, lambda: self._diff(match, table))
        table.seconds = round(monotonic() - started, 3)
        changed = (row for row in table.examples if row.kind == "changed")
        for name in (name for row in changed for name in row.columns):
            table.by_column[name] = table.by_column.get(name, 0) + 1
        findings = replace(table, seconds=0, examples=[], notes=[]).as_facts()
        table.digest = compute_digest(findings)
        state = "failed" if len(table.unsound) > len(match.unsound) else "done"
        self.observer.on_table(ReadProgress(match.label, state, rows_done=table.source_rows))
        return table

    def _try(self, table: TableResult, compare: Callable[[], None]) -> None:
        """What cannot be read costs this table alone."""
        try:
            compare()
        except (SourceChanged, TableChanged) as error:
            table.unsound.append(str(error))
        except psycopg.Error as error:
            table.unsound.append(". ".join([safe_message(error), *notes_of(error)]))

    def _diff(self, match: MatchedTable, table: TableResult) -> None:
        with self.source.savepoint(), self.target.savepoint():
            diff = TableDiff(
                match,
                self.source.reader(match),
                TargetReader(self.target, match),
                self.options.keep,
                self.observer.check_cancelled,
                self._cancel,
            )
            diff.on_row = lambda row: self._tell(match, row)
            diff.run(table)
            self.source.require_same(match.source)
            require_unchanged(self.target, match.target, [column.target.name for column in match.columns])

    def _tell(self, match: MatchedTable, row: DifferingRow) -> None:
        self.observer.on_difference(match.label, row)

    def _cancel(self) -> None:
        self.source.cancel()
        self.target.cancel()

    def _compare_beside_rows(self, matches: Sequence[MatchedTable], result: ComparisonResult) -> None:
        result.judged_kinds = [SEQUENCE_VALUES]

        def next_numbers() -> None:
            numbers = self.source.read_next_numbers()
            result.structure[SEQUENCE_VALUES] = compare_next_numbers(numbers, matches, self.target)

        def own_sequences() -> None:
            behind = find_sequences_behind(self.target, self.options.schemas)
            result.sequences = [vars(sequence) for sequence in behind]

        def others() -> None:
            counts = self.source.count_objects()
            result.uncompared = count_beside_rows(counts, self.target, self.options.schemas)

        def rewritten() -> None:
            for label in find_rewritten_tables(self.target, [match.target for match in matches]):
                result.unsound.append(f"{label} was rewritten in the target after it was compared")

        questions: dict[str, Callable[[], None]] = {
            "the next numbers": next_numbers,
            "the sequences": own_sequences,
            "the objects beside the rows": others,
            "which tables were rewritten meanwhile": rewritten,
        }
        for what, ask in questions.items():
            try:
                with self.target.savepoint():
                    ask()
            except psycopg.Error as error:
                reason = ". ".join([safe_message(error), *notes_of(error)])
                result.unsound.append(f"{what} could not be compared: {reason}")
            except SourceChanged as error:
                result.unsound.append(f"{what} could not be compared: {error}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
