"""Runs the checks beyond the rows: sequences, totals, rules in SQL, spot checks, structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

import psycopg

from integrations.parity.beyond_rows.object_reader import ObjectsOfSide, read_objects
from integrations.parity.beyond_rows.object_registry import judged_kinds
from integrations.parity.beyond_rows.sequences import find_sequences_behind
from integrations.parity.beyond_rows.spot_checks import compare_spot_check, query_spot_check
from integrations.parity.beyond_rows.sql_rules import compare_sql_rule, query_sql_rule
from integrations.parity.beyond_rows.structure import compare_structure, list_failures, list_uncompared
from integrations.parity.beyond_rows.totals import compare_total, query_total
from integrations.parity.engine.fingerprint import Fingerprint
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import TablePlan
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server.catalog import CatalogTable, read_tables
from integrations.parity.server.server_errors import notes_of, safe_message
from integrations.parity.server.snapshot import Snapshot, query_both_snapshots
from integrations.parity.server.table_changes import find_rewritten_tables

Tables = Mapping[tuple[str, str], CatalogTable]
NOT_IN_FINGERPRINT = "the fingerprint was taken without this; give the restored backup to the comparison"


class DatabaseChecks:
    """Checks both sides; without a source, compares with what the fingerprint (``before``) contains."""

    def __init__(
        self,
        source: Snapshot | None,
        target: Snapshot,
        before: Fingerprint | None,
        options: ComparisonOptions,
        declared: DeclaredRules,
    ) -> None:
        self.source, self.target, self.before = source, target, before
        self.options, self.declared = options, declared

    def run(self, result: ComparisonResult, plans: Sequence[TablePlan], tables: Tables) -> None:
        """Adds all findings to the result; ``tables`` are those of the target.

        A question that fails is a line of the result and costs no other answer: a migration may hold a lock,
        or have dropped what the snapshot still lists.
        """
        by_label = {plan.label: plan for plan in plans}
        questions: dict[str, Callable[[], None]] = {
            "the sequences": lambda: self._find_sequences(result),
            "the totals": lambda: self._compare_totals(result, tables),
            "the rules in SQL": lambda: self._compare_sql_rules(result),
            "the spot checks": lambda: self._compare_spot_checks(result, by_label),
            "the structure": lambda: self._compare_structure(result),
            "which tables were rewritten meanwhile": lambda: self._add_rewritten(result, plans),
        }
        for what, ask in questions.items():
            try:
                with ExitStack() as savepoints:
                    for snapshot in filter(None, (self.source, self.target)):
                        savepoints.enter_context(snapshot.savepoint())
                    ask()
            except psycopg.Error as error:
                reason = ". ".join([safe_message(error), *notes_of(error)])
                result.unsound.append(f"{what} could not be compared: {reason}")

    def _find_sequences(self, result: ComparisonResult) -> None:
        behind = find_sequences_behind(self.target, self.options.schemas)
        result.sequences = [vars(sequence) for sequence in behind]

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

    def _compare_totals(self, result: ComparisonResult, tables: Tables) -> None:
        source_tables: Tables = {}
        if self.source and self.options.totals:
            source_tables = read_tables(self.source, self.options.schemas)
        for total in self.options.totals:
            after = query_total(self.target, tables.values(), total)
            if self.before and total.name in self.before.totals:
                before = self.before.totals[total.name]
            elif self.source:
                before = query_total(self.source, source_tables.values(), total)
            else:
                before = NOT_IN_FINGERPRINT
            result.totals.append(compare_total(total, before, after, self.declared))

    def _compare_sql_rules(self, result: ComparisonResult) -> None:
        """The rules of the fingerprint, and those of the options."""
        kept = {rule: self.before.answers[rule.name] for rule in self.before.checks} if self.before else {}
        for rule in dict.fromkeys((*kept, *self.options.checks)):
            if rule in kept:
                before = kept[rule]
            elif self.source:
                before = query_sql_rule(self.source, rule)
            else:
                before = NOT_IN_FINGERPRINT
            result.checks.append(compare_sql_rule(rule, before, query_sql_rule(self.target, rule)))

    def _compare_spot_checks(self, result: ComparisonResult, plans: Mapping[str, TablePlan]) -> None:
        for spot in self.options.spots:
            plan = plans.get(spot.table)
            before = (
                query_spot_check(self.source, "source", plan, spot) if self.source else NOT_IN_FINGERPRINT
            )
            after = query_spot_check(self.target, "target", plan, spot)
            result.spots.append(compare_spot_check(spot, before, after))

    def _compare_structure(self, result: ComparisonResult) -> None:
        """Compares with the objects in the fingerprint, or with those of the source now."""
        before, after = self._read_objects()
        asked = self.options.structure != "off"
        result.uncompared = list_uncompared(before, after, self.declared, asked=asked)
        if not asked:
            return
        result.unsound += list_failures(before, after, self.declared)
        if not before.found:
            result.unsound.append("the objects beside the rows could not be compared: " + NOT_IN_FINGERPRINT)
        result.structure = compare_structure(before, after, self.declared, self.options.announced)
        result.structure_judged = self.options.structure == "judged"
        result.judged_kinds = sorted(judged_kinds(self.options.structure, self.options.judge))

    def _read_objects(self) -> tuple[ObjectsOfSide, ObjectsOfSide]:
        read = partial(read_objects, schemas=self.options.schemas)
        if self.source and not (self.before and self.before.objects.found):
            return query_both_snapshots(self.source, self.target, read)
        assert self.before is not None
        return self.before.objects, read(self.target)
