"""Compares the objects of two sides: everything that a database has beside the rows of its tables.

Definitions are PostgreSQL's own words. Indexes, constraints and triggers are compared by their definitions
and not by their names: an index with another name is the same index. Names are kept for display.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from integrations.parity.beyond_rows.object_kinds import DATABASE, ObjectKind
from integrations.parity.beyond_rows.object_reader import ObjectsOfSide
from integrations.parity.beyond_rows.object_registry import KINDS
from integrations.parity.beyond_rows.objects_of_tables import COLUMNS
from integrations.parity.beyond_rows.uncompared_objects import NAMES
from integrations.parity.model.announced import AnnouncedChange
from integrations.parity.model.declared import DeclaredRules

MAX_SHOWN = 300  # differences of one kind; a last entry counts the others
MAX_LENGTH = 600  # characters of a definition that are shown
CONTEXT = 80  # characters in front of the first difference of long definitions

NEVER_COMPARED = "this kind is never compared"
ON_PURPOSE = "left out on purpose"
NOT_ASKED = "the comparison was told not to look at the structure"
NOT_READ = "it could not be read"
NOT_KEPT = "the fingerprint was taken without it"

ByName = Mapping[str, Mapping[str, str]]  # table → name → definition
Differences = dict[str, list[dict[str, Any]]]


def compare_structure(
    source: ObjectsOfSide,
    target: ObjectsOfSide,
    declared: DeclaredRules,
    announced: Sequence[AnnouncedChange] = (),
) -> Differences:
    """Kind → differences ``{kind, name, source, target, declared, expected}``; a side may be None.

    A table that only one side has is a difference of the schema (model/plan.py). What belongs to it is not
    listed here again.
    """
    before, after = _tables(source), _tables(target)
    # Where one side's tables are not known, nothing may be left out because of them.
    one_sided = before ^ after if before is not None and after is not None else set[str]()
    found: Differences = {}
    for kind in _compared_kinds(source, target, declared):
        pairs = _pair_objects(kind, source.found[kind.name], target.found[kind.name], one_sided)
        entries = [_describe(kind, pair, declared, announced) for pair in pairs]
        entries.sort(key=lambda entry: entry["declared"] or entry["expected"])
        found[kind.name] = _truncate(entries, MAX_SHOWN)
    return found


def _tables(side: ObjectsOfSide) -> set[str] | None:
    return set(side.found[COLUMNS.name]) if COLUMNS.name in side.found else None


def _compared_kinds(
    source: ObjectsOfSide, target: ObjectsOfSide, declared: DeclaredRules
) -> Iterator[ObjectKind]:
    for kind in KINDS:
        if kind.name in source.found and kind.name in target.found and not _left_out(kind.name, declared):
            yield kind


def _left_out(kind: str, declared: DeclaredRules) -> bool:
    return declared.find("not_compared", DATABASE, kind) is not None


Pair = tuple[str, str, str | None, str | None]  # table, name, definition on either side


def _pair_objects(kind: ObjectKind, source: ByName, target: ByName, one_sided: set[str]) -> Iterator[Pair]:
    pair = _pair_by_name if kind.by_name else _pair_by_definition
    for table in sorted(source.keys() | target.keys()):
        if table in one_sided:
            continue
        for name, before, after in pair(source.get(table, {}), target.get(table, {})):
            if kind.differs(before, after):
                yield table, name, before, after


def _describe(
    kind: ObjectKind, pair: Pair, declared: DeclaredRules, announced: Sequence[AnnouncedChange]
) -> dict[str, Any]:
    table, name, before, after = pair
    rule = declared.find("structure", table, name) or declared.find("structure", table)
    source, target = _cut(before, after)
    return {
        "kind": kind.name,
        "name": name if table == DATABASE else f"{table}.{name}",
        "source": source,
        "target": target,
        "declared": bool(rule),
        "expected": any(change.matches(kind.name, table, name) for change in announced),
    }


def _cut(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Long definitions from a little before their first difference on, which would not be seen otherwise."""
    if max(len(before or ""), len(after or "")) <= MAX_LENGTH:
        return before, after
    same = 0
    if before is not None and after is not None:
        limit = min(len(before), len(after))
        same = next((place for place in range(limit) if before[place] != after[place]), limit)
    start = max(0, same - CONTEXT)
    return _part(before, start), _part(after, start)


def _part(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    cut = text[start : start + MAX_LENGTH]
    return (
        f"{'…' if start else ''}{cut}{'…' if start + MAX_LENGTH < len(text) else ''} ({len(text)} characters)"
    )


def _pair_by_name(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str | None]]:
    """All objects, those of the same name together."""
    for name in sorted(before.keys() | after.keys()):
        yield name, before.get(name), after.get(name)


def _pair_by_definition(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Objects without a counterpart of the same definition; two of the same name are one that changed."""
    gone, new = dict(before), dict(after)
    for name, definition in sorted(before.items()):
        same = [other for other, found in new.items() if found == definition]
        if same:
            counterpart = name if name in same else same[0]
            del gone[name], new[counterpart]
    yield from _pair_by_name(gone, new)


def list_failures(source: ObjectsOfSide, target: ObjectsOfSide, declared: DeclaredRules) -> list[str]:
    """A line for each reason for which kinds could not be compared that were to be."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for name, side in (("source", source), ("target", target)):
        for kind, reason in side.failed.items():
            if reason and not _left_out(kind, declared):
                by_reason.setdefault((name, reason), []).append(kind)
    return [
        f"{', '.join(kinds)} could not be compared: {name}: {reason}"
        for (name, reason), kinds in by_reason.items()
    ]


def list_uncompared(
    source: ObjectsOfSide, target: ObjectsOfSide, declared: DeclaredRules, *, asked: bool = True
) -> list[dict[str, Any]]:
    """What is there and was not compared: ``{kind, source, target, reason}`` with numbers, None if not known.

    ``asked``: whether the structure was to be compared at all.
    """
    entries = []
    for kind in (*(kind.name for kind in KINDS), *NAMES):
        if reason := _why_uncompared(kind, source, target, declared, asked=asked):
            numbers = source.count(kind), target.count(kind)
            if any(number != 0 for number in numbers):
                entries.append({"kind": kind, "source": numbers[0], "target": numbers[1], "reason": reason})
    return entries


def _why_uncompared(
    kind: str, source: ObjectsOfSide, target: ObjectsOfSide, declared: DeclaredRules, *, asked: bool
) -> str:
    if kind in NAMES:
        return NEVER_COMPARED
    if not asked:
        return NOT_ASKED
    if _left_out(kind, declared):
        return ON_PURPOSE
    if kind in source.failed or kind in target.failed:
        return NOT_READ
    return "" if kind in source.found and kind in target.found else NOT_KEPT


def truncate_structure(found: Mapping[str, list[dict[str, Any]]], most: int) -> Differences:
    """At most ``most`` differences of each kind, and an entry that counts the others."""
    return {kind: _truncate(entries, most) for kind, entries in found.items()}


def _truncate(entries: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    if len(entries) <= most:
        return entries
    rest = entries[most:]
    more = {"kind": entries[0]["kind"], "name": f"and {len(rest)} more", "source": None, "target": None}
    explained = all(entry["declared"] or entry.get("expected") for entry in rest)
    declared = all(entry["declared"] for entry in rest)
    return [*entries[:most], {**more, "declared": declared, "expected": explained and not declared}]


def list_undeclared(
    structure: Mapping[str, list[dict[str, Any]]], kinds: Iterable[str] | None = None
) -> list[str]:
    """Kind and name of each difference that no rule declares and nobody announced, in all or these kinds."""
    wanted = structure.keys() if kinds is None else set(kinds)
    return [
        f"{entry['kind']} {entry['name']}"
        for kind, entries in structure.items()
        if kind in wanted
        for entry in entries
        if not entry["declared"] and not entry.get("expected")
    ]


def count_expected(structure: Mapping[str, list[dict[str, Any]]]) -> int:
    """The number of listed differences that were announced, and that no rule declares."""
    return sum(
        bool(entry.get("expected")) and not entry["declared"]
        for entries in structure.values()
        for entry in entries
    )
