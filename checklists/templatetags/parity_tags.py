"""How both versions of a value are laid out beside each other, and how fast a table is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import template

from checklists.comparisons.marking import Marked, Part, marked, marked_quickly
from checklists.comparisons.sight import Cell, State, Value
from checklists.templatetags.cutover_tags import size

register = template.Library()
#: Characters of a text that is looked at word by word also in a list of many rows.
SHORT = 160


@register.filter
def versions(cell: Cell, how: str = "") -> Marked:
    """Both versions in pieces. ``how`` is “words” for the page of one row, where each word is looked at
    however long the text is."""
    before, after = cell.before, cell.after
    if before.state == after.state == State.VALUE:
        short = max(len(before.text), len(after.text)) <= SHORT
        return (marked if how == "words" or short else marked_quickly)(before.text, after.text)
    alone = State.NO_ROW not in (cell.before.state, cell.after.state)  # against NULL it differs as a whole
    return Marked(_whole(cell.before, differs=alone), _whole(cell.after, differs=alone))


def _whole(value: Value, *, differs: bool) -> list[Part]:
    return [Part(value.text, differs)] if value.text else []


@register.filter
def looks_alike(cell: Cell) -> bool:
    """Are both there and written alike, so that what differs lies beyond what was kept of them?"""
    both = cell.before.state == cell.after.state == State.VALUE
    return both and cell.before.text == cell.after.text


@dataclass(frozen=True)
class Group:
    """One kind of structure that differs: indexes, constraints, triggers …"""

    name: str
    entries: Sequence[Mapping[str, Any]]

    @property
    def undeclared(self) -> int:
        """How many of them nobody declared."""
        return sum(not entry.get("declared") for entry in self.entries)


@register.filter
def structure(facts: Mapping[str, Any] | None) -> list[Group]:
    """What of the structure differs, by kind; those with undeclared differences first."""
    kinds = [
        Group(name, entries)
        for name, entries in (facts or {}).items()
        if isinstance(entries, list) and entries and all(isinstance(one, Mapping) for one in entries)
    ]
    return sorted(kinds, key=lambda kind: (not kind.undeclared, kind.name))


@register.filter
def answer(rows: Any) -> list[str]:
    """What one side answered to a rule in SQL: a line for each row."""
    if rows is None:
        return ["no answer"]
    if not isinstance(rows, list):
        return [str(rows)]
    return [_row(row) for row in rows] or ["no rows"]


def _row(row: Any) -> str:
    parts = row if isinstance(row, list) else list(row.values()) if isinstance(row, Mapping) else [row]
    return " | ".join("NULL" if part is None else str(part) for part in parts)


@register.filter
def pace(rate: float | None) -> str:
    """Bytes a second: “34.0 MB/s”."""
    return "" if rate is None else f"{size(rate)}/s"
