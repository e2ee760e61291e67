"""Totals that must agree to the last digit: sums and counts per group, such as currency and status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.refusals import refusal
from integrations.parity.snapshot import Snapshot
from integrations.parity.tables import Table

SHOWN = 100  # groups shown of one total

Groups = dict[tuple[str | None, ...], tuple[int, str | None]]  # group → (rows, sum as text)


@dataclass(frozen=True)
class Total:
    """The sum of ``sum`` and the number of rows of ``table``, for each value of the columns ``by``."""

    table: str
    sum: str
    by: tuple[str, ...]

    @property
    def name(self) -> str:
        """How results and fingerprints call it."""
        return f"{self.table}: sum of {self.sum} by {', '.join(self.by) or 'nothing'}"


def read_totals(given: Iterable[Any]) -> tuple[Total, ...]:
    """Totals from the runbook's list of ``{table, sum, by: []}``; raises ValueError on a mistake."""
    found = []
    for number, one in enumerate(given, 1):
        if (
            not isinstance(one, Mapping)
            or set(one) - {"table", "sum", "by"}
            or not {"table", "sum"} <= set(one)
        ):
            raise ValueError(
                f"total {number} must look like {{table: donations, sum: amount, by: [currency]}}"
            )
        by = one.get("by", [])
        names = [one["table"], one["sum"], *(by if isinstance(by, list) else [None])]
        if not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"total {number}: table, sum and by are names")
        found.append(Total(one["table"], one["sum"], tuple(by)))
    return tuple(found)


def ask_total(snapshot: Snapshot, tables: Iterable[Table], total: Total) -> Groups | str:
    """The groups of a total on one side, or in words why they could not be read."""
    table = next((table for table in tables if table.label == total.table), None)
    if table is None:
        return f"there is no table {total.table}"
    if unknown := [name for name in (total.sum, *total.by) if table.column(name) is None]:
        return f"{total.table} has no column {', '.join(unknown)}"
    by = [sql.SQL("{}::text").format(sql.Identifier("r", name)) for name in total.by]
    question = sql.SQL("SELECT {}, count(*), trim_scale(sum({}::numeric))::text FROM {} AS r {}").format(
        sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(by)), sql.Identifier("r", total.sum),
        table.source, sql.SQL("GROUP BY 1") if by else sql.SQL(""),
    )  # fmt: skip
    try:
        with snapshot.attempt():
            return {tuple(group): (rows, amount) for group, rows, amount in snapshot.rows(question)}
    except psycopg.Error as error:
        return refusal(error)


def compare_total(total: Total, source: Groups | str, target: Groups | str) -> dict[str, Any]:
    """JSON facts of one total: ``equal``, and groups with both sides, those that differ first."""
    facts: dict[str, Any] = {"table": total.table, "sum": total.sum, "by": list(total.by), "equal": False}
    if isinstance(source, str) or isinstance(target, str):
        reasons = [
            f"{side}: {v}" for side, v in (("source", source), ("target", target)) if isinstance(v, str)
        ]
        return {**facts, "reason": "; ".join(reasons), "groups": []}
    groups = [
        {"group": list(group), "source": _pair(source.get(group)), "target": _pair(target.get(group))}
        for group in sorted(source.keys() | target.keys(), key=lambda g: tuple(v or "" for v in g))
    ]
    groups.sort(key=lambda group: group["source"] == group["target"])
    equal = all(group["source"] == group["target"] for group in groups)
    return {**facts, "equal": equal, "groups": groups[:SHOWN], "groups_in_all": len(groups)}


def _pair(value: tuple[int, str | None] | None) -> list[Any] | None:
    return list(value) if value else None
