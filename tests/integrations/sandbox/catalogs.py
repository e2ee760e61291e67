"""The catalog of a database in the form of the recorded facts (`customer/*_schema.json`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg

import integrations.sandbox

FACTS = Path(integrations.sandbox.__file__).parent / "customer"

COLUMNS = """
SELECT json_build_object('name', attname, 'type', format_type(atttypid, atttypmod),
         'nullable', NOT attnotnull, 'default', pg_get_expr(adbin, adrelid))
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
CONSTRAINTS = """
SELECT contype::text, conname, confrelid::regclass::text, pg_get_constraintdef(oid),
       confdeltype::text, confupdtype::text,
       (SELECT array_agg(attname::text ORDER BY n) FROM unnest(conkey) WITH ORDINALITY AS k (num, n)
        JOIN pg_attribute ON attrelid = conrelid AND attnum = num),
       (SELECT array_agg(attname::text ORDER BY n) FROM unnest(confkey) WITH ORDINALITY AS k (num, n)
        JOIN pg_attribute ON attrelid = confrelid AND attnum = num)
FROM pg_constraint WHERE conrelid = %s ORDER BY conname
"""
INDEXES = """
SELECT json_build_object('name', relname, 'definition', pg_get_indexdef(indexrelid),
         'unique', indisunique, 'primary', indisprimary)
FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = %s ORDER BY relname
"""
SEQUENCES = """
SELECT json_build_object('name', c.relname, 'type', format_type(seqtypid, NULL),
         'owned_by', refobjid::regclass || '.' || attname)
FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid
JOIN pg_depend ON objid = seqrelid AND classid = 'pg_class'::regclass AND deptype = 'a'
JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid ORDER BY c.relname
"""
TABLES = """
SELECT oid, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY relname
"""
OTHERS = {
    "views": "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'",
    "triggers": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    "enum_types": "SELECT typname FROM pg_type WHERE typtype = 'e'",
    "functions": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "extensions": "SELECT extname FROM pg_extension",
}
ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def recorded(name: str) -> dict[str, Any]:
    """One file of recorded facts."""
    facts: dict[str, Any] = json.loads((FACTS / f"{name}.json").read_text())
    return facts


def read_catalog(url: str) -> dict[str, Any]:
    """Tables, sequences and other objects of the schema public, and their counts."""
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = public")
        tables = {name: _read_table(connection, oid) for oid, name in connection.execute(TABLES).fetchall()}
        found: dict[str, Any] = {"tables": tables, "sequences": _first(connection, SEQUENCES)}
        found["other_objects"] = {kind: _first(connection, query) for kind, query in OTHERS.items()}
    parts = ("columns", "foreign_keys", "indexes")
    counts = {part: sum(len(table[part]) for table in tables.values()) for part in parts}
    return {**found, "count": {"tables": len(tables), **counts, "sequences": len(found["sequences"])}}


def _first(connection: psycopg.Connection[Any], query: str, *values: object) -> list[Any]:
    return [row[0] for row in connection.execute(query, values).fetchall()]


def _read_table(connection: psycopg.Connection[Any], oid: int) -> dict[str, Any]:
    table: dict[str, Any] = {"columns": _first(connection, COLUMNS, oid), "primary_key": None}
    table |= {"unique": [], "foreign_keys": [], "checks": []}
    for kind, name, other, definition, deleted, updated, columns, theirs in connection.execute(
        CONSTRAINTS, [oid]
    ):
        if kind == "p":
            table["primary_key"] = {"name": name, "columns": columns}
        elif kind == "u":
            table["unique"].append({"name": name, "columns": columns})
        elif kind == "c":
            table["checks"].append({"name": name, "definition": definition})
        elif kind == "f":
            references = {"table": other, "columns": theirs}
            actions = {"on_delete": ACTIONS[deleted], "on_update": ACTIONS[updated]}
            table["foreign_keys"].append(
                {"name": name, "columns": columns, "references": references, **actions}
            )
    return {**table, "indexes": _first(connection, INDEXES, oid)}


def in_order(table: dict[str, Any]) -> dict[str, Any]:
    """The table with its columns sorted by name."""
    return {**table, "columns": sorted(table["columns"], key=lambda column: str(column["name"]))}
