"""Reads rows that differ for display: their key, the differing columns, and both values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, repeat

from integrations.parity.engine.declared_pairs import remove_declared
from integrations.parity.model.json_paths import find_differing_paths
from integrations.parity.model.plan import ColumnPair, TablePlan
from integrations.parity.result import EXAMPLES, DifferingRow
from integrations.parity.sql.keys import RowKey
from integrations.parity.sql.queries import RowHashes, SideQueries, query_both
from integrations.parity.sql.row_values import RowValues, read_values_at


def find_examples(
    plan: TablePlan,
    source: SideQueries,
    target: SideQueries,
    keys: Collection[RowKey],
    extra_declared: bool,
    most: int = EXAMPLES,
) -> list[DifferingRow]:
    """At most ``most`` rows of these keys, with what differs in them."""
    wanted = list(keys)[:most]
    if not wanted:
        return []
    before, after = query_both(source, target, lambda side: read_values_at(side, wanted))
    rows = (
        row
        for key in wanted
        for row in _compare_rows_of_key(plan, key, before[key], after[key], extra_declared)
    )
    return list(islice(rows, most))


def _compare_rows_of_key(
    plan: TablePlan, key: RowKey, before: list[RowValues], after: list[RowValues], extra_declared: bool
) -> Iterator[DifferingRow]:
    here, there = _without_matching(plan, before, after)
    name = dict(zip(plan.key, key, strict=True)) if plan.key else {}
    changed = min(here.total(), there.total()) if plan.key else 0
    ones, others = _each(here, before), _each(there, after)
    for one, other in zip(islice(ones, changed), islice(others, changed), strict=True):
        columns = _changed_columns(plan, one, other)
        yield DifferingRow(name, "changed", columns, _paths_by_column(one, other, columns))
    for one in ones:
        yield DifferingRow(name, "missing", {column: [text, None] for column, text in one.values.items()})
    for other in () if extra_declared else others:
        yield DifferingRow(name, "extra", {column: [None, text] for column, text in other.values.items()})


def _without_matching(
    plan: TablePlan, before: list[RowValues], after: list[RowValues]
) -> tuple[Counter[RowHashes], Counter[RowHashes]]:
    """How many rows there are of each; those that are the same, or differ only by declared rules, count 0."""
    one, other = (Counter({row.hashed: row.rows for row in side}) for side in (before, after))
    here, there = one - other, other - one
    remove_declared(plan.tracked_rules, here, there, Counter())
    return here, there


def _each(counts: Counter[RowHashes], values: Iterable[RowValues]) -> Iterator[RowValues]:
    """The values of rows, each as often as it counts."""
    for row in values:
        yield from repeat(row, counts[row.hashed])


def _changed_columns(plan: TablePlan, before: RowValues, after: RowValues) -> dict[str, list[str | None]]:
    against_rules = _columns_against_rules(plan, before, after)
    return {
        pair.name: [before.values[pair.name], after.values[pair.name]]
        for pair in plan.pairs
        if pair.name in against_rules or _differs(pair, before, after)
    }


def _paths_by_column(before: RowValues, after: RowValues, columns: Collection[str]) -> dict[str, list[str]]:
    """For each of these columns that is JSON, the paths at which its two values differ."""
    found = {
        name: find_differing_paths(before.documents[name], after.documents[name])
        for name in columns
        if name in before.documents
    }
    return {name: paths for name, paths in found.items() if paths}


def _differs(pair: ColumnPair, before: RowValues, after: RowValues) -> bool:
    one, other = before.hashes[pair.name], after.hashes[pair.name]
    return one != other and not (pair.filled and one is None)


def _columns_against_rules(plan: TablePlan, before: RowValues, after: RowValues) -> Sequence[str]:
    """Columns that changed in the opposite direction of a rule, such as a value that became NULL."""
    tokens = zip(plan.tracked_rules, before.hashed.tokens, after.hashed.tokens, strict=True)
    return [tracked.pair.name for tracked, one, other in tokens if not tracked.allows(one, other)]
