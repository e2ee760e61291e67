"""Keys of rows, as examples for people: numbers and UUIDs only, never a value that could be personal."""

from __future__ import annotations

from integrations.clients import postgres
from integrations.sql_review.catalog import Catalog
from integrations.sql_review.tables import ScriptTable


def read_live_table(connection: postgres.Connection, name: str) -> ScriptTable | None:
    """A table of the database by the name that people write (“table”, “schema.table”); None without it."""
    catalog = Catalog(connection)
    schema, _, plain = name.rpartition(".")
    relation = catalog.find_relation(schema, plain)
    if relation is None:
        return None
    columns = {column.name: column for column in catalog.read_columns(relation.oid)}
    rules = catalog.read_rules(relation.oid)
    return ScriptTable(
        relation.name,
        relation.name.quoted,
        kind=relation.kind,
        columns=columns,
        rules=rules,
        oid=relation.oid,
    )


def read_keys(connection: postgres.Connection, table: ScriptTable, condition: str, most: int = 5) -> str:
    """“ For example id=7, id=9.” for rows that meet a condition; "" where their keys may not be shown."""
    key = table.key_expression()
    if not key:
        return ""
    query = f"SELECT {key} FROM {table.source()} WHERE {condition} LIMIT {most}"  # noqa: S608 - quoted names
    found = ", ".join(str(each) for (each,) in connection.execute(query.encode()))
    return f" For example {found}." if found else ""
