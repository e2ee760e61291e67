"""Which columns hold personal values, and the facts of a comparison without these values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

MASK = "•••"
HIDDEN_SQL = "-- not shown: it would hold values of columns that are declared personal"

Facts = dict[str, Any]


@dataclass(frozen=True)
class Personal:
    """Patterns ``table.column``, which may hold ``*``; without any nothing is hidden.

    Masking leaves what is counted and where it is, and takes the values. NULL stays NULL: it is the
    difference between “gone” and “changed”, and tells nothing of a person but that.
    """

    patterns: tuple[str, ...] = ()

    def hides(self, table: str, column: str) -> bool:
        """Whether values of this column are kept back."""
        return any(fnmatchcase(f"{table}.{column}", pattern) for pattern in self.patterns)

    def masked(self, facts: Mapping[str, Any]) -> Facts:
        """A comparison's facts (`Result.as_facts`) without personal values; as they are, without patterns."""
        if not self.patterns:
            return dict(facts)
        return {
            **facts,
            "tables": [self._table(table) for table in facts["tables"]],
            "totals": [self._total(total) for total in facts.get("totals", [])],
            "checks": [self._check(check) for check in facts.get("checks", [])],
            "spots": [self._spot(spot) for spot in facts.get("spots", [])],
            "personal": list(self.patterns),
        }

    def _table(self, table: Mapping[str, Any]) -> Facts:
        label, rows = table["table"], table["examples"]
        named = {name for row in rows for name in (*row["key"], *row["columns"])}
        hidden = self._among(label, {*named, *table["key"], *table.get("by_column", {})})
        shown = {**table, "examples": [_row(row, hidden) for row in rows]}
        if hidden & set(table["key"]):
            shown["places"] = ["a part of the table, by a key that is personal" for _ in table["places"]]
        if hidden and table.get("repair"):
            shown["repair"] = [HIDDEN_SQL]
        return shown

    def _among(self, table: str, columns: Iterable[str]) -> set[str]:
        return {column for column in columns if self.hides(table, column)}

    def _total(self, total: Mapping[str, Any]) -> Facts:
        by = [self.hides(total["table"], name) for name in total["by"]]
        summed = self.hides(total["table"], total["sum"])
        return {**total, "groups": [_group(group, by, summed) for group in total["groups"]]}

    @staticmethod
    def _check(check: Mapping[str, Any]) -> Facts:
        """What a rule in SQL answers may hold anything: only whether both sides agree is left."""
        return {**check, "source": MASK, "target": MASK}

    def _spot(self, spot: Mapping[str, Any]) -> Facts:
        hidden = self._among(spot.get("table", ""), {*spot.get("key", {}), *spot.get("columns", {})})
        return {
            **spot,
            "key": _values(spot.get("key", {}), hidden),
            "columns": _pairs(spot.get("columns", {}), hidden),
        }


def _row(row: Mapping[str, Any], hidden: set[str]) -> Facts:
    paths = {name: found for name, found in row.get("paths", {}).items() if name not in hidden}
    return {
        **row,
        "key": _values(row["key"], hidden),
        "columns": _pairs(row["columns"], hidden),
        **({"paths": paths} if "paths" in row else {}),
    }


def _values(values: Mapping[str, Any], hidden: set[str]) -> Facts:
    return {name: _mask(value) if name in hidden else value for name, value in values.items()}


def _pairs(columns: Mapping[str, Any], hidden: set[str]) -> Facts:
    return {
        name: [_mask(value) for value in pair] if name in hidden else pair for name, pair in columns.items()
    }


def _mask(value: Any) -> Any:
    return None if value is None else MASK


def _group(group: Mapping[str, Any], by: list[bool], summed: bool) -> Facts:
    name = [_mask(part) if gone else part for gone, part in zip(by, group["group"], strict=True)]
    sides = {
        side: [group[side][0], MASK] if summed and group[side] else group[side]
        for side in ("source", "target")
    }
    return {**group, "group": name, **sides}
