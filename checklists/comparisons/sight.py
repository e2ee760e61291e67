"""What of a comparison one person may see: the one place where personal values are taken out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet

from checklists.models import Attempt, Evidence, RowDifference
from integrations.parity.personal import MASK, Personal

#: What is said of a table beside its rows that holds no value of a row: counts, names and reasons.
PLAIN = frozenset({
    "changed", "missing", "extra", "at_least", "places", "declared_by", "unsound", "not_compared", "settled",
    "notes", "key", "examples_cut", "by_column", "partial", "mode", "pages", "unlisted", "equal", "differing",
})  # fmt: skip


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
        return not self.everything and self._personal.hides(table, column)

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

    def whole(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What was said of the comparison as a whole, without its tables; totals, rules in SQL and rows
        that were looked at by name without what is personal."""
        plain = {name: value for name, value in facts.items() if name != "tables"}
        return plain if self.everything else self._personal.masked({**plain, "tables": []})

    def of_table(self, table: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """What was said of one table. Where anything is personal no SQL that holds values is left, nothing
        that has no name here, and no place in the table by a personal key."""
        if not self.is_narrowed:
            return dict(facts)
        shown = {name: value for name, value in facts.items() if name in PLAIN}
        if any(self.hides(table, name) for name in facts.get("key", ())):
            shown.pop("places", None)
        return shown

    @property
    def _personal(self) -> Personal:
        return Personal(self.patterns)


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
