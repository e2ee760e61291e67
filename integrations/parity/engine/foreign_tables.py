"""Foreign tables: compared through the table of which they are a part, and otherwise reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from integrations.parity.beyond_rows.object_reader import ObjectsOfSide
from integrations.parity.beyond_rows.objects_of_databases import FOREIGN_TABLES
from integrations.parity.model.plan import SchemaDifference
from integrations.parity.server.catalog import CatalogTable

#: Label of a foreign table → labels of the tables to which it belongs.
ForeignTables = Mapping[str, Sequence[str]]


def foreign_tables_of(objects: ObjectsOfSide) -> ForeignTables:
    """Those of a fingerprint, from the objects in it."""
    names = {name for each in objects.found.get(FOREIGN_TABLES.name, {}).values() for name in each}
    partitions = objects.found.get("partitions", {})
    return {name: [table for table, parts in partitions.items() if name in parts] for name in sorted(names)}


def split_foreign_tables(
    foreign: ForeignTables, tables: Iterable[CatalogTable]
) -> tuple[list[str], dict[str, str]]:
    """Labels of those whose rows nobody reads; and others, with the table through which they are read."""
    through = {table.own_label: table.label for table in tables if table.partitioned}
    unread, read = [], dict[str, str]()
    for name, parents in foreign.items():
        reader = next((through[parent] for parent in parents if parent in through), None)
        if reader is None:
            unread.append(name)
        else:
            read[name] = reader
    return unread, read


def note_children(schema: SchemaDifference, tables: Iterable[CatalogTable]) -> Iterator[str]:
    """How tables that only one side has can be compared through the table from which they inherit."""
    one_sided = {*schema.missing_tables, *schema.new_tables} - set(schema.declared)
    parents = {table.label: table.parents[0] for table in tables if table.parents}
    children: dict[str, set[str]] = {}
    for name in sorted(one_sided & parents.keys()):
        top = parents[name]
        while top in parents:  # the rule reaches over any number of steps
            top = parents[top]
        children.setdefault(top, set()).add(name)
    for parent, found in sorted(children.items()):
        names = sorted(found)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        verb = "inherits" if len(names) == 1 else "inherit"
        yield (
            f"{', '.join(names[:3])}{more} {verb} from {parent}: to compare its rows together with theirs,"
            f" declare {{kind: with_children, table: {parent}}}"
        )
