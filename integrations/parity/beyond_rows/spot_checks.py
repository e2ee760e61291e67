"""Spot checks: named rows, such as one order, compared side by side column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.model.plan import ColumnPair, TablePlan
from integrations.parity.server.server_errors import safe_message
from integrations.parity.server.snapshot import Snapshot
from integrations.parity.sql.queries import array_expression
from integrations.parity.sql.row_hash import SideExpressions
from integrations.parity.sql.shown_values import shown_text

SpotRow = dict[str, tuple[str | None, int | None]]  # column → its text, and the hash of its canonical value
SEED = sql.SQL("5::bigint")


@dataclass(frozen=True)
class SpotCheck:
    """The row of ``table`` in which ``key`` has these values; ``columns`` to compare, () for all."""

    table: str
    key: Mapping[str, str]
    columns: tuple[str, ...] = ()

    def as_facts(self) -> dict[str, Any]:
        """JSON values that `parse_spot_checks` reads."""
        return {"table": self.table, "key": dict(self.key), "columns": list(self.columns)}


def parse_spot_checks(given: Iterable[Any]) -> tuple[SpotCheck, ...]:
    """From a list of ``{table, key: {}, columns: []}``; raises ValueError that names the entry."""
    return tuple(_parse_spot_check(number, one) for number, one in enumerate(given, 1))


def _parse_spot_check(number: int, given: Any) -> SpotCheck:
    known, required = {"table", "key", "columns"}, {"table", "key"}
    if not isinstance(given, Mapping) or set(given) - known or not required <= set(given):
        raise ValueError(
            f"spot check {number} must look like {{table: users, key: {{email: ada@example.org}}}}"
        )
    key, columns = given["key"], given.get("columns", [])
    if not isinstance(given["table"], str) or not isinstance(key, Mapping) or not key:
        raise ValueError(f"spot check {number}: table is a name, key says which column has which value")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise ValueError(f"spot check {number}: columns is a list of names")
    return SpotCheck(given["table"], {str(k): str(v) for k, v in key.items()}, tuple(columns))


def query_spot_check(
    snapshot: Snapshot, side: str, plan: TablePlan | None, spot: SpotCheck
) -> SpotRow | str | None:
    """The row on that side (``source``, ``target``), None if there is none, or why it cannot be read."""
    if plan is None:
        return f"there is no table {spot.table} on both sides"
    pairs = {pair.name: pair for pair in plan.pairs}
    if unknown := [name for name in (*spot.key, *spot.columns) if name not in pairs]:
        return f"{spot.table} has no column {', '.join(unknown)} that is compared"
    wanted = [pairs[name] for name in spot.columns] if spot.columns else list(plan.pairs)
    query = _spot_query(SideExpressions(plan, side), [pairs[name] for name in spot.key], wanted, spot)
    try:
        with snapshot.savepoint():
            rows = snapshot.fetch_rows(query)
    except psycopg.Error as error:
        return safe_message(error)
    if len(rows) > 1:
        return f"more than one row of {spot.table} has this key"
    if not rows:
        return None
    return {pair.name: (text, value) for pair, text, value in zip(wanted, *rows[0], strict=True)}


def _spot_query(
    side: SideExpressions, keys: list[ColumnPair], wanted: list[ColumnPair], spot: SpotCheck
) -> sql.Composable:
    texts = [shown_text(side, pair) for pair in wanted]
    hashes = [side.hash(pair, side.canonical(pair), SEED) for pair in wanted]
    matches = [
        sql.SQL("{} = {}").format(side.value_text(pair), sql.Literal(spot.key[pair.name])) for pair in keys
    ]
    return sql.SQL("SELECT {}, {} FROM {} WHERE {} LIMIT 2").format(
        array_expression(texts, "text"),
        array_expression(hashes, "bigint"),
        side.from_clause,
        sql.SQL(" AND ").join(matches),
    )


def compare_spot_check(
    spot: SpotCheck, source: SpotRow | str | None, target: SpotRow | str | None
) -> dict[str, Any]:
    """JSON facts: ``{table, key, equal, columns: {name: [source, target]}}``, or with ``reason``.

    Values are equal when they mean the same, even if their texts differ (spaces in json); both texts are
    shown.
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
