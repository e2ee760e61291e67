"""What is compared beside the rows: sequences, totals, rules in SQL, spot checks, structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from integrations.parity.baseline import Fingerprint
from integrations.parity.checks import ask_check, compare_check
from integrations.parity.declared import Declared
from integrations.parity.options import Options
from integrations.parity.plan import TablePlan
from integrations.parity.result import Result
from integrations.parity.sequences import sequences_behind
from integrations.parity.snapshot import Snapshot, of_each
from integrations.parity.spots import ask_spot, compare_spot
from integrations.parity.structure import compare_structure, read_structure
from integrations.parity.tables import Table, read_tables
from integrations.parity.totals import ask_total, compare_total

Tables = Mapping[tuple[str, str], Table]
NOT_THEN = "the fingerprint was taken without this; give the restored backup to the comparison"


class Beside:
    """Asks both sides; where there is only a fingerprint of the source, what that kept."""

    def __init__(
        self, source: Snapshot | None, target: Snapshot, before: Fingerprint | None, options: Options,
        declared: Declared,
    ) -> None:  # fmt: skip
        self.source, self.target, self.before = source, target, before
        self.options, self.declared = options, declared

    def look(self, result: Result, plans: Sequence[TablePlan], tables: Tables) -> None:
        """Everything into the result. ``tables`` are the target's."""
        result.sequences = [vars(one) for one in sequences_behind(self.target, self.options.schemas)]
        self._totals(result, tables)
        self._checks(result)
        self._spots(result, {plan.label: plan for plan in plans})
        self._structure(result)

    def _totals(self, result: Result, tables: Tables) -> None:
        theirs = read_tables(self.source, self.options.schemas) if self.source and self.options.totals else {}
        for total in self.options.totals:
            after = ask_total(self.target, tables.values(), total)
            if self.before and total.name in self.before.totals:
                before = self.before.totals[total.name]
            else:
                before = ask_total(self.source, theirs.values(), total) if self.source else NOT_THEN
            result.totals.append(compare_total(total, before, after))

    def _checks(self, result: Result) -> None:
        """Those that the fingerprint has the answers to, and those that are asked for now."""
        kept = {check: self.before.answers[check.name] for check in self.before.checks} if self.before else {}
        for rule in dict.fromkeys((*kept, *self.options.checks)):
            before = (
                kept[rule] if rule in kept else (ask_check(self.source, rule) if self.source else NOT_THEN)
            )
            result.checks.append(compare_check(rule, before, ask_check(self.target, rule)))

    def _spots(self, result: Result, plans: Mapping[str, TablePlan]) -> None:
        for spot in self.options.spots:
            plan = plans.get(spot.table)
            before = ask_spot(self.source, "source", plan, spot) if self.source else NOT_THEN
            result.spots.append(compare_spot(spot, before, ask_spot(self.target, "target", plan, spot)))

    def _structure(self, result: Result) -> None:
        """As the fingerprint kept it, or as the source has it now."""
        if self.options.structure == "off":
            return
        ask = partial(read_structure, schemas=self.options.schemas)
        before = self.before.structure if self.before else {}
        if self.source and not before:
            before, after = of_each(self.source, self.target, ask)
        else:
            after = ask(self.target)
        result.structure = compare_structure(before, after, self.declared)
        result.structure_judged = self.options.structure == "judged"
