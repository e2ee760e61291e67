"""Leaves out of a diff what pending migrations do before it: the diff is of the database as it is now."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from integrations.preflight.pending_scripts import PendingScript
from integrations.sql_review.identifiers import read_names
from integrations.sql_review.parser import Node, ParsedStatement, SqlSyntaxError, deparse, parse_script


@dataclass
class _Done:
    """What the migrations make and remove: tables and “table.column”s with their schema, and other names."""

    made: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def note(self, statement: ParsedStatement) -> None:
        """Adds what one statement makes and removes."""
        node = statement.node
        if statement.kind == "CreateStmt":
            self.made.add(_label(node["relation"]))
        elif statement.kind == "CreateEnumStmt":
            self.made.add(read_names(node["typeName"])[-1])
        elif statement.kind == "IndexStmt":
            self.made.add(node.get("idxname", ""))
        elif statement.kind == "DropStmt":
            self.gone |= set(_dropped(node))
        elif statement.kind == "RenameStmt":
            self._note_rename(node)
        elif statement.kind == "AlterTableStmt":
            for command in _commands(node):
                made, gone = _effect(_label(node["relation"]), command)
                self.made.add(made)
                self.gone.add(gone)

    def _note_rename(self, node: Node) -> None:
        if "relation" not in node:
            return
        table = _label(node["relation"])
        if node["renameType"] == "OBJECT_COLUMN":
            self.made.add(f"{table}.{node['newname']}")
            self.gone.add(f"{table}.{node['subname']}")
        elif node["renameType"] == "OBJECT_TABLE":
            self.made.add(f"{table.rpartition('.')[0]}.{node['newname']}")
            self.gone.add(table)

    def has(self, made: str, gone: str) -> bool:
        """Whether the migrations do this already."""
        return bool(made and made in self.made) or bool(gone and gone in self.gone)


def drop_superseded(diff: str, migrations: Iterable[PendingScript]) -> str:
    """The diff without what the migrations make or remove. A diff that cannot be parsed is left as it is."""
    done = _Done()
    for script in migrations:
        for statement in script.parse():
            done.note(statement)
    if not (done.made or done.gone):
        return diff
    try:
        return "".join(f"{sql};\n" for each in parse_script(diff) if (sql := _remainder(each, done)))
    except SqlSyntaxError:
        return diff


def _remainder(statement: ParsedStatement, done: _Done) -> str:
    """What is left of a statement; "" where it is not needed any more."""
    node = statement.node
    if statement.kind == "CreateStmt":
        return "" if _label(node["relation"]) in done.made else statement.sql
    if statement.kind == "CreateEnumStmt":
        return "" if read_names(node["typeName"])[-1] in done.made else statement.sql
    if statement.kind == "IndexStmt":
        is_done = {node.get("idxname", ""), _label(node["relation"])} & done.made
        return "" if is_done else statement.sql
    if statement.kind == "DropStmt":
        return "" if set(_dropped(node)) <= done.gone else statement.sql
    if statement.kind != "AlterTableStmt":
        return statement.sql
    table = _label(node["relation"])
    if table in done.made:
        return ""
    left = [each for each in node["cmds"] if not done.has(*_effect(table, each["AlterTableCmd"]))]
    if len(left) == len(node["cmds"]):
        return statement.sql
    return deparse({statement.kind: {**copy.deepcopy(node), "cmds": left}}) if left else ""


def _commands(node: Node) -> Iterator[Node]:
    return (each["AlterTableCmd"] for each in node["cmds"])


def _effect(table: str, command: Node) -> tuple[str, str]:
    """What a sub-command of ALTER TABLE makes and what it removes; "" for nothing."""
    kind = command["subtype"]
    if kind == "AT_AddColumn":
        return f"{table}.{command['def']['ColumnDef']['colname']}", ""
    if kind == "AT_DropColumn":
        return "", f"{table}.{command['name']}"
    if kind == "AT_AddConstraint":
        return command["def"]["Constraint"].get("conname", ""), ""
    if kind == "AT_DropConstraint":
        return "", command["name"]
    return "", ""


def _dropped(node: dict[str, Any]) -> Iterator[str]:
    is_table = node["removeType"] == "OBJECT_TABLE"
    for item in node["objects"]:
        names = read_names(item.get("List", {}).get("items"))
        if names:
            yield f"{'.'.join(names[:-1]) or 'public'}.{names[-1]}" if is_table else names[-1]


def _label(relation: Node) -> str:
    return f"{relation.get('schemaname') or 'public'}.{relation['relname']}"
