"""Finds rules that match nothing: names written wrong, and rules for another database than this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from integrations.parity.model.declared import RENAMES, DeclaredRule
from integrations.parity.server.catalog import CatalogTable, split_label

TIME_FAMILIES = ("timestamp", "time")


@dataclass(frozen=True)
class ColumnShape:
    """The family of a column's type, and whether a value is required (None where that is not known).

    ``own_table`` and ``own_name`` are the names in the target of what is known under those of the source.
    """

    family: str = ""
    required: bool | None = None
    own_table: str = ""
    own_name: str = ""


#: Label of a table → column → its shape.
SchemaShape = Mapping[str, Mapping[str, ColumnShape]]


def read_shape(tables: Iterable[CatalogTable], structure: Mapping[str, Any] | None = None) -> SchemaShape:
    """The shape of one side. ``structure`` (`read_structure`) adds what is required, and tables that are not
    among the compared ones."""
    written: Mapping[str, Mapping[str, str]] = (structure or {}).get("columns", {})
    found: dict[str, dict[str, ColumnShape]] = {
        table: {name: ColumnShape(required=_is_required(text)) for name, text in columns.items()}
        for table, columns in written.items()
    }
    for table in tables:
        known = written.get(table.label, {})
        found[table.label] = {
            column.name: ColumnShape(
                column.family, _is_required(known.get(column.name, "")), table.own_label, column.stored
            )
            for column in table.columns
        }
    return found


def _is_required(definition: str) -> bool | None:
    return definition.startswith("not null") if definition else None


@dataclass(frozen=True)
class UnmatchedRule:
    """An entry that matches nothing: its list (``declared``, ``personal`` or ``harmless``), its position from
    1 on, and the sentence about it."""

    list: str
    number: int
    sentence: str


def find_unmatched_rules(
    before: SchemaShape,
    after: SchemaShape | None,
    rules: Sequence[DeclaredRule],
    personal: Sequence[str] = (),
    harmless: Sequence[str] = (),
) -> list[str]:
    """What matches nothing, with its position in its list and the reason, in words.

    ``after`` is None where the other side is not known yet: then only what the first side alone can tell is
    found, and personal and harmless columns are not judged, because the other side may have them.
    """
    return [each.sentence for each in iterate_unmatched_rules(before, after, rules, personal, harmless)]


def iterate_unmatched_rules(
    before: SchemaShape,
    after: SchemaShape | None,
    rules: Sequence[DeclaredRule],
    personal: Sequence[str] = (),
    harmless: Sequence[str] = (),
) -> Iterator[UnmatchedRule]:
    """As `find_unmatched_rules`, each with its position."""
    check = _RuleCheck(before, after)
    for number, rule in enumerate(rules, 1):
        if reason := check.find_mistake(rule):
            sentence = f"declared difference {number} ({rule.kind} {_place(rule)}): {reason}"
            yield UnmatchedRule("declared", number, sentence)
    if after is None:
        return
    columns = {f"{table}.{name}" for side in (before, after) for table in side for name in side[table]}
    for kind, patterns in (("personal", personal), ("harmless", harmless)):
        for number, pattern in enumerate(patterns, 1):
            folded = pattern.casefold() if kind == "personal" else pattern  # see `PersonalColumns`
            named = {column.casefold() for column in columns} if kind == "personal" else columns
            if not any(fnmatchcase(column, folded) for column in named):
                sentence = f"{kind} column {number} ({pattern}): no table has such a column"
                yield UnmatchedRule(kind, number, sentence)


def _place(rule: DeclaredRule) -> str:
    return f"{rule.table}.{rule.column}" if rule.column else rule.table


@dataclass(frozen=True)
class _RuleCheck:
    before: SchemaShape
    after: SchemaShape | None

    def find_mistake(self, rule: DeclaredRule) -> str:
        """Why the rule matches nothing; empty when it matches something, or when that is not known."""
        if rule.kind in ("new_table", "dropped_table"):
            return self._find_table_mistake(rule)
        if rule.kind in ("new_column", "dropped_column"):
            return self._find_column_mistake(rule)
        if rule.kind in ("null_is_default", "null_is_filled", "rounded"):
            return self._find_value_mistake(rule)
        if rule.kind in RENAMES:
            return self._find_rename_mistake(rule)
        sides = [self.before, self.after or {}]
        places = [(table, name) for side in sides for table in side for name in ("", *side[table])]
        if rule.kind == "structure":  # its column is the name of an index or the like
            places = [(table, rule.column) for table, _ in places] + [("(database)", rule.column)]
        if rule.kind == "not_compared" and rule.table == "(database)":  # a kind of objects
            places = [("(database)", rule.column)]
        named = any(rule.matches(*place) for place in places)
        return "" if named or self.after is None else "no such table or column is there"

    def _find_rename_mistake(self, rule: DeclaredRule) -> str:
        """The target is known by the source's names here, those of renames included."""
        if rule.kind == "renamed_schema":
            named = any(split_label(table)[0] == rule.schema for table in self.before)
            return "" if named else "no table is in a schema of that name before the change"
        if not any(rule.matches(table, name) for table in self.before for name in ("", *self.before[table])):
            return "it is not there before the change"
        if self.after is None:
            return ""
        columns = [
            shape.own_name if rule.column else shape.own_table
            for table, names in self.after.items()
            for name, shape in names.items()
            if rule.matches(table, name if rule.column else "")
        ]
        return "" if rule.to in columns else "it is not there under the new name after the change"

    def _find_table_mistake(self, rule: DeclaredRule) -> str:
        new = rule.kind == "new_table"
        if self.after is None and new:
            return ""
        after = self.after or {}
        tables = after.keys() - self.before.keys() if new else self.before.keys() - after.keys()
        if any(fnmatchcase(table, rule.table) for table in tables):
            return ""
        return f"no table of that name is only {'after' if new else 'before'} the change"

    def _find_column_mistake(self, rule: DeclaredRule) -> str:
        new = rule.kind == "new_column"
        if self.after is None:
            return ""
        one, other = (self.after, self.before) if new else (self.before, self.after)
        for table in one.keys() & other.keys():
            if any(rule.matches(table, name) for name in one[table].keys() - other[table].keys()):
                return ""
        return f"no column of that name is only {'after' if new else 'before'} the change"

    def _find_value_mistake(self, rule: DeclaredRule) -> str:
        pairs = list(self._find_pairs(rule))
        if not pairs:
            where = "on both sides" if self.after is not None else "in this database"
            return f"no column of that name is {where}"
        if rule.kind == "rounded":
            times = any(before.family in TIME_FAMILIES for before, _ in pairs)
            return "" if times else "no column of that name holds a time"
        open_before = [pair for pair in pairs if pair[0].required is not True]
        if not open_before:
            return "it is NOT NULL already, so that the rule can never apply"
        if all(after.required is False for _, after in open_before):
            return "it may stay NULL afterwards: nothing fills it"
        return ""

    def _find_pairs(self, rule: DeclaredRule) -> Iterator[tuple[ColumnShape, ColumnShape]]:
        """The columns that the rule names, as they are before and after."""
        for table, columns in self.before.items():
            for name, shape in columns.items():
                other = self.after.get(table, {}).get(name) if self.after is not None else ColumnShape()
                if other is not None and rule.matches(table, name):
                    yield shape, other
