"""Finds the tables that a script creates and leaves: not those that it drops or renames again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integrations.sql_review.identifiers import TableName, read_names
from integrations.sql_review.parser import ParsedStatement, parse_script

TEMPORARY = "t"  # relpersistence of a table that ends with its session


def find_created_tables(sql: str, default_schema: str) -> list[TableName]:
    """Returns the tables that are there after the script and were not before, in the order of creation.

    A name without a schema is in ``default_schema``. Raises `SqlSyntaxError`.
    """
    found: list[TableName] = []
    for statement in parse_script(sql):
        gone, new = _effect(statement, default_schema)
        place = found.index(gone[0]) if len(gone) == len(new) == 1 and gone[0] in found else len(found)
        renamed = [each for each in new if not gone or gone[0] in found]
        found[place:place] = [each for each in renamed if each not in found]
        found = [each for each in found if each not in gone]
    return found


def _effect(statement: ParsedStatement, schema: str) -> tuple[list[TableName], list[TableName]]:
    """Returns the tables that are no longer there after a statement, and those that are new."""
    node, kind = statement.node, statement.kind
    if kind == "DropStmt" and node["removeType"] == "OBJECT_TABLE":
        names = [read_names(each["List"]["items"]) for each in node["objects"]]
        return [TableName(parts[-2] if len(parts) > 1 else schema, parts[-1]) for parts in names], []
    if kind == "RenameStmt" and node["renameType"] == "OBJECT_TABLE":
        old = _name(node["relation"], schema)
        return [old], [TableName(old.schema, node["newname"])]
    if kind == "AlterObjectSchemaStmt" and node["objectType"] == "OBJECT_TABLE":
        old = _name(node["relation"], schema)
        return [old], [TableName(node["newschema"], old.name)]
    return [], [_name(each, schema) for each in _created(statement) if each["relpersistence"] != TEMPORARY]


def _created(statement: ParsedStatement) -> Iterator[dict[str, Any]]:
    node, kind = statement.node, statement.kind
    if kind == "CreateStmt":
        yield node["relation"]
    elif kind == "CreateTableAsStmt" and node["objtype"] == "OBJECT_TABLE":
        yield node["into"]["rel"]
    elif kind == "SelectStmt" and "intoClause" in node:
        yield node["intoClause"]["rel"]


def _name(relation: dict[str, Any], schema: str) -> TableName:
    return TableName(relation.get("schemaname") or schema, relation["relname"])
