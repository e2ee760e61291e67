"""What one person may see of a comparison: the only place where personal values are masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from django.db.models import Q, QuerySet

from checklists.models import Attempt, Evidence, RowDifference
from integrations.parity.model.personal import MASK, PersonalColumns

#: Facts of a table that hold no value of a row: counts, names and reasons.
WITHOUT_VALUES = frozenset({
    "changed", "missing", "extra", "at_least", "places", "declared_by", "unsound", "not_compared", "settled",
    "notes", "key", "examples_cut", "by_column", "partial", "mode", "pages", "unlisted", "equal", "differing",
    "names",
})  # fmt: skip


class ValueState(StrEnum):
    """What there is to show of a value."""

    VALUE = "value"
    NULL = "null"
    NO_ROW = "no row"
    HIDDEN = "hidden"  # personal, and this person may not see it


@dataclass(frozen=True)
class ShownValue:
    """One version of one value; ``text`` is empty unless the state is ``VALUE``."""

    state: ValueState
    text: str = ""


@dataclass(frozen=True)
class ShownCell:
    """One column of a row that differs: both versions, and the paths of its JSON that differ."""

    column: str
    before: ShownValue
    after: ShownValue
    paths: Sequence[str] = ()


@dataclass(frozen=True)
class ShownRow:
    """A row that differs, as one person may see it.

    ``key`` is text, empty for a row without a key. ``left_out`` counts columns that were not stored.
    """

    number: int
    table: str
    kind: str
    key: str
    cells: Sequence[ShownCell]
    left_out: int


@dataclass(frozen=True)
class HiddenColumns(PersonalColumns):
    """Every column but those that are declared harmless and not personal."""

    harmless: tuple[str, ...] = ()

    def hides(self, table: str, column: str) -> bool:
        """Whether values of this column are hidden: they are, unless somebody declared otherwise."""
        is_harmless = any(fnmatchcase(f"{table}.{column}", pattern) for pattern in self.harmless)
        return not is_harmless or super().hides(table, column)


@dataclass(frozen=True)
class PersonalMask:
    """Masks the values of rows for one person, unless ``sees_personal``.

    ``patterns`` are ``table.column`` of the personal columns; both parts may contain ``*``. ``harmless`` are
    those of the columns whose values everybody may see. People who only watch see no others.
    """

    sees_personal: bool
    patterns: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()

    def hides(self, table: str, column: str) -> bool:
        """Are values of this column hidden from this person?"""
        return not self.sees_personal and self._personal.hides(table, column)

    @property
    def is_hiding(self) -> bool:
        """Is anything hidden from this person?"""
        return not self.sees_personal

    def mask_rows(self, rows: Iterable[RowDifference]) -> list[ShownRow]:
        """The rows as this person may see them."""
        return [self._mask_row(row) for row in rows]

    def _mask_row(self, row: RowDifference) -> ShownRow:
        hidden = self._hidden_in(row)
        key = ", ".join(f"{name} {MASK if name in hidden else value}" for name, value in row.key)
        cells = [
            ShownCell(
                name,
                _show_value(before, hidden=name in hidden, has_row=row.kind != "extra"),
                _show_value(after, hidden=name in hidden, has_row=row.kind != "missing"),
                () if name in hidden else tuple(row.paths.get(name, ())),
            )
            for name, before, after in row.columns
        ]
        return ShownRow(row.number, row.table, row.kind, key, cells, row.left_out)

    def _hidden_in(self, row: RowDifference) -> set[str]:
        """Each row carries its own list of personal columns: it was fixed when the comparison ran."""
        if self.sees_personal:
            return set()
        names = {name for name, *_ in row.key} | {name for name, *_ in row.columns}
        return set(row.personal) | {name for name in names if self.hides(row.table, name)}

    def search(self, rows: QuerySet[RowDifference], words: str) -> QuerySet[RowDifference]:
        """The rows that contain this text; none for people who only watch.

        A hit would tell what hidden values are, and the stored text does not say of which column it is.
        """
        if not self.sees_personal:
            return rows.none()
        return rows.filter(Q(text__icontains=words) | Q(personal_text__icontains=words))

    def mask_summary(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts of a comparison without its tables, personal values masked."""
        summary = {name: value for name, value in facts.items() if name != "tables"}
        return summary if self.sees_personal else self._personal.mask({**summary, "tables": []})

    def mask_table(self, table: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts of one table.

        Where anything is personal, only facts that hold no values are left: no SQL, nothing unknown, and
        no places in the table where its key is personal.
        """
        if not self.is_hiding:
            return dict(facts)
        shown = {name: value for name, value in facts.items() if name in WITHOUT_VALUES}
        if any(self.hides(table, name) for name in facts.get("key", ())):
            shown.pop("places", None)
        return shown

    @property
    def _personal(self) -> PersonalColumns:
        return HiddenColumns(self.patterns or ("",), self.harmless)  # mask() wants one


def get_mask(attempt: Attempt, *, sees_personal: bool) -> PersonalMask:
    """The mask of a comparison for a person; ``sees_personal`` is for those who work on the cutover.

    The evidence holds the personal columns that were declared when the comparison was made. Until there
    is evidence, the parameters of the attempt name them.
    """
    evidence = Evidence.objects.filter(attempt=attempt).values_list("facts__parity__personal", flat=True)
    declared = next(iter(evidence), None) or attempt.params.get("personal") or ()
    return PersonalMask(sees_personal, _patterns(declared), _patterns(attempt.params.get("harmless")))


def _patterns(declared: Any) -> tuple[str, ...]:
    return tuple(map(str, declared)) if isinstance(declared, list | tuple) else ()


def _show_value(text: str | None, *, hidden: bool, has_row: bool) -> ShownValue:
    if not has_row:
        return ShownValue(ValueState.NO_ROW)
    if hidden:
        return ShownValue(ValueState.HIDDEN)
    return ShownValue(ValueState.NULL) if text is None else ShownValue(ValueState.VALUE, text)
