"""The objects of a target whose schemas, tables and columns have other names, in the names of the source.

Names are replaced where they can be told for certain: a place, a table with its schema, a column within the
objects of its table, a sequence by the column that owns it. What cannot be told stays as it is, and then it
is a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from integrations.parity.beyond_rows.object_kinds import DATABASE
from integrations.parity.beyond_rows.object_reader import ObjectsOfSide, Structure
from integrations.parity.beyond_rows.objects_of_tables import COLUMNS
from integrations.parity.beyond_rows.sequence_values import SEQUENCE_VALUES, SEQUENCES
from integrations.parity.model.mapping import NameMapping
from integrations.parity.server.catalog import CatalogTable, make_label, split_label

#: An identifier in SQL, in quotes or without.
IDENTIFIER = re.compile(r'"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*')
QUALIFIED = re.compile(rf'(?<![\w".$\u0080-\uffff])({IDENTIFIER.pattern})\.({IDENTIFIER.pattern})')
PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
OWNED_BY = re.compile(r"owned by .*$")

ByPlace = Mapping[str, Mapping[str, str]]


def quote(name: str) -> str:
    """An identifier as SQL writes it; names that are key words are not looked for."""
    return name if PLAIN.fullmatch(name) else '"{}"'.format(name.replace('"', '""'))


def unquote(name: str) -> str:
    """The name that an identifier in SQL means."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


@dataclass(frozen=True)
class ObjectNames:
    """Names of the target and those of the source in their place: of schemas, tables and, by the source's
    label of the table, columns."""

    schemas: Mapping[str, str]
    labels: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, mapping: NameMapping, tables: Iterable[CatalogTable]) -> ObjectNames:
        """Those of the tables of a target, as they are compared."""
        tables = list(tables)
        return cls(
            mapping.schemas,
            {table.own_label: table.known_as for table in tables if table.known_as},
            {
                table.label: {column.stored: column.name for column in table.columns if column.stored}
                for table in tables
            },
        )

    def label(self, label: str) -> str:
        """The label of a table, a type or another object of a schema."""
        if label in self.labels or label == DATABASE:
            return self.labels.get(label, label)
        schema, name = split_label(label)
        if "(" in label or schema not in self.schemas:
            return label
        return make_label(self.schemas[schema], name)

    def _qualified(self, schema: str, name: str) -> str:
        """A name with its schema, as SQL writes it, in the names of the source."""
        own = make_label(unquote(schema), unquote(name))
        known = split_label(self.label(own))
        return f"{quote(known[0])}.{quote(known[1])}" if self.label(own) != own else f"{schema}.{name}"

    def definition(self, text: str, place: str) -> str:
        """A definition with the names of the source; ``place`` is the source's label of its table."""
        text = QUALIFIED.sub(lambda match: self._qualified(match[1], match[2]), text)
        if columns := self.columns.get(place):
            quoted = {quote(own): quote(known) for own, known in columns.items()}
            text = IDENTIFIER.sub(lambda found: quoted.get(found[0], found[0]), text)
        return text


def translate_objects(side: ObjectsOfSide, source: ObjectsOfSide, names: ObjectNames) -> ObjectsOfSide:
    """The objects of a target under the source's names."""
    found: Structure = {}
    for kind, by_place in side.found.items():
        found[kind] = {}
        for own, by_name in by_place.items():
            place = names.label(own)
            columns = names.columns.get(place, {}) if kind == COLUMNS.name else {}
            into = found[kind].setdefault(place, {})
            for name, text in by_name.items():
                known = columns.get(name, names.label(name) if own == DATABASE else name)
                into[known] = names.definition(text, place)
    _rename_sequences(found, source.found.get(SEQUENCES.name, {}), names)
    return replace(side, found=found)


def _rename_sequences(found: Structure, source: ByPlace, names: ObjectNames) -> None:
    """Gives a sequence of the target the name of the one that the same column owns in the source."""
    renamed = {}
    for place, by_name in found.get(SEQUENCES.name, {}).items():
        owners = {_owner(text): name for name, text in source.get(place, {}).items()}
        for name, text in list(by_name.items()):
            owner = _translate_owner(_owner(text), place, names)
            known = owners.get(owner, name)
            if owner and known != name:
                renamed[names.label(name)] = known
                del by_name[name]
                by_name[known] = OWNED_BY.sub("", text) + owner
    values = found.get(SEQUENCE_VALUES.name, {}).get(DATABASE, {})
    for own, known in renamed.items():
        if own in values:
            values[known] = values.pop(own)


def _owner(text: str) -> str:
    match = OWNED_BY.search(text)
    return match[0] if match else ""


def _translate_owner(owner: str, place: str, names: ObjectNames) -> str:
    """“owned by label.column” in the source's names; labels are no SQL, so it is put together again."""
    for own, known in {**names.labels, place: place}.items():
        prefix = f"owned by {own}."
        if known == place and owner.startswith(prefix):
            column = owner.removeprefix(prefix)
            return f"owned by {place}.{names.columns.get(place, {}).get(column, column)}"
    return owner
