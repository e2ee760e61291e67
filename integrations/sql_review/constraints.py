"""Judges constraints that are added: which rows would break them, and who has to wait meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from integrations.clients.sql_review.reading import Cut, bracketed, clauses
from integrations.clients.sql_review.script import Script, bare, names, quoted, table_name
from integrations.clients.sql_review.statement import Change, Check, Judgement, Weighs


def filter_check(table: str, condition: str, words: str, weighs: Weighs) -> Check:
    """A check that is a filter over one table."""
    query = f"SELECT count(*) FROM {table} WHERE {condition}"  # noqa: S608 - quoted names of the script
    return Check(words, query, weighs, table=table, condition=condition)


def all_rows(table: str, words: str, weighs: Weighs) -> Check:
    """A check that counts every row of a table."""
    return filter_check(table, "true", words, weighs)


def repeated(table: str, expressions: Sequence[str], words: str, where: str = "") -> Check:
    """Counts the values that stand in more than one row (NULLs never repeat)."""
    conditions = [f"{e} IS NOT NULL" for e in expressions] + ([f"({where})"] if where else [])
    inner = (
        f"SELECT 1 FROM {table} WHERE {' AND '.join(conditions)} "  # noqa: S608 - as above
        f"GROUP BY {', '.join(expressions)} HAVING count(*) > 1"
    )
    return Check(words, f"SELECT count(*) FROM ({inner}) repeated", Weighs.FAILS)  # noqa: S608


def add_constraint(cut: Cut, script: Script, table: str, node: dict[str, Any]) -> Judgement:
    """ALTER TABLE … ADD CONSTRAINT."""
    found = Judgement()
    if table in script.made:
        return found.add(Change.ADDITIVE, words=f"on {bare(table)}, which is new and empty")
    if node.get("skip_validation"):
        words = "NOT VALID: rows that are there are not looked at"
        return found.add(Change.ADDITIVE, words=words, lock="SHARE ROW EXCLUSIVE")
    judge = _JUDGES.get(node["contype"])
    if judge is None:
        words = "a kind of constraint whose check on the rows cannot be counted"
        return found.add(Change.ADDITIVE, Change.CAN_FAIL, Change.LONG_LOCK, words=words, lock=_ALL)
    return judge(cut, script, table, node)


_ALL = "ACCESS EXCLUSIVE"
_LONG = (Change.ADDITIVE, Change.CAN_FAIL, Change.LONG_LOCK)


def _foreign(cut: Cut, script: Script, table: str, node: dict[str, Any]) -> Judgement:
    child, other = names(node["fk_attrs"]), table_name(node["pktable"])
    parent = names(node.get("pk_attrs")) or ["id"]
    found = Judgement().add(
        *_LONG, words=f"every row is looked up in {bare(other)} while writes wait", lock="SHARE ROW EXCLUSIVE"
    )
    if any((table, column) in script.added for column in child):
        return found.add(words="on a column that this script adds: nothing to count yet")
    given = " AND ".join(f"c.{quoted(c)} IS NOT NULL" for c in child)
    query = f"SELECT count(*) FROM {table} c WHERE {given}"  # noqa: S608 - quoted names of the script
    if other not in script.made:
        same = " AND ".join(f"p.{quoted(p)} = c.{quoted(c)}" for p, c in zip(parent, child, strict=False))
        query += f" AND NOT EXISTS (SELECT 1 FROM {other} p WHERE {same})"  # noqa: S608
    words = f"{bare(table)} rows whose {', '.join(child)} is not in {bare(other)}"
    return found.ask(Check(words, query, Weighs.FAILS))


def _unique(cut: Cut, script: Script, table: str, node: dict[str, Any]) -> Judgement:
    if node.get("indexname"):
        return Judgement().add(Change.METADATA, words="uses an index that is there", lock=_ALL)
    columns = names(node.get("keys"))
    found = Judgement().add(*_LONG, words="builds an index while nobody reads or writes", lock=_ALL)
    words = f"values of {', '.join(columns)} in {bare(table)} that are there more than once"
    return found.ask(repeated(table, [quoted(c) for c in columns], words))


def _primary(cut: Cut, script: Script, table: str, node: dict[str, Any]) -> Judgement:
    found = _unique(cut, script, table, node)
    for column in names(node.get("keys")):
        words = f"{bare(table)} rows whose {column} is NULL"
        found.ask(filter_check(table, f"{quoted(column)} IS NULL", words, Weighs.FAILS))
    return found


def _check(cut: Cut, script: Script, table: str, node: dict[str, Any]) -> Judgement:
    rule = bracketed(clauses(cut.after(node["location"]), "CHECK").get("CHECK", ""))
    found = Judgement().add(*_LONG, words="every row is read while nobody reads or writes", lock=_ALL)
    words = f"{bare(table)} rows that break CHECK ({rule})"
    return found.ask(filter_check(table, f"NOT ({rule})", words, Weighs.FAILS))


_JUDGES: dict[str, Callable[[Cut, Script, str, dict[str, Any]], Judgement]] = {
    "CONSTR_FOREIGN": _foreign,
    "CONSTR_UNIQUE": _unique,
    "CONSTR_PRIMARY": _primary,
    "CONSTR_CHECK": _check,
}
