"""The facts that a report shows: the whole result with all kept rows, personal values masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from integrations.parity.model.personal import PersonalColumns
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult

EQUAL, DIFFERENT, COULD_NOT = 0, 1, 2
VERDICTS = {EQUAL: "Equal", DIFFERENT: "Different", COULD_NOT: "Could not compare all of it"}


def exit_code(result: ComparisonResult) -> int:
    """The exit code; what could not be compared is neither equal nor, by itself, different."""
    if result.equal:
        return EQUAL
    return DIFFERENT if _proves_difference(result) else COULD_NOT


def _proves_difference(result: ComparisonResult) -> bool:
    """Whether something differs for certain, and was not merely unreadable."""
    checks = [*result.totals, *result.checks, *result.spots]
    return any(
        [
            any(table.differing for table in result.tables),
            bool(result.schema.get("undeclared")),
            any(not sequence["reason"] for sequence in result.sequences),
            any(not one["equal"] and (not one.get("reason") or one.get("columns")) for one in checks),
            bool(result.undeclared_structure),
        ]
    )


class RowCollector:
    """Collects rows that differ while the comparison runs, at most ``most`` per table."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows: dict[str, list[DifferingRow]] = {}

    def add(self, table: str, row: DifferingRow) -> None:
        """For `ComparisonObserver.on_difference`."""
        rows = self.rows.setdefault(table, [])
        if len(rows) < self.most:
            rows.append(row)


def build_facts(
    result: ComparisonResult, kept: Mapping[str, Sequence[DifferingRow]], personal: PersonalColumns, most: int
) -> dict[str, Any]:
    """JSON values of a result with at most ``most`` rows per table.

    ``kept`` are rows by table that were reported while the comparison ran. Where rows were read again and
    some agreed by then, only the examples of the result still differ, so ``kept`` is not used.
    """
    facts = result.as_facts()
    tables = {table.table: table for table in result.tables}
    for shown in facts["tables"]:
        _show_rows(shown, tables[shown["table"]], kept, most)
    return {**personal.mask(facts), "verdict": _find_verdict(result)}


def build_table_facts(
    table: TableResult, kept: Mapping[str, Sequence[DifferingRow]], personal: PersonalColumns, most: int
) -> dict[str, Any]:
    """The same for one table."""
    shown = table.as_facts()
    _show_rows(shown, table, kept, most)
    return dict(personal.mask({"tables": [shown]})["tables"][0])


def _show_rows(
    shown: dict[str, Any], table: TableResult, kept: Mapping[str, Sequence[DifferingRow]], most: int
) -> None:
    reported = [] if table.settled else kept.get(table.table, [])
    rows = max(reported, table.examples, key=len)[:most]
    shown["examples"] = [asdict(row) for row in rows]
    shown["examples_cut"] = table.differing > len(rows)


def _find_verdict(result: ComparisonResult) -> str:
    verdict = VERDICTS[exit_code(result)]
    is_restricted = any(table.restricted for table in result.tables)
    return f"{verdict} in the rows that were selected" if is_restricted and result.equal else verdict
