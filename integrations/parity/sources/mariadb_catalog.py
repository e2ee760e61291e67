"""Tables, columns, keys and other objects of a MariaDB or MySQL database, from its information schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from integrations.parity.sources.mariadb_forms import sql_text
from integrations.parity.sources.mariadb_session import MariaDbSnapshot, SourceChanged
from integrations.parity.sources.source_tables import SourceColumn, SourceTable

TABLES = """
select table_name, table_type, coalesce(engine, ''), coalesce(table_rows, 0), coalesce(create_time, '')
  from information_schema.tables where table_schema = database() and {names}"""
COLUMNS = """
select table_name, column_name, column_type, data_type, is_nullable, coalesce(datetime_precision, 0),
       coalesce(numeric_scale, 0), coalesce(character_maximum_length, 0), coalesce(character_set_name, '')
  from information_schema.columns where table_schema = database() and {names}
 order by table_name, ordinal_position"""
EVERY = "true"
#: Unique indexes of whole columns that are never NULL; the primary key comes first.
KEYS = """
select s.table_name, s.index_name, s.column_name, s.sub_part is not null or c.is_nullable = 'YES'
  from information_schema.statistics s join information_schema.columns c
    on c.table_schema = s.table_schema and c.table_name = s.table_name and c.column_name = s.column_name
 where s.table_schema = database() and s.non_unique = 0
 order by s.table_name, s.index_name <> 'PRIMARY', s.index_name, s.seq_in_index"""
#: MariaDB's JSON is text with this condition.
JSON_CHECKS = """
select table_name, check_clause from information_schema.check_constraints
 where constraint_schema = database() and check_clause like 'json_valid(%'"""
AUTO_INCREMENTS = """
select t.table_name, c.column_name, t.auto_increment from information_schema.tables t
  join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
 where t.table_schema = database() and c.extra like '%auto_increment%' and t.auto_increment is not null"""
#: Kind of objects of PostgreSQL → how many of the kind that corresponds to it are here.
COUNTS = {
    "views": "select count(*) from information_schema.views where table_schema = database()",
    "triggers": "select count(*) from information_schema.triggers where trigger_schema = database()",
    "functions": "select count(*) from information_schema.routines where routine_schema = database()",
    "constraints": "select (select count(*) from information_schema.table_constraints"
    " where constraint_schema = database())",
    "indexes": "select count(distinct table_name, index_name) from information_schema.statistics"
    " where table_schema = database()",
    "columns": "select count(*) from information_schema.columns where table_schema = database()",
    "events": "select count(*) from information_schema.events where event_schema = database()",
    "sequences": "select count(*) from information_schema.tables"
    " where table_schema = database() and table_type = 'SEQUENCE'",
}
JSON_COLUMN = re.compile(r"json_valid\(`(.+)`\)")
LABEL = re.compile(r"'((?:[^']|'')*)'")
TRANSACTIONAL = frozenset({"innodb", ""})
LARGE_TEXTS = frozenset({"mediumtext", "longtext", "json"})


def read_source_tables(snapshot: MariaDbSnapshot, views: Collection[str]) -> list[SourceTable]:
    """Every table, and the views that ``views`` names."""
    columns, keys = _read_all_columns(snapshot), _read_unique_keys(snapshot)
    marks = _read_marks(snapshot)
    found = []
    for name, kind, engine, rows, _ in snapshot.fetch_rows(TABLES.format(names=EVERY)):
        if kind == "SEQUENCE" or (kind == "VIEW" and name not in views):
            continue
        notes = []
        if kind != "VIEW" and engine.lower() not in TRANSACTIONAL:
            notes.append(f"its engine {engine} keeps no snapshot: it was read as it was at that moment")
        if kind == "SYSTEM VERSIONED":
            notes.append("it keeps earlier versions of its rows, which were not compared")
        found.append(
            SourceTable(
                name, tuple(columns.get(name, ())), keys.get(name, ()), kind == "VIEW", int(rows),
                marks.get(name, ""), tuple(notes),
            )
        )  # fmt: skip
    return found


def _read_marks(snapshot: MariaDbSnapshot, names: str = EVERY) -> dict[str, str]:
    """Table → what changes when it is altered, truncated or exchanged for another one."""
    described: dict[str, list[str]] = {}
    for row in snapshot.fetch_rows(COLUMNS.format(names=names)):
        described.setdefault(row[0], []).append(" ".join(map(str, row[1:])))
    return {
        name: f"{kind} {engine} {made}: {'; '.join(described.get(name, ()))}"
        for name, kind, engine, _, made in snapshot.fetch_rows(TABLES.format(names=names))
    }


def require_same_table(snapshot: MariaDbSnapshot, table: SourceTable) -> None:
    """Raises `SourceChanged` unless the table is that of the beginning.

    The information schema answers as of now, and not as of the snapshot.
    """
    snapshot.require_settings()
    this = f"table_name = {sql_text(table.name)}"
    if _read_marks(snapshot, this).get(table.name) != table.mark:
        raise SourceChanged("it changed while the comparison ran (ALTER TABLE, RENAME); compare again")


def _read_all_columns(snapshot: MariaDbSnapshot) -> dict[str, list[SourceColumn]]:
    documents = _read_json_columns(snapshot)
    found: dict[str, list[SourceColumn]] = {}
    for table, name, written, kind, nullable, digits, scale, length, charset in snapshot.fetch_rows(
        COLUMNS.format(names=EVERY)
    ):
        labels = tuple(each.replace("''", "'") for each in LABEL.findall(written)) if kind == "set" else ()
        column = SourceColumn(
            name, written, kind.lower(), nullable == "NO", int(digits), int(scale), int(length),
            charset, kind == "json" or (table, name) in documents, labels,
        )  # fmt: skip
        found.setdefault(table, []).append(column)
    return found


def _read_json_columns(snapshot: MariaDbSnapshot) -> set[tuple[str, str]]:
    if not snapshot.is_mariadb:
        return set()
    found = set()
    for table, clause in snapshot.fetch_rows(JSON_CHECKS):
        if column := JSON_COLUMN.fullmatch(clause):
            found.add((table, column[1].replace("``", "`")))
    return found


def _read_unique_keys(snapshot: MariaDbSnapshot) -> dict[str, tuple[str, ...]]:
    """Table → the columns of its primary key, else of its first unique index that can hold no NULL."""
    indexes: dict[tuple[str, str], list[str] | None] = {}
    for table, index, column, is_partial in snapshot.fetch_rows(KEYS):
        if is_partial or column is None:
            indexes[table, index] = None
        elif (names := indexes.setdefault((table, index), [])) is not None:
            names.append(column)
    keys: dict[str, tuple[str, ...]] = {}
    for (table, _), names in indexes.items():
        if names:
            keys.setdefault(table, tuple(names))
    return keys


def read_auto_increments(snapshot: MariaDbSnapshot) -> dict[tuple[str, str], int]:
    """Table and column → the next number that the server would give."""
    rows = snapshot.fetch_rows(AUTO_INCREMENTS)
    return {(table, column): int(number) for table, column, number in rows}


def count_source_objects(snapshot: MariaDbSnapshot) -> Mapping[str, int | None]:
    """Kind → number of objects beside the rows; None where they could not be counted."""
    found: dict[str, Any] = {}
    for kind, query in COUNTS.items():
        try:
            found[kind] = int(snapshot.fetch_rows(query)[0][0])
        except SourceChanged:
            found[kind] = None
    return found
