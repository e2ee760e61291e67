"""The tables of both sides as they are compared: what was selected, with the conditions on their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from integrations.parity.engine.expressed_columns import express, refuse_constants
from integrations.parity.engine.inherited_tables import join_children
from integrations.parity.errors import ParityError
from integrations.parity.model.declared import DeclaredRule
from integrations.parity.model.mapping import NameMapping
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.model.selection import TableSelection
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.both_sides import query_both_snapshots
from integrations.parity.server.catalog import CatalogTable, read_tables
from integrations.parity.server.expressions import check_condition
from integrations.parity.server.snapshot import Snapshot

TablesByPlace = Mapping[tuple[str, str], CatalogTable]


def read_compared_tables(
    source: Snapshot | None, target: Snapshot, kept: TablesByPlace | None, options: ComparisonOptions
) -> tuple[TablesByPlace, TablesByPlace]:
    """The tables of source and target by (schema, name); of the source, those ``kept`` in a fingerprint if
    there is one.

    Raises `ParityError` when the options name tables or personal columns that are not there, or a condition
    that cannot be used: before a row is read.
    """
    before, after = _read_both(source, target, kept, options)
    selection = options.selection
    selection.require_matches(table.label for side in (before, after) for table in side.values())
    if options.refuse_personal:
        _require_personal(options.personal, [*before.values(), *after.values()])
    both = {table.label for table in before.values()} & {table.label for table in after.values()}
    before = _restrict(before, source, "source", both, selection)
    after = _restrict(after, target, "target", both, selection)
    constants: tuple[set[tuple[str, str]], set[tuple[str, str]]] = (set(), set())
    before = express(before, source, "source", options.rules, both, constants[0])
    after = express(after, target, "target", options.rules, both, constants[1])
    refuse_constants(*constants)
    return before, after


def read_source_tables(
    snapshot: Snapshot, schemas: tuple[str, ...], rules: Sequence[DeclaredRule]
) -> TablesByPlace:
    """The tables of a source alone, for a fingerprint."""
    tables = join_children(read_tables(snapshot, schemas), snapshot, rules)
    return express(tables, snapshot, "source", rules, [table.label for table in tables.values()])


def _read_both(
    source: Snapshot | None, target: Snapshot, kept: TablesByPlace | None, options: ComparisonOptions
) -> tuple[TablesByPlace, TablesByPlace]:
    mapping = NameMapping.of(options.rules)
    views = tuple(name for name, known in mapping.tables.items() if known in options.views)
    schemas = mapping.target_schemas(options.schemas)

    def read(snapshot: Snapshot) -> TablesByPlace:
        if snapshot is target:
            return read_tables(target, schemas, (*options.views, *views))
        return read_tables(snapshot, options.schemas, options.views)

    if kept is not None:
        return kept, join_children(mapping.translate(read(target), kept), target, options.rules)
    assert source is not None
    before, after = query_both_snapshots(source, target, read)
    before = join_children(before, source, options.rules)
    return before, join_children(mapping.translate(after, before), target, options.rules)


def _require_personal(patterns: Iterable[str], tables: Iterable[CatalogTable]) -> None:
    """Nothing may be shown where a rule that hides values hides nothing: it is often a typing error."""
    columns = [(table.label, column.name) for table in tables for column in table.columns]
    for pattern in patterns:
        rule = PersonalColumns((pattern,))
        if not any(rule.hides(*place) for place in columns):
            raise ParityError(
                f"The personal column {pattern} is not there.",
                means="Nothing was compared, because a wrong name would show what it was to hide.",
                next="Write table.column, or schema.table.column outside of public; each may hold *.",
            )


def _restrict(
    tables: TablesByPlace,
    snapshot: Snapshot | None,
    side: str,
    labels: set[str],
    selection: TableSelection,
) -> TablesByPlace:
    """The tables with the conditions on their rows, each checked by its server."""
    restricted = {}
    for place, table in tables.items():
        conditions = selection.conditions_of(table.label) if table.label in labels else []
        if not conditions or not selection.selects(table.label):
            continue
        for one in conditions:
            if snapshot:
                check_condition(
                    snapshot, table, one.on(side), f"The condition on {table.label}, for the {side},"
                )
        joined = " AND ".join(f"({one.on(side)}\n)" for one in conditions)
        only = conditions[0].on(side) if len(conditions) == 1 else joined
        restricted[place] = replace(table, condition=only)
    return {**tables, **restricted}


def list_left_out(tables: TablesByPlace, selection: TableSelection) -> Iterator[str]:
    """``schema.name`` of each of these tables that is not compared, as sequences name their table."""
    for table in tables.values():
        if not selection.selects(table.label):
            yield f"{table.schema}.{table.name}"
