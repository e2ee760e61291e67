"""The whole of a comparison as it is told: every row that was kept, without personal values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from integrations.parity.personal import Personal
from integrations.parity.result import Example, Result
from integrations.parity.structure import undeclared

EQUAL, DIFFERENT, COULD_NOT = 0, 1, 2
WORDS = {EQUAL: "Equal", DIFFERENT: "Different", COULD_NOT: "Could not compare all of it"}


def verdict(result: Result) -> int:
    """The exit code. What could not be compared is neither equal nor, by itself, different."""
    if result.equal:
        return EQUAL
    return DIFFERENT if any(_proven(result)) else COULD_NOT


def _proven(result: Result) -> list[bool]:
    """Everything that differs for certain; what only could not be read is not among it."""
    beside = [*result.totals, *result.checks, *result.spots]
    return [
        any(table.differing for table in result.tables),
        bool(result.schema.get("undeclared")),
        any(not sequence["reason"] for sequence in result.sequences),
        any(not one["equal"] and (not one.get("reason") or one.get("columns")) for one in beside),
        result.structure_judged and bool(undeclared(result.structure)),
    ]


class Kept:
    """Gathers the rows that differ while the comparison tells them, up to ``most`` a table."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows: dict[str, list[Example]] = {}

    def add(self, table: str, row: Example) -> None:
        """For `Watch.difference`."""
        rows = self.rows.setdefault(table, [])
        if len(rows) < self.most:
            rows.append(row)


def facts_of(
    result: Result, kept: Mapping[str, Sequence[Example]], personal: Personal, most: int
) -> dict[str, Any]:
    """JSON values of a result with at most that many rows a table.

    Rows that were told while it ran are taken only where no later look had another answer: after rows
    were asked again, the result's own are those that still differ.
    """
    facts = result.as_facts()
    tables = {table.table: table for table in result.tables}
    for shown in facts["tables"]:
        table = tables[shown["table"]]
        told = [] if table.settled else kept.get(table.table, [])
        rows = max(told, table.examples, key=len)[:most]
        shown["examples"] = [asdict(row) for row in rows]
        shown["examples_cut"] = table.differing > len(rows)
    return {**personal.masked(facts), "verdict": WORDS[verdict(result)]}
