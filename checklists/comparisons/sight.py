"""What of a comparison one person may see: the one place where personal values are taken out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from django.db.models import Q, QuerySet

from checklists.models import Attempt, Evidence, RowDifference

MASK = "•••"


class State(StrEnum):
    """What there is to show of a value."""

    VALUE = "value"
    NULL = "null"
    NO_ROW = "no row"
    HIDDEN = "hidden"  # personal, and not for these eyes


@dataclass(frozen=True)
class Value:
    """One version of one value; ``text`` is empty unless there is a value to be seen."""

    state: State
    text: str = ""


@dataclass(frozen=True)
class Cell:
    """A column of a row that differs: both versions, and the paths of its JSON that differ."""

    column: str
    before: Value
    after: Value
    paths: Sequence[str] = ()


@dataclass(frozen=True)
class ShownRow:
    """A row that differs, as far as one person may see it. ``key`` is in words, “” without a key."""

    number: int
    table: str
    kind: str
    key: str
    cells: Sequence[Cell]
    left_out: int  # columns that were too many to keep


@dataclass(frozen=True)
class Sight:
    """Everything, or nothing of personal columns. ``patterns`` are “table.column”, which may hold ``*``."""

    everything: bool
    patterns: tuple[str, ...] = ()

    def hides(self, table: str, column: str) -> bool:
        """Are values of this column kept from this person?"""
        name = f"{table}.{column}"
        return not self.everything and any(fnmatchcase(name, pattern) for pattern in self.patterns)

    @property
    def is_narrowed(self) -> bool:
        """Is anything at all kept from this person?"""
        return not self.everything and bool(self.patterns)

    def rows(self, rows: Iterable[RowDifference]) -> list[ShownRow]:
        """These rows, fit for this person."""
        return [self._row(one) for one in rows]

    def _row(self, row: RowDifference) -> ShownRow:
        hidden = set() if self.everything else set(row.personal)
        key = ", ".join(f"{name} {MASK if name in hidden else value}" for name, value in row.key)
        cells = [
            Cell(
                name,
                _value(before, hidden=name in hidden, there=row.kind != "extra"),
                _value(after, hidden=name in hidden, there=row.kind != "missing"),
                () if name in hidden else tuple(row.paths.get(name, ())),
            )
            for name, before, after in row.columns
        ]
        return ShownRow(row.number, row.table, row.kind, key, cells, row.left_out)

    def having(self, rows: QuerySet[RowDifference], words: str) -> QuerySet[RowDifference]:
        """Of these rows those in which that is written. What is hidden cannot be found either: a search
        that hits would tell it."""
        told = Q(text__icontains=words)
        if self.everything:
            told |= Q(personal_text__icontains=words)
        return rows.filter(told)

    def totals(self, totals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Totals, without the names of groups and the sums that are personal."""
        return [self._total(dict(total)) for total in totals]

    def _total(self, total: dict[str, Any]) -> dict[str, Any]:
        by = [self.hides(total["table"], name) for name in total.get("by", [])]
        if any(by):
            named = [[MASK if gone else part for gone, part in zip(by, group["group"], strict=False)]
                     for group in total["groups"]]  # fmt: skip
            total["groups"] = [
                {**group, "group": name} for group, name in zip(total["groups"], named, strict=True)
            ]
        if self.hides(total["table"], total["sum"]):
            total["groups"] = [
                {**group, **{side: group[side] and [group[side][0], MASK] for side in ("source", "target")}}
                for group in total["groups"]
            ]
        return total

    def checks(self, checks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rules in SQL. What they answer may hold anything: where something is personal, only whether both
        sides gave the same answer is left."""
        if not self.is_narrowed:
            return [dict(check) for check in checks]
        return [{**check, "source": None, "target": None, "hidden": True} for check in checks]

    def spots(self, spots: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows that were looked at by name, without values that are personal."""
        return [self._spot(dict(spot)) for spot in spots]

    def _spot(self, spot: dict[str, Any]) -> dict[str, Any]:
        for part in ("key", "columns"):
            values = spot.get(part)
            if isinstance(values, Mapping):
                spot[part] = {
                    name: self._masked(value) if self.hides(spot.get("table", ""), name) else value
                    for name, value in values.items()
                }
        return spot

    def _masked(self, value: Any) -> Any:
        return [MASK for _ in value] if isinstance(value, list) else MASK


def sight_of(attempt: Attempt, *, everything: bool) -> Sight:
    """How somebody sees this comparison; ``everything`` for those who work on the cutover.

    What is personal was declared when it was made, and is kept with its evidence; until there is any, its
    parameters say it. Rows carry their own list.
    """
    evidence = Evidence.objects.filter(attempt=attempt).values_list("facts__parity__personal", flat=True)
    declared = next(iter(evidence), None) or attempt.params.get("personal") or ()
    return Sight(everything, tuple(str(one) for one in declared if isinstance(declared, list | tuple)))


def _value(text: str | None, *, hidden: bool, there: bool) -> Value:
    if not there:
        return Value(State.NO_ROW)
    if hidden:
        return Value(State.HIDDEN)
    return Value(State.NULL) if text is None else Value(State.VALUE, text)
