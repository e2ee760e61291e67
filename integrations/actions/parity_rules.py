"""Checks the rules of a comparison against the database as it is and the datamodel that it will follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from integrations.parity.beyond_rows.object_reader import read_objects
from integrations.parity.beyond_rows.objects_of_tables import COLUMNS
from integrations.parity.beyond_rows.totals import GroupTotal
from integrations.parity.model.declared import DeclaredRule
from integrations.parity.model.mapping import NameMapping
from integrations.parity.model.unmatched_rules import (
    ColumnShape,
    SchemaShape,
    find_unmatched_rules,
    read_shape,
)
from integrations.parity.server.catalog import FAMILIES, read_tables
from integrations.parity.server.snapshot import Snapshot
from integrations.prisma.cli import Prisma
from integrations.prisma.datamodel import read_datamodel


def find_unmatched(
    snapshot: Snapshot,
    prisma: Prisma | None,
    *,
    rules: Sequence[DeclaredRule],
    personal: Sequence[str],
    totals: Sequence[GroupTotal],
    schemas: tuple[str, ...],
) -> list[str]:
    """What matches nothing, in words, with its position in its list.

    Without the project of the datamodel, only what this database alone can tell is found.
    """
    tables = read_tables(snapshot, schemas)
    before = read_shape(tables.values(), read_objects(snapshot, schemas, [COLUMNS]).found)
    after = NameMapping.of(rules).translate_shape(datamodel_shape(prisma)) if prisma else None
    return [
        *find_unmatched_rules(before, after, rules, personal),
        *_iterate_unmatched_totals(totals, before, after),
    ]


def datamodel_shape(prisma: Prisma) -> SchemaShape:
    """The tables and columns that the datamodel describes."""
    return {
        table: {
            name: ColumnShape(FAMILIES.get(column.type, column.type), column.required)
            for name, column in columns.items()
        }
        for table, columns in read_datamodel(prisma).items()
    }


def _iterate_unmatched_totals(
    totals: Iterable[GroupTotal], before: SchemaShape, after: SchemaShape | None
) -> Iterator[str]:
    sides: dict[str, Mapping[str, Mapping[str, ColumnShape]]] = {"this database": before}
    if after is not None:
        sides["the datamodel"] = after
    for number, total in enumerate(totals, 1):
        for side, tables in sides.items():
            lacking = {total.sum, *total.by} - tables.get(total.table, {}).keys()
            if lacking:
                yield f"total {number} ({total.name}): {side} has no {_names(total.table, lacking)}"


def _names(table: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{table}.{column}" for column in sorted(columns))
