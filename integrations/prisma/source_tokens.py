"""Splits the text of a Prisma schema or of a TypeScript configuration into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: One token. A text in quotes and a comment are one token each, so that words inside them do not count.
TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<template>`(?:[^`\\]|\\.)*`)
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<mark>\?\?|\|\||\?\.|.)""",
    re.VERBOSE | re.DOTALL,
)
OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class SourceToken:
    """A word, a text in quotes or a mark, with its line. ``text`` of a quoted one is without the quotes."""

    kind: str  # string, template, word or mark
    text: str
    line: int
    begin: int
    end: int


def read_tokens(source: str) -> list[SourceToken]:
    """Returns the tokens of a source text without blanks and comments."""
    found, line = [], 1
    for match in TOKEN.finditer(source):
        kind, text = str(match.lastgroup), match.group()
        if kind != "skip":
            shown = text[1:-1] if kind in {"string", "template"} else text
            found.append(SourceToken(kind, shown, line, match.start(), match.end()))
        line += text.count("\n")
    return found


def find_closing(tokens: list[SourceToken], opening: int) -> int:
    """Returns the index of the bracket that closes the one at ``opening``; the end where none does."""
    depth = 0
    for index in range(opening, len(tokens)):
        if tokens[index].kind == "mark":
            depth += (tokens[index].text in OPENING) - (tokens[index].text in CLOSING)
            if depth == 0:
                return index
    return len(tokens)
