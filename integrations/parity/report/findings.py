"""What a result holds besides the numbers of its tables, as entries that every output lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.parity.report import wording

Facts = Mapping[str, Any]

#: Kinds of entries. Those of the first line count against “equal”; others say what the verdict leaves out.
DIFFERENT, NOT_COMPARED, UNMATCHED = "different", "could not be compared", "matches nothing"
REPORTED, ANNOUNCED, DECLARED = "reported, not judged", "announced", "declared"
CONDITION, LEFT_OUT, PRESENT, UNMET = "condition", "left out on purpose", "present, not compared", "not found"
NOTE = "note"
FAILURES, ERRORS = (DIFFERENT,), (NOT_COMPARED, UNMATCHED)


@dataclass(frozen=True)
class ReportEntry:
    """One entry: its kind, the table that it is about (empty for the whole database), and a sentence."""

    kind: str
    table: str
    text: str


def list_findings(facts: Facts) -> list[ReportEntry]:
    """All entries of the facts of `build_facts`, those of the tables first."""
    found = [finding for table in facts["tables"] for finding in _list_of_table(table)]
    return [*found, *_list_beside_rows(facts), *_list_of_rules(facts)]


def _list_of_table(table: Facts) -> Iterator[ReportEntry]:
    name = table["table"]
    if table["differing"]:
        least = "at least " if table["at_least"] else ""
        kinds = ("changed", "missing", "extra")
        counts = ", ".join(f"{least}{table[kind]} {kind}" for kind in kinds if table[kind])
        yield ReportEntry(DIFFERENT, name, f"{counts}; {table['source_rows']} rows → {table['target_rows']}")
    yield from (ReportEntry(DIFFERENT, name, f"differs in {place}") for place in table["places"])
    yield from (ReportEntry(NOT_COMPARED, name, reason) for reason in table["unsound"])
    yield from (
        ReportEntry(DECLARED, name, f"{count}: {rule}") for rule, count in table["declared_by"].items()
    )
    yield from (ReportEntry(LEFT_OUT, name, f"column {column}") for column in table["not_compared"])
    yield from (ReportEntry(NOTE, name, note) for note in table["notes"])


def _list_beside_rows(facts: Facts) -> Iterator[ReportEntry]:
    schema = facts["schema"]
    yield from (ReportEntry(DIFFERENT, "", f"schema: {one}") for one in schema.get("undeclared", []))
    yield from (ReportEntry(DECLARED, "", f"schema: {one}") for one in schema.get("declared", []))
    for kind, entries in facts.get("structure", {}).items():
        is_judged = facts.get("structure_judged") or kind in facts.get("judged_kinds", ())
        for one, line in zip(entries, _describe_each(facts, kind, entries), strict=True):
            word = DIFFERENT if is_judged else REPORTED
            word = ANNOUNCED if one.get("expected") else word
            yield ReportEntry(DECLARED if one["declared"] else word, "", line)
    for one in facts["sequences"]:
        kind = NOT_COMPARED if one["reason"] else DIFFERENT
        yield ReportEntry(kind, "", f"sequence {wording.describe_sequence(one)}")
    for one in (*facts["totals"], *facts.get("checks", []), *facts.get("spots", [])):
        if not one["equal"]:
            kind = NOT_COMPARED if one.get("reason") and not one.get("columns") else DIFFERENT
            yield ReportEntry(
                kind, "", f"{wording.describe_check(one)}: {one.get('reason') or 'not the same'}"
            )


def _describe_each(facts: Facts, kind: str, entries: list[Facts]) -> list[str]:
    return list(wording.describe_structure({**facts, "structure": {kind: entries}}))


def _list_of_rules(facts: Facts) -> Iterator[ReportEntry]:
    yield from (ReportEntry(NOT_COMPARED, "", one) for one in facts["unsound"])
    yield from (ReportEntry(UNMATCHED, "", one) for one in facts.get("unmatched_rules", []))
    yield from (ReportEntry(CONDITION, "", one) for one in facts.get("conditions", []))
    yield from (ReportEntry(LEFT_OUT, "", one) for one in facts["not_compared"])
    yield from (ReportEntry(PRESENT, "", one) for one in wording.describe_uncompared(facts))
    yield from (ReportEntry(UNMET, "", one) for one in facts["unmet_rules"])


def describe_sides(facts: Facts) -> str:
    """The two addresses, and when the comparison ran."""
    source, target = (facts[side].get("address") or "?" for side in ("source", "target"))
    taken = facts["source"].get("taken_at")
    return f"{source}{f' as of {taken}' if taken else ''} with {target}"
