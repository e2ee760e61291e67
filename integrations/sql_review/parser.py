"""Parses a script into statements with PostgreSQL's own grammar, and writes parts of a parse tree as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import postgast
from google.protobuf.json_format import MessageToDict, ParseDict
from postgast import pg_query_pb2 as messages

Node = dict[str, Any]


#: One token of SQL. A quoted text and a comment are one token each, so that words inside them do not count.
TOKEN = re.compile(
    r"""(?P<skip>--[^\n]*|/\*.*?\*/|\s+)
    |(?P<quoted>[eE]?'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|(?P<tag>\$\w*\$).*?(?P=tag))
    |(?P<word>[A-Za-z_]\w*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class ParsedStatement:
    """One statement with its text and its parse tree.

    ``kind`` is the name of PostgreSQL's node, e.g. “AlterTableStmt”, ``node`` its contents.
    Locations inside the node are byte offsets into the whole script; `text_from` turns one into text.
    """

    number: int
    line: int
    sql: str
    kind: str
    node: dict[str, Any]
    script: bytes
    begin: int
    end: int

    def text_from(self, location: int) -> str:
        """Returns the statement's text from a location of the parse tree on."""
        return self.script[location : self.end].decode()


class SqlSyntaxError(Exception):
    """PostgreSQL's grammar refuses the script; the message says where and why."""


def parse_script(script: str) -> list[ParsedStatement]:
    """Returns the statements of a script. Raises `SqlSyntaxError` with line and column."""
    try:
        # PostgreSQL's names of nodes are the JSON names of the messages: {"AlterTableStmt": {…}}.
        entries = MessageToDict(postgast.parse(script)).get("stmts", [])
    except postgast.PgQueryError as error:
        raise SqlSyntaxError(_describe_position(script, error.cursorpos, error.message)) from None
    raw = script.encode()
    return [_build_statement(raw, number, entry) for number, entry in enumerate(entries, start=1)]


def deparse(node: Node) -> str:
    """Returns the SQL of a statement's tree, as {kind: contents}."""
    return str(postgast.deparse(ParseDict({"stmts": [{"stmt": node}]}, messages.ParseResult())))


def deparse_expression(expression: Node) -> str:
    """Returns the SQL of an expression's tree."""
    target = {"ResTarget": {"val": expression}}
    select = {"targetList": [target], "limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}
    return deparse({"SelectStmt": select}).removeprefix("SELECT ")


def parse_query(sql: str) -> Node:
    """Returns the tree of one query, as {kind: contents}."""
    (statement,) = parse_script(sql)
    return {statement.kind: statement.node}


def parse_expression(sql: str) -> Node:
    """Returns the tree of an expression."""
    target: Node = parse_query(f"SELECT {sql}")["SelectStmt"]["targetList"][0]["ResTarget"]["val"]
    return target


def _build_statement(raw: bytes, number: int, entry: dict[str, Any]) -> ParsedStatement:
    begin = entry.get("stmt_location", 0)
    end = begin + entry["stmt_len"] if entry.get("stmt_len") else len(raw)
    text = raw[begin:end].decode()
    lead = len(text) - len(_strip_lead(text))
    begin += len(text[:lead].encode())
    ((kind, node),) = entry["stmt"].items()
    line = raw[:begin].count(b"\n") + 1
    return ParsedStatement(number, line, text[lead:].rstrip(), kind, node, raw, begin, end)


def _strip_lead(text: str) -> str:
    """Returns the text from the first token on that is neither space nor comment."""
    for token in TOKEN.finditer(text):
        if token.lastgroup != "skip":
            return text[token.start() :]
    return ""


def _describe_position(script: str, position: int, message: str) -> str:
    before = script[: max(position - 1, 0)]
    column = len(before) - (before.rfind("\n") + 1) + 1
    return f"line {before.count(chr(10)) + 1}, column {column}: {message}"


def find_nodes(tree: Any, kind: str) -> Iterator[Node]:
    """Yields the contents of all nodes of a kind, anywhere in a piece of a parse tree."""
    if isinstance(tree, list):
        for each in tree:
            yield from find_nodes(each, kind)
    elif isinstance(tree, dict):
        if isinstance(tree.get(kind), dict):
            yield tree[kind]
        for each in tree.values():
            yield from find_nodes(each, kind)


def find_function_calls(tree: Any) -> list[str]:
    """Returns the names of all functions that are called anywhere in a piece of a parse tree."""
    return [call["funcname"][-1]["String"]["sval"] for call in find_nodes(tree, "FuncCall")]
