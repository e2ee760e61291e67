"""Spot checks: entities that somebody can name, such as one donation, laid side by side column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.plan import Cell, TablePlan
from integrations.parity.questions import listed, shown
from integrations.parity.refusals import refusal
from integrations.parity.rowhash import Side
from integrations.parity.snapshot import Snapshot

Row = dict[str, tuple[str | None, int | None]]  # column → its text, and the hash of what it means
SEED = sql.SQL("5::bigint")


@dataclass(frozen=True)
class Spot:
    """The row of ``table`` in which ``key`` has these values; ``columns`` to lay side by side, () for all."""

    table: str
    key: Mapping[str, str]
    columns: tuple[str, ...] = ()

    def as_facts(self) -> dict[str, Any]:
        """JSON values, in the form that `read_spots` reads."""
        return {"table": self.table, "key": dict(self.key), "columns": list(self.columns)}


def read_spots(given: Iterable[Any]) -> tuple[Spot, ...]:
    """From the runbook's list of ``{table, key: {}, columns: []}``; raises ValueError naming the entry."""
    found = []
    for number, one in enumerate(given, 1):
        if (
            not isinstance(one, Mapping)
            or set(one) - {"table", "key", "columns"}
            or not {"table", "key"} <= set(one)
        ):
            raise ValueError(
                f"spot check {number} must look like {{table: users, key: {{email: ada@example.org}}}}"
            )
        key, columns = one["key"], one.get("columns", [])
        if not isinstance(one["table"], str) or not isinstance(key, Mapping) or not key:
            raise ValueError(f"spot check {number}: table is a name, key says which column has which value")
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise ValueError(f"spot check {number}: columns is a list of names")
        found.append(Spot(one["table"], {str(k): str(v) for k, v in key.items()}, tuple(columns)))
    return tuple(found)


def ask_spot(snapshot: Snapshot, side: str, plan: TablePlan | None, spot: Spot) -> Row | str | None:
    """The row on that side (``source``, ``target``), None where there is none, or why it cannot be shown."""
    if plan is None:
        return f"there is no table {spot.table} on both sides"
    cells = {cell.name: cell for cell in plan.cells}
    if unknown := [name for name in (*spot.key, *spot.columns) if name not in cells]:
        return f"{spot.table} has no column {', '.join(unknown)} that is compared"
    wanted = [cells[name] for name in spot.columns] if spot.columns else list(plan.cells)
    try:
        with snapshot.attempt():
            rows = snapshot.rows(
                _question(Side(plan, side), [cells[name] for name in spot.key], wanted, spot)
            )
    except psycopg.Error as error:
        return refusal(error)
    if len(rows) > 1:
        return f"more than one row of {spot.table} has this key"
    if not rows:
        return None
    return {cell.name: (text, value) for cell, text, value in zip(wanted, *rows[0], strict=True)}


def _question(side: Side, keys: list[Cell], wanted: list[Cell], spot: Spot) -> sql.Composable:
    texts = [shown(side.column(cell)) for cell in wanted]
    hashes = [side.hash(cell, side.canonical(cell), SEED) for cell in wanted]
    matches = [sql.SQL("{}::text = {}").format(side.column(c), sql.Literal(spot.key[c.name])) for c in keys]
    return sql.SQL("SELECT {}, {} FROM {} WHERE {} LIMIT 2").format(
        listed(texts, "text"), listed(hashes, "bigint"), side.rows, sql.SQL(" AND ").join(matches)
    )


def compare_spot(spot: Spot, source: Row | str | None, target: Row | str | None) -> dict[str, Any]:
    """JSON facts: ``{table, key, equal, columns: {name: [source, target]}}``, ``reason`` where there is one.

    Values are equal when they mean the same; where only their writing differs (a json's spaces), both
    texts are shown.
    """
    facts: dict[str, Any] = {"table": spot.table, "key": dict(spot.key), "equal": False, "columns": {}}
    sides = (("source", source), ("target", target))
    if reasons := [f"{side}: {found}" for side, found in sides if isinstance(found, str)]:
        return {**facts, "reason": "; ".join(reasons)}
    assert not isinstance(source, str)
    assert not isinstance(target, str)
    if missing := [side for side, found in sides if found is None]:
        facts["reason"] = f"there is no such row in the {' and in the '.join(missing)}"
    names = list(source or target or {})
    before, after = source or dict.fromkeys(names, (None, None)), target or dict.fromkeys(names, (None, None))
    facts["columns"] = {name: [before[name][0], after[name][0]] for name in names}
    return {**facts, "equal": not missing and all(before[name][1] == after[name][1] for name in names)}
