"""Declared differences, personal and harmless columns match something, before or after the migration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from integrations.parity.model.declared import InvalidRule, parse_rules
from integrations.parity.model.mapping import NameMapping
from integrations.parity.model.unmatched_rules import ColumnShape, iterate_unmatched_rules
from integrations.parity.server.catalog import FAMILIES
from integrations.preflight.check import CheckScope, PlannedItem, preflight_check
from integrations.preflight.checks.rules_names import make_result
from integrations.preflight.item_tables import judge_each, read_item_tables
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import Tables

#: Actions with the parameters ``declared``, ``personal`` or ``harmless``.
COMPARING = ("parity.fingerprint", "parity.compare", "rollback.assess")


@preflight_check("rules.comparisons", "Rules of comparisons match something", seconds=100)
def check_comparison_rules(scope: CheckScope) -> Iterator[CheckResult]:
    """Compares each rule with the database as it is, and as it is after everything that lies ahead."""
    yield from judge_each(scope, COMPARING, _judge_item)


def _judge_item(scope: CheckScope, item: PlannedItem) -> Iterator[CheckResult]:
    declared = scope.systems.fill_variables(item.params.get("declared") or [])
    personal, harmless = (
        [str(each) for each in scope.systems.fill_variables(item.params.get(name) or [])]
        for name in ("personal", "harmless")
    )
    tables = read_item_tables(scope, item) if declared or personal or harmless else None
    if tables is None:
        return
    try:
        rules = parse_rules(declared)
    except InvalidRule:
        return  # the item's own form says so
    # A comparison with a restored backup has one schema on both sides; only a migration makes another.
    before = _shape(tables.before)
    after = NameMapping.of(rules).translate_shape(_shape(tables.after))
    wrong = list(iterate_unmatched_rules(before, after, rules, personal, harmless))
    for each in wrong:
        place, (name, _, why) = f"{each.list}[{each.number - 1}]", each.sentence.partition(": ")
        yield make_result(item, place, name, why, "", tables)
    if not wrong:
        asked = f"Do all rules of “{item.key}” match something?"
        seen = (
            f"Yes: {len(rules)} declared differences, {len(personal)} personal and "
            f"{len(harmless)} harmless columns."
        )
        systems, items = (tables.system.name,), (item.key,)
        yield CheckResult(f"{item.key}: rules", Verdict.GREEN, asked, seen, "", systems, items)


def _shape(tables: Tables) -> Mapping[str, Mapping[str, ColumnShape]]:
    return {
        name: {
            column.name: ColumnShape(FAMILIES.get(column.type.name, column.type.name), column.not_null)
            for column in columns.values()
        }
        for name, columns in tables.items()
    }
