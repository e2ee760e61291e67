"""Names a statement for a list: its kind and its object, such as “ALTER TABLE orders”."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from integrations.sql_review.identifiers import format_dotted_name, format_table_name, unquote_name
from integrations.sql_review.parser import TOKEN, ParsedStatement

LONGEST = 80  # characters
FILLERS = ("IF", "NOT", "EXISTS", "ONLY")  # words that say nothing about kind and object
AFTER_THE_NAME = ("AS", "BEFORE", "AFTER", "ON", "FOR", "USING", "ADD")
Node = dict[str, Any]


def summarize_statement(statement: ParsedStatement) -> str:
    """Returns the words of the statement's kind and the name of its object, without quotes."""
    summarize = _SUMMARIES.get(statement.kind)
    text = summarize(statement.node) if summarize else _first_words(statement.sql)
    return unquote_name(text)[:LONGEST]


def _first_words(sql: str) -> str:
    """The words that a statement begins with and the name after them; at most four."""
    words: list[str] = []
    for token in TOKEN.finditer(sql):
        if token.lastgroup == "skip" or token.group().upper() in FILLERS:
            continue
        is_over = token.lastgroup not in {"word", "quoted"} or token.group().upper() in AFTER_THE_NAME
        if is_over or len(words) == 4:
            break
        words.append(token.group())
        if token.lastgroup == "quoted":
            break
    return " ".join(words)


def _object_words(node: Node, key: str) -> str:
    """“OBJECT_TABLE” → “TABLE”, from the node's field of that name."""
    return str(node[key]).removeprefix("OBJECT_").replace("MATVIEW", "MATERIALIZED VIEW").replace("_", " ")


def _relation(words: str) -> Callable[[Node], str]:
    return lambda node: f"{words} {format_table_name(node['relation'])}"


def _index(node: Node) -> str:
    unique = "UNIQUE " if node.get("unique") else ""
    return f"CREATE {unique}INDEX {node.get('idxname') or 'on ' + format_table_name(node['relation'])}"


def _drop(node: Node) -> str:
    names = [_dropped_name(each) for each in node["objects"]]
    return f"DROP {_object_words(node, 'removeType')} {', '.join(names)}"


def _dropped_name(node: Node) -> str:
    ((kind, value),) = node.items()
    if kind == "List":
        return format_dotted_name([part for part in value["items"] if "String" in part])
    if kind == "TypeName":
        return format_dotted_name(value["names"])
    if kind == "ObjectWithArgs":
        return format_dotted_name(value["objname"])
    return str(value.get("sval", ""))


def _alter(key: str) -> Callable[[Node], str]:
    def summarize(node: Node) -> str:
        name = format_table_name(node["relation"]) if "relation" in node else ""
        return f"ALTER {_object_words(node, key)} {name}".strip()

    return summarize


def _transaction(node: Node) -> str:
    return str(node["kind"]).removeprefix("TRANS_STMT_").replace("_", " ")


_SUMMARIES: dict[str, Callable[[Node], str]] = {
    "CreateStmt": _relation("CREATE TABLE"),
    "AlterTableStmt": _alter("objtype"),
    "AlterObjectSchemaStmt": _alter("objectType"),
    "RenameStmt": _alter("renameType"),
    "InsertStmt": _relation("INSERT INTO"),
    "UpdateStmt": _relation("UPDATE"),
    "DeleteStmt": _relation("DELETE FROM"),
    "IndexStmt": _index,
    "DropStmt": _drop,
    "TransactionStmt": _transaction,
}
