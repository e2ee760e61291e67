"""Names rows that differ: their key, the columns, and both values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from integrations.parity.differences import same
from integrations.parity.json_paths import differing_paths
from integrations.parity.plan import Cell, TablePlan
from integrations.parity.questions import Key, Questions, Shown, asked
from integrations.parity.result import EXAMPLES, Example


def show(
    plan: TablePlan, source: Questions, target: Questions, keys: Collection[Key], extra_declared: bool,
    most: int = EXAMPLES,
) -> list[Example]:  # fmt: skip
    """At most that many rows of these keys with what differs in them."""
    wanted = list(keys)[:most]
    if not wanted:
        return []
    before, after = asked(source, target, lambda side: side.values_at(wanted))
    found: list[Example] = []
    for key in wanted:
        found += _examples(plan, key, before[key], after[key], extra_declared)
    return found[:most]


def _examples(
    plan: TablePlan, key: Key, before: list[Shown], after: list[Shown], extra_declared: bool
) -> Iterator[Example]:
    for one in list(before):  # what is the same, or declared, is no example
        twin = next((other for other in after if same(plan.tracks, one.hashed, other.hashed)), None)
        if twin is not None:
            before.remove(one)
            after.remove(twin)
    name = dict(zip(plan.key, key, strict=True)) if plan.key else {}
    while plan.key and before and after:
        one, other = before.pop(0), after.pop(0)
        columns = _changed(plan, one, other)
        yield Example(name, "changed", columns, _paths(one, other, columns))
    for one in before:
        yield Example(name, "missing", {column: [text, None] for column, text in one.values.items()})
    for other in () if extra_declared else after:
        yield Example(name, "extra", {column: [None, text] for column, text in other.values.items()})


def _changed(plan: TablePlan, before: Shown, after: Shown) -> dict[str, list[str | None]]:
    bent = _bent(plan, before, after)
    return {
        cell.name: [before.values[cell.name], after.values[cell.name]]
        for cell in plan.cells
        if cell.name in bent or _differs(cell, before, after)
    }


def _paths(before: Shown, after: Shown, columns: Collection[str]) -> dict[str, list[str]]:
    """Of each of the columns that is JSON, the paths at which its two values differ."""
    found = {
        name: differing_paths(before.documents[name], after.documents[name])
        for name in columns
        if name in before.documents
    }
    return {name: paths for name, paths in found.items() if paths}


def _differs(cell: Cell, before: Shown, after: Shown) -> bool:
    one, other = before.hashes[cell.name], after.hashes[cell.name]
    return one != other and not (cell.filled and one is None)


def _bent(plan: TablePlan, before: Shown, after: Shown) -> Sequence[str]:
    """Columns where a declared rule was used the wrong way round, such as a value that became NULL."""
    tokens = zip(plan.tracks, before.hashed.tokens, after.hashed.tokens, strict=True)
    return [track.cell.name for track, one, other in tokens if not track.allows(one, other)]
