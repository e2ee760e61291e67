"""Reviews a script: each statement read by PostgreSQL's grammar, classed, and its rows counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from integrations.clients.sql_review import data_changes
from integrations.clients.sql_review.alter_table import alter_table
from integrations.clients.sql_review.catalog import Catalog
from integrations.clients.sql_review.constraints import all_rows, repeated
from integrations.clients.sql_review.counting import count_rows
from integrations.clients.sql_review.reading import Cut, Unparsable, clauses, cut
from integrations.clients.sql_review.script import Script, bare, dotted, quoted, table_name
from integrations.clients.sql_review.statement import Change, Judgement, Review, Statement, Weighs

ALL = "ACCESS EXCLUSIVE"


def review(
    sql: str, conn: psycopg.Connection[Any] | None = None, *, count: bool = True, seconds: float = 30
) -> Review:
    """Reviews a script of SQL, against the live database when a connection is given.

    With a connection the present types and NOT NULLs are known, and the count queries are
    answered in a read-only transaction, each within ``seconds``; a query that cannot be answered
    keeps its reason. A script that PostgreSQL's grammar refuses is said to be so, with the
    position, and nothing is guessed about any of it.
    """
    return review_in_turn({"": sql}, conn, count=count, seconds=seconds)[""]


def review_in_turn(
    scripts: Mapping[str, str],
    conn: psycopg.Connection[Any] | None = None,
    *,
    count: bool = True,
    seconds: float = 30,
) -> dict[str, Review]:
    """Reviews scripts that run one after the other: the later ones meet what the earlier ones made."""
    script = Script(Catalog(conn))
    return {name: _review(sql, script, count, seconds) for name, sql in scripts.items()}


def _review(sql: str, script: Script, count: bool, seconds: float) -> Review:
    try:
        cuts = cut(sql)
    except Unparsable as error:
        return Review((), unparsable=str(error))
    conn = script.catalog.conn
    statements = tuple(_statement(each, script) for each in cuts)
    if conn is not None and count:
        statements = count_rows(conn, statements, seconds=seconds)
    return Review(statements)


def _statement(cut: Cut, script: Script) -> Statement:
    parts = alter_table(cut, script) if cut.kind == "AlterTableStmt" else [_judge(cut, script)]
    classes = {change for part in parts for change in part.classes}
    if len(classes) > 1:
        classes.discard(Change.METADATA)
    whole = Judgement(classes)
    for part in parts:
        whole.add(lock=part.lock).ask(*part.checks)
        whole.words += [words for words in part.words if words not in whole.words]
    return Statement(
        number=cut.number,
        line=cut.line,
        sql=cut.sql,
        summary=_summary(cut),
        classes=tuple(change for change in Change if change in whole.classes),
        lock=whole.lock,
        checks=tuple(whole.checks),
        words="; ".join(whole.words),
    )


def _summary(cut: Cut) -> str:
    words = " ".join(re.findall(r"[A-Z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cut.kind)))
    head = re.match(r'\s*([A-Za-z]+(?:\s+[A-Za-z]+){0,2})\s+("[^"]+"(?:\."[^"]+")?|[\w.]+)?', cut.sql)
    text = f"{head[1]} {head[2] or ''}" if head else words
    return " ".join(text.replace('"', "").split())[:80]


def _judge(cut: Cut, script: Script) -> Judgement:
    judge = _JUDGES.get(cut.kind)
    if judge is not None:
        return judge(cut, script)
    for classes, kinds in _BY_KIND.items():
        if cut.kind in kinds:
            return Judgement().add(classes)
    words = f"{cut.kind} is not among the statements that this review knows: read it"
    return Judgement().add(Change.NOT_UNDERSTOOD, words=words)


def _create_table(cut: Cut, script: Script) -> Judgement:
    table = table_name(cut.node["relation"])
    if cut.node.get("if_not_exists") and script.catalog.columns(table):
        return Judgement().add(Change.METADATA, words=f"{bare(table)} is there already: nothing happens")
    script.made.add(table)
    return Judgement().add(Change.ADDITIVE, words=f"new table {bare(table)}")


def _create_index(cut: Cut, script: Script) -> Judgement:
    table = table_name(cut.node["relation"])
    if table in script.made:
        return Judgement().add(Change.ADDITIVE, words=f"on {bare(table)}, which is new and empty")
    found = Judgement().add(Change.ADDITIVE)
    if cut.node.get("concurrent"):
        found.add(words="built while reads and writes go on", lock="SHARE UPDATE EXCLUSIVE")
    else:
        found.add(Change.LONG_LOCK, words="writes wait while it is built", lock="SHARE")
    return _unique_index(cut, script, table, found) if cut.node.get("unique") else found


def _unique_index(cut: Cut, script: Script, table: str, found: Judgement) -> Judgement:
    elements = [each["IndexElem"] for each in cut.node["indexParams"]]
    columns = [element.get("name") for element in elements]
    found.add(Change.CAN_FAIL, words="unique: a value that stands twice stops it")
    if None in columns or any((table, column) in script.added for column in columns):
        return found
    words = f"values of {', '.join(map(str, columns))} in {bare(table)} that are there more than once"
    where = clauses(cut.sql, "WHERE").get("WHERE", "")
    return found.ask(repeated(table, [quoted(str(c)) for c in columns], words, where))


#: What DROP of an object loses: tables and schemas lose rows, types and sequences what uses them.
_LOSING = {
    "OBJECT_TABLE",
    "OBJECT_SCHEMA",
    "OBJECT_TYPE",
    "OBJECT_SEQUENCE",
    "OBJECT_MATVIEW",
    "OBJECT_EXTENSION",
}


def _drop(cut: Cut, script: Script) -> Judgement:
    kind = cut.node["removeType"]
    if kind not in _LOSING:
        return Judgement().add(Change.METADATA, lock="" if cut.node.get("concurrent") else ALL)
    found = Judgement().add(Change.DESTRUCTIVE, lock=ALL)
    if kind == "OBJECT_TABLE":
        for each in cut.node["objects"]:
            table = dotted(each["List"]["items"])
            if table not in script.made:
                found.ask(all_rows(table, f"rows of {bare(table)}", Weighs.LOST))
    return found


def _rename(cut: Cut, script: Script) -> Judgement:
    words = "whoever uses the old name fails from then on"
    return Judgement().add(Change.METADATA, words=words, lock=ALL)


_JUDGES: dict[str, Callable[[Cut, Script], Judgement]] = {
    "CreateStmt": _create_table,
    "IndexStmt": _create_index,
    "DropStmt": _drop,
    "RenameStmt": _rename,
    "UpdateStmt": data_changes.update,
    "DeleteStmt": data_changes.delete,
    "InsertStmt": data_changes.insert,
    "TruncateStmt": data_changes.truncate,
    "SelectStmt": data_changes.select,
    "DoStmt": data_changes.opaque,
    "CallStmt": data_changes.opaque,
    "CopyStmt": data_changes.opaque,
    "MergeStmt": data_changes.opaque,
    "ExecuteStmt": data_changes.opaque,
}

_BY_KIND: dict[Change, set[str]] = {
    Change.ADDITIVE: {
        "CreateEnumStmt",
        "AlterEnumStmt",
        "CompositeTypeStmt",
        "CreateDomainStmt",
        "CreateSeqStmt",
        "CreateExtensionStmt",
        "CreateSchemaStmt",
        "CreateFunctionStmt",
        "CreateTrigStmt",
        "CreateTableAsStmt",
        "ViewStmt",
    },
    Change.METADATA: {
        "CommentStmt",
        "GrantStmt",
        "GrantRoleStmt",
        "AlterOwnerStmt",
        "AlterObjectSchemaStmt",
        "AlterSeqStmt",
        "AlterDefaultPrivilegesStmt",
        "VariableSetStmt",
        "TransactionStmt",
        "LockStmt",
    },
    Change.REWRITES: {"ClusterStmt", "VacuumStmt", "ReindexStmt"},
}
