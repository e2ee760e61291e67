"""Which columns contain personal values, and how these are masked in the facts of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

MASK = "•••"
HIDDEN_SQL = "-- not shown: it would hold values of columns that are declared personal"

Facts = dict[str, Any]


@dataclass(frozen=True)
class PersonalColumns:
    """Patterns ``table.column``, which may contain ``*``; without any, nothing is hidden. Capital and small
    letters are the same: a rule that hides too little is worse than one that hides too much.

    Masking removes values and keeps counts and names. NULL stays visible: it tells a value that was lost
    from one that changed, and says nothing else about a person.
    """

    patterns: tuple[str, ...] = ()

    def hides(self, table: str, column: str) -> bool:
        """Whether values of this column are hidden."""
        name = f"{table}.{column}".casefold()
        return any(fnmatchcase(name, pattern.casefold()) for pattern in self.patterns)

    def mask(self, facts: Mapping[str, Any]) -> Facts:
        """The facts of a comparison (`ComparisonResult.as_facts`) without the values of personal columns."""
        if not self.patterns:
            return dict(facts)
        return {
            **facts,
            "tables": [self._mask_table(table) for table in facts["tables"]],
            "totals": [self._mask_total(total) for total in facts.get("totals", [])],
            "checks": [self._mask_check(check) for check in facts.get("checks", [])],
            "spots": [self._mask_spot(spot) for spot in facts.get("spots", [])],
            "personal": list(self.patterns),
        }

    def _mask_table(self, table: Mapping[str, Any]) -> Facts:
        label, rows = table["table"], table["examples"]
        named = {name for row in rows for name in (*row["key"], *row["columns"])}
        hidden = self._hidden_columns(label, {*named, *table["key"], *table.get("by_column", {})})
        shown = {**table, "examples": [_mask_row(row, hidden) for row in rows]}
        if hidden & set(table["key"]):
            shown["places"] = ["a part of the table, by a key that is personal" for _ in table["places"]]
        if hidden and table.get("repair"):
            shown["repair"] = [HIDDEN_SQL]
        return shown

    def _hidden_columns(self, table: str, columns: Iterable[str]) -> set[str]:
        return {column for column in columns if self.hides(table, column)}

    def _mask_total(self, total: Mapping[str, Any]) -> Facts:
        by = [self.hides(total["table"], name) for name in total["by"]]
        summed = self.hides(total["table"], total["sum"])
        return {**total, "groups": [_mask_group(group, by, summed) for group in total["groups"]]}

    @staticmethod
    def _mask_check(check: Mapping[str, Any]) -> Facts:
        """The answer to a rule in SQL may contain anything: only whether both sides agree is kept."""
        return {**check, "source": MASK, "target": MASK}

    def _mask_spot(self, spot: Mapping[str, Any]) -> Facts:
        hidden = self._hidden_columns(spot.get("table", ""), {*spot.get("key", {}), *spot.get("columns", {})})
        return {
            **spot,
            "key": _mask_values(spot.get("key", {}), hidden),
            "columns": _mask_pairs(spot.get("columns", {}), hidden),
        }


def _mask_row(row: Mapping[str, Any], hidden: set[str]) -> Facts:
    paths = {name: found for name, found in row.get("paths", {}).items() if name not in hidden}
    return {
        **row,
        "key": _mask_values(row["key"], hidden),
        "columns": _mask_pairs(row["columns"], hidden),
        **({"paths": paths} if "paths" in row else {}),
    }


def _mask_values(values: Mapping[str, Any], hidden: set[str]) -> Facts:
    return {name: _mask_value(value) if name in hidden else value for name, value in values.items()}


def _mask_pairs(columns: Mapping[str, Any], hidden: set[str]) -> Facts:
    return {
        name: [_mask_value(value) for value in pair] if name in hidden else pair
        for name, pair in columns.items()
    }


def _mask_value(value: Any) -> Any:
    return None if value is None else MASK


def _mask_group(group: Mapping[str, Any], by: list[bool], summed: bool) -> Facts:
    name = [_mask_value(part) if gone else part for gone, part in zip(by, group["group"], strict=True)]
    sides = {
        side: [group[side][0], MASK] if summed and group[side] else group[side]
        for side in ("source", "target")
    }
    return {**group, "group": name, **sides}
