"""Runs the checks beyond the rows: sequences, totals, rules in SQL, spot checks, structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial

import psycopg

from integrations.parity.beyond_rows.object_reader import ObjectsOfSide, read_objects
from integrations.parity.beyond_rows.object_registry import judged_kinds
from integrations.parity.beyond_rows.selected_objects import list_not_selected, select_objects
from integrations.parity.beyond_rows.sequences import find_sequences_behind
from integrations.parity.beyond_rows.spot_checks import SpotCheck, compare_spot_check, query_spot_check
from integrations.parity.beyond_rows.sql_rules import SqlRule, compare_sql_rule, query_sql_rule
from integrations.parity.beyond_rows.structure import compare_structure, list_failures, list_uncompared
from integrations.parity.beyond_rows.totals import GroupTotal, compare_total, query_total
from integrations.parity.beyond_rows.translated_objects import ObjectNames, translate_objects
from integrations.parity.engine.compared_tables import list_left_out
from integrations.parity.engine.fingerprint import Fingerprint
from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.mapping import NameMapping
from integrations.parity.model.plan import TablePlan
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.both_sides import query_both_snapshots
from integrations.parity.server.catalog import CatalogTable, read_tables
from integrations.parity.server.server_errors import notes_of, safe_message
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.server.table_changes import find_rewritten_tables

Tables = Mapping[tuple[str, str], CatalogTable]
NOT_IN_FINGERPRINT = "the fingerprint was taken without this; give the restored backup to the comparison"


class DatabaseChecks:
    """Checks both sides; without a source, compares with what the fingerprint (``before``) contains.

    ``recover`` takes new snapshots after a connection was lost, and returns why that is not possible.
    """

    def __init__(
        self,
        source: Snapshot | None,
        target: Snapshot,
        before: Fingerprint | None,
        options: ComparisonOptions,
        declared: DeclaredRules,
        recover: Callable[[ServerUnreachable], str],
    ) -> None:
        self.source, self.target, self.before = source, target, before
        self.options, self.declared, self.recover = options, declared, recover

    def run(self, result: ComparisonResult, plans: Sequence[TablePlan], tables: Tables) -> None:
        """Adds all findings to the result; ``tables`` are those of the target.

        A question that fails is a line of the result and costs no other answer: a migration may hold a lock,
        or have dropped what the snapshot still lists, and a server may end the session.
        """
        failure = ""
        left = list(self._list_questions(result, plans, tables))
        while left and not failure:
            what, ask = left.pop(0)
            reason, failure = self._ask_again_if_lost(ask)
            result.unsound += [f"{what} could not be compared: {reason}"] if reason else []
        if left:
            names = ", ".join(name for name, _ in left)
            result.unsound.append(f"{names} could not be compared: {failure}")

    def _ask_again_if_lost(self, ask: Callable[[], None]) -> tuple[str, str]:
        """Asks; after a lost connection once more. Returns why there is no answer, and why there will be
        none to any other question."""
        reason = ""
        for _ in range(2):
            try:
                self._ask(ask)
            except ServerUnreachable as lost:
                reason = str(lost)
                if failure := self.recover(lost):
                    return reason, failure
            except (psycopg.Error, ParityError) as error:
                said = safe_message(error) if isinstance(error, psycopg.Error) else str(error)
                return ". ".join([said, *notes_of(error)]), ""
            else:
                return "", ""
        return reason, ""

    def _ask(self, ask: Callable[[], None]) -> None:
        with ExitStack() as savepoints:
            for snapshot in filter(None, (self.source, self.target)):
                savepoints.enter_context(snapshot.savepoint())
            ask()

    def _list_questions(
        self, result: ComparisonResult, plans: Sequence[TablePlan], tables: Tables
    ) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is asked, in words, and the function that asks it; it adds to the result only at its end."""
        by_label = {plan.label: plan for plan in plans}
        yield "the sequences", lambda: self._find_sequences(result, tables)
        for total in self.options.totals:
            yield f"the total “{total.name}”", partial(self._compare_total, result, tables, total)
        kept = self.before.checks if self.before else ()
        for rule in dict.fromkeys((*kept, *self.options.checks)):
            yield f"the rule “{rule.name}”", partial(self._compare_sql_rule, result, rule)
        for spot in self.options.spots:
            what = f"the spot check of {spot.table}"
            yield what, partial(self._compare_spot_check, result, by_label.get(spot.table), spot)
        yield "the structure", lambda: self._compare_structure(result, tables)
        yield "which tables were rewritten meanwhile", lambda: self._add_rewritten(result, plans)

    def _find_sequences(self, result: ComparisonResult, tables: Tables) -> None:
        schemas = NameMapping.of(self.options.rules).target_schemas(self.options.schemas)
        behind = find_sequences_behind(self.target, schemas)
        left_out = set(list_left_out(tables, self.options.selection))
        result.sequences = [vars(sequence) for sequence in behind if sequence.table not in left_out]

    def _add_rewritten(self, result: ComparisonResult, plans: Sequence[TablePlan]) -> None:
        result.unsound += self._list_rewritten(plans)

    def _list_rewritten(self, plans: Sequence[TablePlan]) -> Iterator[str]:
        """Tables that are empty for the checks, and were not when they were compared."""
        for side, snapshot in (("source", self.source), ("target", self.target)):
            found = find_rewritten_tables(snapshot, [plan.table(side) for plan in plans]) if snapshot else ()
            for label in found:
                yield (
                    f"{label} was rewritten or truncated in the {side} after it was compared, so what"
                    " sequences, totals and rules say about it proves nothing; compare again"
                )

    @cached_property
    def _source_tables(self) -> Tables:
        return read_tables(self.source, self.options.schemas) if self.source else {}

    def _compare_total(self, result: ComparisonResult, tables: Tables, total: GroupTotal) -> None:
        after = query_total(self.target, tables.values(), total)
        if self.before and total.name in self.before.totals:
            before = self.before.totals[total.name]
        elif self.source:
            before = query_total(self.source, self._source_tables.values(), total)
        else:
            before = NOT_IN_FINGERPRINT
        result.totals.append(compare_total(total, before, after, self.declared))

    def _compare_sql_rule(self, result: ComparisonResult, rule: SqlRule) -> None:
        """A rule of the fingerprint has its answer of then."""
        if self.before and rule in self.before.checks:
            before = self.before.answers[rule.name]
        elif self.source:
            before = query_sql_rule(self.source, rule)
        else:
            before = NOT_IN_FINGERPRINT
        result.checks.append(compare_sql_rule(rule, before, query_sql_rule(self.target, rule)))

    def _compare_spot_check(self, result: ComparisonResult, plan: TablePlan | None, spot: SpotCheck) -> None:
        before = query_spot_check(self.source, "source", plan, spot) if self.source else NOT_IN_FINGERPRINT
        after = query_spot_check(self.target, "target", plan, spot)
        result.spots.append(compare_spot_check(spot, before, after))

    def _compare_structure(self, result: ComparisonResult, tables: Tables) -> None:
        """Compares with the objects in the fingerprint, or with those of the source now."""
        selection = self.options.selection
        (before, others_before), (after, others_after) = (
            select_objects(side, selection) for side in self._read_objects(tables)
        )
        asked = self.options.structure != "off"
        result.uncompared = list_uncompared(before, after, self.declared, asked=asked)
        result.uncompared += list_not_selected(others_before, others_after)
        if not asked:
            return
        result.unsound += list_failures(before, after, self.declared)
        if not before.found:
            result.unsound.append("the objects beside the rows could not be compared: " + NOT_IN_FINGERPRINT)
        result.structure = compare_structure(before, after, self.declared, self.options.announced)
        result.structure_judged = self.options.structure == "judged"
        result.judged_kinds = sorted(judged_kinds(self.options.structure, self.options.judge))

    def _read_objects(self, tables: Tables) -> tuple[ObjectsOfSide, ObjectsOfSide]:
        mapping, schemas = NameMapping.of(self.options.rules), self.options.schemas

        def read(snapshot: Snapshot) -> ObjectsOfSide:
            is_target = snapshot is self.target
            return read_objects(snapshot, mapping.target_schemas(schemas) if is_target else schemas)

        if self.source and not (self.before and self.before.objects.found):
            before, after = query_both_snapshots(self.source, self.target, read)
        else:
            assert self.before is not None
            before, after = self.before.objects, read(self.target)
        if not mapping.rules:
            return before, after
        return before, translate_objects(after, before, ObjectNames.of(mapping, tables.values()))
