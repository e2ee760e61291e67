"""Matches tables and columns of a source of another kind with the target's, under the declared rules."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import SchemaDifference
from integrations.parity.model.selection import TableSelection
from integrations.parity.server.catalog import CatalogColumn, CatalogTable, make_label, quote_name
from integrations.parity.sources.row_buckets import md5_of
from integrations.parity.sources.source_tables import (
    Adjustment,
    MatchedColumn,
    MatchedTable,
    SourceColumn,
    SourceTable,
)

Tables = Mapping[tuple[str, str], CatalogTable]
#: (form, what follows from the types, a note) for two columns; the form is empty where there is none.
ColumnMatcher = Callable[[SourceColumn, CatalogColumn], tuple[str, tuple[Adjustment, ...], str]]

#: The kinds of rules that mean something here. Every other one is refused by its name.
KNOWN_RULES = frozenset(
    {
        "null_is_default", "rounded", "new_rows", "new_column", "dropped_column", "new_table",
        "dropped_table", "not_compared",
    }
)  # fmt: skip
TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])?")


@dataclass
class Matching:
    """What is compared, what differs in the schema, and what is left out on purpose."""

    tables: list[MatchedTable] = field(default_factory=list)
    schema: SchemaDifference = field(default_factory=SchemaDifference)
    excluded: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)  # name in the source → label


def match_tables(
    source: Sequence[SourceTable],
    target: Tables,
    places: Sequence[str],
    declared: DeclaredRules,
    match_column: ColumnMatcher,
    selection: TableSelection,
) -> Matching:
    """Pairs tables by name; ``places`` are the schemas of the target in which one may be, the best one first.

    A name that is written otherwise (in letter case) is the same where only one table has it.
    """
    found = Matching()
    taken = _pair_names([table.name for table in source], target, places)
    for table in source:
        place = taken.get(table.name)
        label = target[place].label if place else make_label(places[0], table.name)
        found.labels[table.name] = label
        if declared.find("not_compared", label) or not selection.selects(label):
            found.excluded.append(label)
        elif place is None:
            found.schema.missing_tables.append(label)
            _note_declared(found.schema, declared, "dropped_table", label)
        else:
            matched = _TableMatcher(table, target[place], declared, found.schema, match_column).match()
            found.tables.append(matched)
            found.excluded += [f"{label}.{quote_name(name)}" for name in matched.excluded]
    for place in sorted(set(target) - set(taken.values())):
        label = target[place].label
        if declared.find("not_compared", label) or not selection.selects(label):
            found.excluded.append(label)
        else:
            found.schema.new_tables.append(label)
            _note_declared(found.schema, declared, "new_table", label)
    return found


def _note_declared(
    schema: SchemaDifference, declared: DeclaredRules, kind: str, table: str, column: str = ""
) -> None:
    if declared.find(kind, table, column):
        schema.declared.append(f"{table}.{quote_name(column)}" if column else table)


def _pair_names(names: Sequence[str], target: Tables, places: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name of a table of the source → its place in the target: exact names first."""
    taken: dict[str, tuple[str, str]] = {}
    for written in (str, str.lower):
        for name in names:
            if name in taken:
                continue
            for schema in places:
                left = [place for place in target if place[0] == schema and place not in taken.values()]
                found = [place for place in left if written(name) == written(place[1])]
                if len(found) == 1:
                    taken[name] = found[0]
                    break
    return taken


@dataclass(frozen=True)
class _TableMatcher:
    source: SourceTable
    target: CatalogTable
    declared: DeclaredRules
    schema: SchemaDifference
    match_column: ColumnMatcher

    def match(self) -> MatchedTable:
        """The columns of both sides, by name."""
        label, columns, unsound, excluded = self.target.label, [], [], []
        pairs = dict(pair_columns(self.source.columns, self.target.columns))
        for column in self.source.columns:
            other = pairs.get(column.name)
            name = other.name if other else column.name
            if self.declared.find("not_compared", label, name):
                excluded.append(name)
            elif other is None:
                self.schema.missing_columns.append(f"{label}.{quote_name(name)}")
                _note_declared(self.schema, self.declared, "dropped_column", label, name)
            else:
                self._note_types(column, other)
                matched, reason = self._match_pair(column, other)
                columns += [matched] if matched else []
                unsound += [reason] if reason else []
        self._add_new_columns({other.name for other in pairs.values()}, excluded)
        if not columns and (self.source.columns or self.target.columns):
            unsound.append("not one of its columns was compared, and the number of its rows proves little")
        key = self._choose_key(columns)
        new_rows = self.declared.find("new_rows", label)
        return MatchedTable(
            self.source, self.target, tuple(columns), key, tuple(unsound), tuple(excluded), new_rows
        )

    def _note_types(self, column: SourceColumn, other: CatalogColumn) -> None:
        names = f"{self.target.label}.{quote_name(other.name)}"
        self.schema.changed_types.append({"column": names, "source": column.type, "target": other.type})

    def _add_new_columns(self, taken: set[str], excluded: list[str]) -> None:
        label = self.target.label
        for name in (column.name for column in self.target.columns if column.name not in taken):
            if self.declared.find("not_compared", label, name):
                excluded.append(name)
            else:
                self.schema.new_columns.append(f"{label}.{quote_name(name)}")
                _note_declared(self.schema, self.declared, "new_column", label, name)

    def _match_pair(self, column: SourceColumn, other: CatalogColumn) -> tuple[MatchedColumn | None, str]:
        form, adjustments, note = self.match_column(column, other)
        if not form:
            return None, f"{other.name}: {column.type} and {other.type} have no common form"
        label, more, reason = self.target.label, list(adjustments), ""
        if rule := self.declared.find("null_is_default", label, other.name):
            text = default_text(rule.default, form)
            if text is None:
                reason = (
                    f"{other.name}: the declared default {rule.default!r} is no value of its form ({form})"
                )
            else:
                more.append(Adjustment("default", rule.description, default=text, is_tracked=True))
        if form in ("timestamp", "time") and (rule := self.declared.find("rounded", label, other.name)):
            more = [each for each in more if each.kind != "rounded" or each.digits < rule.digits]
            if not any(each.kind == "rounded" for each in more):
                more.append(Adjustment("rounded", rule.description, digits=rule.digits, is_tracked=True))
        if column.name != other.name:
            note = "; ".join(filter(None, [f"its name in the source is {column.name}", note]))
        return MatchedColumn(column, other, form, tuple(more), note), reason

    def _choose_key(self, columns: Sequence[MatchedColumn]) -> tuple[str, ...]:
        """The key of the source, else of the target, if all of its columns are compared as they are."""
        usable = {
            column.source.name: column.name
            for column in columns
            if column.form != "json" and not column.adjustments
        }
        if self.source.key and usable.keys() >= set(self.source.key):
            return tuple(usable[name] for name in self.source.key)
        return self.target.key if self.target.key and set(usable.values()) >= set(self.target.key) else ()


def pair_columns(
    source: Iterable[SourceColumn], target: Iterable[CatalogColumn]
) -> Iterator[tuple[str, CatalogColumn]]:
    """Name of a column of the source → its counterpart: the exact name first, then in another letter case."""
    others = {column.name: column for column in target}
    names = [column.name for column in source]
    exact = [name for name in names if name in others]
    yield from ((name, others[name]) for name in exact)
    left = [column for name, column in others.items() if name not in exact]
    for name in (name for name in names if name not in others):
        found = [column for column in left if column.name.lower() == name.lower()]
        if len(found) == 1:
            left.remove(found[0])
            yield name, found[0]


def default_text(default: Any, form: str) -> str | None:
    """A declared default in a form, or None where it cannot be a value of it."""
    if isinstance(default, bool) or form == "boolean":
        return str(int(default)) if isinstance(default, bool) and form == "boolean" else None
    if form in ("integer", "numeric"):
        return _number_text(str(default))
    if form == "float" and isinstance(default, int | float):
        return struct.pack(">d", default + 0.0).hex()
    if not isinstance(default, str):
        return None
    if form in ("timestamp", "time", "date"):
        return default if form != "timestamp" or TIME_TEXT.fullmatch(default) else None
    if form == "long_text":
        return f"{len(default)}:{md5_of(default)}"
    if form == "uuid":
        return default.replace("-", "").lower()
    return default if form in ("text", "padded", "written") else None


def _number_text(text: str) -> str | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    plain = f"{number:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain
