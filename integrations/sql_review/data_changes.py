"""Judges statements that touch rows: UPDATE, INSERT, DELETE, TRUNCATE, DO, COPY and calls."""

from __future__ import annotations

from typing import Any

from integrations.clients.sql_review.alter_table import functions
from integrations.clients.sql_review.constraints import all_rows, filter_check
from integrations.clients.sql_review.reading import Cut, clauses
from integrations.clients.sql_review.script import Script, bare, table_name
from integrations.clients.sql_review.statement import Change, Check, Judgement, Weighs

ROWS = "ROW EXCLUSIVE"


def update(cut: Cut, script: Script) -> Judgement:
    """UPDATE: counts the rows it meets, and remembers which columns have a value afterwards."""
    table = table_name(cut.node["relation"])
    part = clauses(cut.sql, "UPDATE", "SET", "FROM", "WHERE", "RETURNING")
    _remember(cut, script, table)
    found = Judgement().add(Change.CHANGES_DATA, lock=ROWS)
    return found.ask(
        *_touched(cut, table, part, "FROM", f"{bare(table)} rows that it changes", Weighs.CHANGED)
    )


def delete(cut: Cut, script: Script) -> Judgement:
    """DELETE: rows changed, and gone."""
    table = table_name(cut.node["relation"])
    part = clauses(cut.sql, "DELETE", "USING", "WHERE", "RETURNING")
    found = Judgement().add(Change.CHANGES_DATA, Change.DESTRUCTIVE, lock=ROWS)
    return found.ask(
        *_touched(cut, table, part, "USING", f"{bare(table)} rows that it deletes", Weighs.CHANGED)
    )


def _touched(
    cut: Cut, table: str, part: dict[str, str], join: str, words: str, weighs: Weighs
) -> list[Check]:
    if cut.node.get("withClause"):
        return []
    where = part.get("WHERE", "true")
    alias = cut.node["relation"].get("alias", {}).get("aliasname")
    if not alias and join not in part:
        return [filter_check(table, where, words, weighs)]
    others = f", {part[join]}" if join in part else ""
    source = f"{table} AS {alias}" if alias else table
    return [Check(words, f"SELECT count(*) FROM {source}{others} WHERE {where}", weighs)]  # noqa: S608


def _remember(cut: Cut, script: Script, table: str) -> None:
    for target in cut.node["targetList"]:
        name, value = target["ResTarget"]["name"], target["ResTarget"].get("val", {})
        sure = is_constant(value) and _reaches_each_null(cut.node.get("whereClause"), name)
        _, was_sure = script.filled.get((table, name), (0, False))
        if not was_sure:
            script.filled[table, name] = (cut.number, sure)


def is_constant(value: dict[str, Any]) -> bool:
    """Whether an expression is one value, never NULL, whatever the row."""
    if "TypeCast" in value:
        return is_constant(value["TypeCast"]["arg"])
    if "A_ArrayExpr" in value or "SQLValueFunction" in value:
        return True
    if "CoalesceExpr" in value:
        return any(is_constant(arg) for arg in value["CoalesceExpr"]["args"])
    if functions(value) in (["now"], ["gen_random_uuid"]):
        return True
    return "A_Const" in value and not value["A_Const"].get("isnull", False)


def _reaches_each_null(where: dict[str, Any] | None, column: str) -> bool:
    if where is None:
        return True
    test = where.get("NullTest", {})
    fields = test.get("arg", {}).get("ColumnRef", {}).get("fields", [{}])
    named = fields[-1].get("String", {}).get("sval")
    return test.get("nulltesttype") == "IS_NULL" and bool(named == column)


def insert(cut: Cut, script: Script) -> Judgement:
    """INSERT: the rows of its VALUES are counted here, those of a SELECT in the database."""
    table = table_name(cut.node["relation"])
    found = Judgement().add(Change.CHANGES_DATA, lock=ROWS)
    maybe = ", at most, since conflicts are passed over" if cut.node.get("onConflictClause") else ""
    words = f"rows that it adds to {bare(table)}{maybe}"
    select = cut.node.get("selectStmt", {}).get("SelectStmt", {})
    if select.get("valuesLists") or not select:
        count = len(select.get("valuesLists", [0]))
        return found.ask(Check(words, f"SELECT {count}", Weighs.CHANGED, count=count))
    if cut.node.get("withClause"):
        return found
    body = clauses(cut.sql, "SELECT", "ON", "RETURNING").get("SELECT", "")
    if " JOIN " in f" {cut.sql.upper()} ":  # ON may be the join's: too uncertain to cut there
        return found
    return found.ask(Check(words, f"SELECT count(*) FROM (SELECT {body}) added", Weighs.CHANGED))  # noqa: S608


def truncate(cut: Cut, script: Script) -> Judgement:
    """TRUNCATE: every row of every table named."""
    found = Judgement().add(Change.CHANGES_DATA, Change.DESTRUCTIVE, lock="ACCESS EXCLUSIVE")
    for each in cut.node["relations"]:
        table = table_name(each["RangeVar"])
        found.ask(all_rows(table, f"rows of {bare(table)}", Weighs.LOST))
    return found


def opaque(cut: Cut, script: Script) -> Judgement:
    """DO blocks, CALL, COPY, MERGE: code or rows that the grammar does not show."""
    words = "what it does to rows is not visible to this review: read it"
    return Judgement().add(Change.CHANGES_DATA, words=words, lock=ROWS)


def select(cut: Cut, script: Script) -> Judgement:
    """SELECT: harmless, unless it calls something that acts, or writes a table (INTO, WITH … UPDATE)."""
    if cut.node.get("intoClause"):
        return Judgement().add(Change.ADDITIVE, words="makes a table of its rows")
    writes = any(f"{kind}Stmt" in str(cut.node) for kind in ("Update", "Insert", "Delete"))
    acting = [name for name in functions(cut.node) if script.catalog.is_volatile(name)]
    if not writes and not acting:
        return Judgement().add(Change.METADATA, words="only reads", lock="ACCESS SHARE")
    words = f"calls {', '.join(acting)}: read it" if acting else "writes rows inside WITH: read it"
    return Judgement().add(Change.CHANGES_DATA, words=words, lock=ROWS)
