"""Other names of the target: its tables and columns are compared under the names of the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from integrations.parity.model.declared import DeclaredRule
from integrations.parity.model.unmatched_rules import SchemaShape
from integrations.parity.server.catalog import CatalogColumn, CatalogTable, make_label, split_label

Place = tuple[str, str]

#: Added to a name of the target that the source's name of another table or column has taken.
TAKEN = " (of the target)"


@dataclass(frozen=True)
class NameMapping:
    """The renames among declared rules; names are those of the source unless ``to`` says them."""

    rules: tuple[DeclaredRule, ...]

    @classmethod
    def of(cls, rules: Iterable[DeclaredRule]) -> NameMapping:
        """The renames among these rules."""
        return cls(tuple(rule for rule in rules if rule.to))

    @property
    def schemas(self) -> dict[str, str]:
        """Schema of the target → its name in the source."""
        return {rule.to: rule.schema for rule in self.rules if rule.kind == "renamed_schema"}

    @property
    def tables(self) -> dict[str, str]:
        """Label of a table of the target → its label in the source."""
        return {rule.to: rule.table for rule in self.rules if rule.kind == "renamed_table"}

    def find_column(self, table: str, name: str) -> str:
        """The source's name of a column of the target; ``table`` is the source's label."""
        for rule in self.rules:
            if rule.kind == "renamed_column" and rule.to == name and rule.matches(table, rule.column):
                return rule.column
        return name

    def target_schemas(self, schemas: tuple[str, ...]) -> tuple[str, ...]:
        """The schemas of the target that hold these of the source."""
        names = {own: other for other, own in self.schemas.items()}
        return tuple(names.get(schema, schema) for schema in schemas)

    def translate(
        self, tables: Mapping[Place, CatalogTable], source: Mapping[Place, CatalogTable]
    ) -> dict[Place, CatalogTable]:
        """The tables of the target, by the places of the source, with the source's names."""
        if not self.rules:
            return dict(tables)
        places = {table.label: place for place, table in source.items()}
        renamed: dict[Place, CatalogTable] = {}
        others: dict[Place, CatalogTable] = {}
        for place, table in tables.items():
            wanted = self._find_place(table, places)
            (renamed if wanted != place else others)[wanted] = table
        for place, table in others.items():
            taken = (place[0], place[1] + TAKEN) if place in renamed else place
            renamed[taken] = table
        return {
            place: self._translate_table(table, place, source.get(place)) for place, table in renamed.items()
        }

    def _find_place(self, table: CatalogTable, places: Mapping[str, Place]) -> Place:
        wanted = self.tables.get(table.own_label, "")
        if wanted in places:
            return places[wanted]
        return self.schemas.get(table.schema, table.schema), table.name

    def _translate_table(
        self, table: CatalogTable, place: Place, source: CatalogTable | None
    ) -> CatalogTable:
        label = source.label if source else make_label(*place)
        names = self._column_names(table, label)
        columns = tuple(_translate_column(column, names[column.name]) for column in table.columns)
        key = tuple(names[name] for name in table.key)
        known_as = label if label != table.own_label else ""
        return replace(table, known_as=known_as, columns=columns, key=key)

    def _column_names(self, table: CatalogTable, label: str) -> dict[str, str]:
        """Name of a column of the target → its name in the source."""
        renamed = {column.name: self.find_column(label, column.name) for column in table.columns}
        taken = {new for name, new in renamed.items() if new != name}
        return {name: name + TAKEN if new == name and name in taken else new for name, new in renamed.items()}

    def translate_shape(self, shape: SchemaShape) -> SchemaShape:
        """The shape of a target with the source's names of renamed tables and columns."""
        found = {}
        for label, columns in shape.items():
            schema, name = split_label(label)
            known = self.tables.get(label) or make_label(self.schemas.get(schema, schema), name)
            found[known] = {
                self.find_column(known, own): replace(one, own_table=label, own_name=own)
                for own, one in columns.items()
            }
        return found


def _translate_column(column: CatalogColumn, name: str) -> CatalogColumn:
    return column if name == column.name else replace(column, name=name, stored=column.name)


def describe_names(source: CatalogTable, target: CatalogTable) -> Iterator[str]:
    """What of a table has another name in the target: “users is accounts.members in the target”."""
    if source.own_label != target.own_label:
        yield f"{source.label} is {target.own_label} in the target"
    for side, table in (("source", source), ("target", target)):
        if table.with_children:
            yield f"{source.label} together with the tables that inherit from it, in the {side}"
    for column in target.columns:
        if column.stored and source.column(column.name):
            yield f"{source.label}.{column.name} is {column.stored} in the target"


def applies_to_names(rule: DeclaredRule, source: CatalogTable, target: CatalogTable) -> bool:
    """Whether a rule is about how these tables are paired: a rename, or children that are read with it."""
    if rule.kind == "renamed_schema":
        return rule.schema == source.schema and rule.to == target.schema
    if rule.kind == "renamed_table":
        return rule.table == source.label and rule.to == target.own_label
    if rule.kind == "with_children":
        return rule.matches(source.label) and (source.with_children or target.with_children)
    renamed = {(column.name, column.stored) for column in target.columns}
    return rule.matches(source.label, rule.column) and (rule.column, rule.to) in renamed
