"""Cuts a script into statements with PostgreSQL's own grammar, and a statement into clauses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pgparse

#: One lexical piece of SQL; what is quoted or commented is one piece, so that words in it do not count.
PIECE = re.compile(
    r"""(?P<skip>--[^\n]*|/\*.*?\*/|\s+)
    |(?P<quoted>[eE]?'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|(?P<tag>\$\w*\$).*?(?P=tag))
    |(?P<word>[A-Za-z_]\w*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Cut:
    """One statement as it stands in the script, with its parse tree.

    ``kind`` is the name of PostgreSQL's node, e.g. “AlterTableStmt”, ``node`` its contents.
    Locations inside the node are byte offsets into the whole script; `after` turns them into text.
    """

    number: int
    line: int
    sql: str
    kind: str
    node: dict[str, Any]
    script: bytes
    begin: int
    end: int

    def after(self, location: int) -> str:
        """The statement's text from a location of the parse tree on."""
        return self.script[location : self.end].decode()


class Unparsable(Exception):
    """The script is not PostgreSQL's SQL; the message says where and why."""


def cut(script: str) -> list[Cut]:
    """The statements of a script; raises `Unparsable` with line and column."""
    try:
        found = pgparse.parse(script)
    except pgparse.PGQueryError as error:
        raise Unparsable(_position(script, error.position, error.message)) from None
    raw = script.encode()
    return [_cut(raw, number, entry) for number, entry in enumerate(found, start=1)]


def _cut(raw: bytes, number: int, entry: dict[str, Any]) -> Cut:
    begin = entry.get("stmt_location", 0)
    end = begin + entry["stmt_len"] if entry.get("stmt_len") else len(raw)
    text = raw[begin:end].decode()
    lead = len(text) - len(_without_lead(text))
    begin += len(text[:lead].encode())
    ((kind, node),) = entry["stmt"].items()
    line = raw[:begin].count(b"\n") + 1
    return Cut(number, line, text[lead:].rstrip(), kind, node, raw, begin, end)


def _without_lead(text: str) -> str:
    """The text from the first piece on that is neither space nor comment."""
    for piece in PIECE.finditer(text):
        if piece.lastgroup != "skip":
            return text[piece.start() :]
    return ""


def _position(script: str, position: int, message: str) -> str:
    before = script[: max(position - 1, 0)]
    column = len(before) - (before.rfind("\n") + 1) + 1
    return f"line {before.count(chr(10)) + 1}, column {column}: {message}"


def clauses(sql: str, *words: str) -> dict[str, str]:
    """What follows each of these key words outside of brackets and quotes, up to the next of them.

    The text before the first one stands under the empty string. The first occurrence counts.
    """
    marks = _marks(sql, {word.upper() for word in words})
    found: dict[str, str] = {"": sql[: marks[0][1]] if marks else sql}
    ends = [start for _, start, _ in marks[1:]] + [len(sql)]
    for (word, _, begin), end in zip(marks, ends, strict=False):
        found[word] = sql[begin:end].strip()
    return found


def _marks(sql: str, words: set[str]) -> list[tuple[str, int, int]]:
    depth, marks, seen = 0, [], set[str]()
    for piece in PIECE.finditer(sql):
        depth += {"(": 1, ")": -1}.get(piece.group(), 0)
        word = piece.group().upper()
        if piece.lastgroup == "word" and depth == 0 and word in words - seen:
            marks.append((word, piece.start(), piece.end()))
            seen.add(word)
    return marks


def bracketed(sql: str) -> str:
    """The text inside the first pair of round brackets."""
    depth, begin = 0, 0
    for piece in PIECE.finditer(sql):
        if piece.group() == "(":
            depth += 1
            begin = piece.end() if depth == 1 else begin
        elif piece.group() == ")":
            depth -= 1
            if depth == 0:
                return sql[begin : piece.start()]
    return ""
