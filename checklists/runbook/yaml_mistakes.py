"""Finds the line that a person has to correct when a file is no YAML, and says how.

The parser stops where it cannot go on. A quote or a bracket that was opened and never closed is noticed
many lines later, so the line of the parser is often not the line of the mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

#: what looks like a key of a runbook
_ENTRY = re.compile(r"^[ \t]*+(?:- ++)?[a-z][a-z_-]*+:(?: |$)", re.MULTILINE)

REMEDIES = (
    (
        "mapping values are not allowed",
        "A text with “: ” in it belongs in quotes. A key has to stand under the other keys of its item.",
    ),
    ("cannot start any token", "A text that begins with @, `, % or & belongs in quotes."),
    ("unknown escape character", "In double quotes write \\\\ for a backslash, or use single quotes."),
    ("could not find expected ':'", "Write a colon and a space behind the key."),
    (
        "did not find expected",
        "Indent it like the lines around it that belong together; a text that begins with a quote or bracket "
        "and goes on behind it belongs in quotes as a whole.",
    ),
)
_OTHERWISE = "Look at the indentation and the quotes of this line and the one above."


def explain_mistake(error: yaml.MarkedYAMLError, text: str, loader: type) -> tuple[int, str, str]:
    """The line of the mistake (from 1), what is wrong, and the remedy."""
    noticed, opened = _line_of(error.problem_mark), _line_of(error.context_mark)
    said = error.problem or error.context or "it cannot be read"
    if quote := _find_open_quote(error, text, loader):
        return (
            quote,
            f"This is no YAML: the quote that opens in this line {_end_of_quote(quote, noticed)}",
            ("Close it. A text with an apostrophe (it's) belongs in double quotes."),
        )
    if "flow" in (error.context or "") and noticed > opened and _left_bracket_open(text, opened, noticed):
        bracket = "]" if "sequence" in str(error.context) else "}"
        return (
            opened,
            f"This is no YAML: the bracket that opens in this line is not closed (line {noticed}).",
            (f"Close it with {bracket}, or take it out."),
        )
    line = opened if "simple key" in (error.context or "") else noticed
    return line, f"This is no YAML: {said}.", next((do for part, do in REMEDIES if part in said), _OTHERWISE)


def _line_of(mark: yaml.Mark | None) -> int:
    return mark.line + 1 if mark else 1


def _end_of_quote(opened: int, noticed: int) -> str:
    return (
        f"is not closed where it should be (noticed in line {noticed})." if noticed > opened else "goes on."
    )


def _find_open_quote(error: yaml.MarkedYAMLError, text: str, loader: type) -> int:
    """The line of the first quote that swallows lines which look like keys; 0 for none.

    It may even end, at the next quote of the file, where the parser then stumbles.
    """
    noticed = _line_of(error.problem_mark)
    is_open = "quoted scalar" in (error.context or "") and "unexpected" in (error.problem or "")
    for token in _tokens_before_error(text, loader):
        first, last = token.start_mark, token.end_mark
        is_near = token.style in ("'", '"') and (is_open or last.line + 1 == noticed)
        if is_near and _ENTRY.search(text[first.index : last.index].partition("\n")[2]):
            return int(first.line) + 1
    return _line_of(error.context_mark) if is_open else 0


def _tokens_before_error(text: str, loader: type) -> Iterator[yaml.ScalarToken]:
    try:
        for token in yaml.scan(text, Loader=loader):
            if isinstance(token, yaml.ScalarToken):
                yield token
    except yaml.YAMLError:
        return  # it is the error that is explained


def _left_bracket_open(text: str, opened: int, noticed: int) -> bool:
    """Whether the lines behind the bracket go on as if it were closed: not indented further than its own."""
    lines = text.split("\n")
    own = _indent(lines[opened - 1])
    return any(line.strip() and _indent(line) <= own for line in lines[opened:noticed]) or noticed >= len(
        lines
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
