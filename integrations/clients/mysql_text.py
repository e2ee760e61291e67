"""Reads the text of a query as MySQL splits it into words, and refuses what does more than read.

The transaction refuses changes, too. It does not refuse ``INTO OUTFILE``, which writes a file of the server,
nor locks that other sessions wait for.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<hint> /\*(?:!|M!) )                                 # a comment that the server runs
  | (?P<comment> /\*.*?\*/ | \#[^\n]* | --(?=\s|\Z)[^\n]* )
  | (?P<quoted> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` )
  | (?P<open> ['"`] | /\* )                                 # it is not closed
  | (?P<word> [A-Za-z_$@0-9\u0080-\uffff]+ )
  | (?P<sign> [^\s] )
    """,
    re.VERBOSE | re.DOTALL,
)
_BEGINNINGS = ("select", "with", "values", "table")
#: words that a query which only reads does not have outside of quotes, each with what it would do
_REFUSED = {
    "into": "INTO writes a file or a variable.",
    "procedure": "PROCEDURE runs a program of the server.",
    "for update": "FOR UPDATE locks rows that others wait for.",
    "for share": "FOR SHARE locks rows that others wait for.",
    "lock in": "LOCK IN SHARE MODE locks rows that others wait for.",
}


def refuse_changes(query: str) -> None:
    """Raises ValueError, with a reason, for anything but one statement that only reads."""
    words = [_word(match) for match in _TOKEN.finditer(query)]
    words = [word for word in words if word]
    while words and words[-1] == ";":
        words.pop()
    if ";" in words:
        raise ValueError("has several statements; it has to be one.")
    first = next((word for word in words if word != "("), "")
    if first not in _BEGINNINGS:
        raise ValueError("only SELECT, WITH … SELECT, VALUES and TABLE are read-only.")
    for one, two in zip(words, [*words[1:], ""], strict=True):
        if reason := _REFUSED.get(one) or _REFUSED.get(f"{one} {two}"):
            raise ValueError(reason)


def _word(match: re.Match[str]) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "hint":
        raise ValueError("has a comment that the server would run (/*! … */).")
    if kind == "open":
        raise ValueError(f"{text} is opened and never closed.")
    if kind == "comment":
        return ""
    return "''" if kind == "quoted" else text.lower()
