"""Totals that must agree to the last digit: sums and counts per group, such as currency and status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.model.declared import DeclaredRules
from integrations.parity.server.catalog import CatalogTable
from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.snapshot import Snapshot

MAX_SHOWN_GROUPS = 100  # of one total

Groups = dict[tuple[str | None, ...], tuple[int, str | None]]  # group → (rows, sum as text)


@dataclass(frozen=True)
class GroupTotal:
    """The sum of column ``sum`` and the number of rows of ``table``, per value of the columns ``by``."""

    table: str
    sum: str
    by: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in results and fingerprints."""
        return f"{self.table}: sum of {self.sum} by {', '.join(self.by) or 'nothing'}"


def parse_totals(given: Iterable[Any]) -> tuple[GroupTotal, ...]:
    """Totals from a list of ``{table, sum, by: []}``; raises ValueError that names the entry."""
    return tuple(_parse_total(number, one) for number, one in enumerate(given, 1))


def _parse_total(number: int, given: Any) -> GroupTotal:
    known, required = {"table", "sum", "by"}, {"table", "sum"}
    if not isinstance(given, Mapping) or set(given) - known or not required <= set(given):
        raise ValueError(f"total {number} must look like {{table: orders, sum: amount, by: [currency]}}")
    by = given.get("by", [])
    names = [given["table"], given["sum"], *(by if isinstance(by, list) else [None])]
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"total {number}: table, sum and by are names")
    return GroupTotal(given["table"], given["sum"], tuple(by))


def query_total(snapshot: Snapshot, tables: Iterable[CatalogTable], total: GroupTotal) -> Groups | str:
    """The groups of a total on one side, or in words why they cannot be read."""
    table = next((table for table in tables if table.label == total.table), None)
    if table is None:
        return f"there is no table {total.table}"
    if unknown := [name for name in (total.sum, *total.by) if table.column(name) is None]:
        return f"{total.table} has no column {', '.join(unknown)}"
    by = [column.text for name in total.by if (column := table.column(name))]
    query = sql.SQL(
        "SELECT {}, count(*), textin(numeric_out(trim_scale(sum({}::numeric)))) FROM {} AS r {}"
    ).format(
        sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(by)),
        _column(table, total.sum),
        table.from_clause,
        sql.SQL("GROUP BY 1") if by else sql.SQL(""),
    )
    try:
        with snapshot.savepoint():
            return {tuple(group): (rows, amount) for group, rows, amount in snapshot.fetch_rows(query)}
    except psycopg.Error as error:
        return safe_message(error)


def _column(table: CatalogTable, name: str) -> sql.Composable:
    column = table.column(name)
    assert column is not None  # checked before
    return column.identifier


def apply_defaults(total: GroupTotal, groups: Groups, declared: DeclaredRules) -> tuple[Groups, list[str]]:
    """The groups with NULL as the value that a rule null_is_default declares for its column, and in words the
    rules that changed a group: rows without a status are counted with those whose status the back-fill gives
    them."""
    rules = [declared.find("null_is_default", total.table, name) for name in total.by]
    merged: Groups = {}
    applied = set[str]()
    for group, (rows, amount) in groups.items():
        name = []
        for value, rule in zip(group, rules, strict=True):
            replaced = value is None and rule is not None
            name.append(_as_text(rule.default) if replaced and rule else value)
            applied |= {rule.description} if replaced and rule else set()
        known = merged.get(tuple(name), (0, None))
        merged[tuple(name)] = (known[0] + rows, _add(known[1], amount))
    return merged, sorted(applied)


def _as_text(default: Any) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def _add(first: str | None, second: str | None) -> str | None:
    """The sum of two amounts, as PostgreSQL writes it without trailing zeros."""
    if first is None or second is None:
        return second if first is None else first
    text = f"{Decimal(first) + Decimal(second):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def compare_total(
    total: GroupTotal, source: Groups | str, target: Groups | str, declared: DeclaredRules | None = None
) -> dict[str, Any]:
    """JSON facts of one total: ``equal``, and groups with both sides, those that differ first; ``declared``
    are the rules by which NULL was taken for a value."""
    facts: dict[str, Any] = {"table": total.table, "sum": total.sum, "by": list(total.by), "equal": False}
    sides = (("source", source), ("target", target))
    if isinstance(source, str) or isinstance(target, str):
        reasons = [f"{side}: {found}" for side, found in sides if isinstance(found, str)]
        return {**facts, "reason": "; ".join(reasons), "groups": []}
    rules = declared or DeclaredRules(())
    source, applied = apply_defaults(total, source, rules)
    target, applied_after = apply_defaults(total, target, rules)
    if applied or applied_after:
        facts["declared"] = sorted({*applied, *applied_after})
    groups = [
        {
            "group": list(group),
            "source": _rows_and_sum(source.get(group)),
            "target": _rows_and_sum(target.get(group)),
        }
        for group in sorted(source.keys() | target.keys(), key=lambda g: tuple(v or "" for v in g))
    ]
    groups.sort(key=lambda group: group["source"] == group["target"])
    equal = all(group["source"] == group["target"] for group in groups)
    return {**facts, "equal": equal, "groups": groups[:MAX_SHOWN_GROUPS], "groups_in_all": len(groups)}


def _rows_and_sum(value: tuple[int, str | None] | None) -> list[Any] | None:
    return list(value) if value else None
