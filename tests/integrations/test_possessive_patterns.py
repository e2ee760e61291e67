"""No pattern is possessive over a group: Python before 3.11.5, which Debian 12 has, then matches wrongly.

After a group that did not match, it goes on where that attempt had come to (CPython issue 106052). Values of
rows were shown because of it. A single character or class is matched by other code, and is right.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integrations.test_linear_patterns import named_patterns
from tests.source_tree import python_files

parser: Any = re._parser  # type: ignore[attr-defined]  # what sre calls a parsed pattern has no public name
SIMPLE = ("IN", "LITERAL", "NOT_LITERAL", "ANY")
WRITTEN = re.compile(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")


def possessive_groups(parsed: Any) -> int:
    """How many parts of a parsed pattern are possessive and more than one character or class."""
    found = 0
    for operation, argument in parsed:
        name = str(operation)
        if name == "ATOMIC_GROUP":
            found += 1
        elif name == "POSSESSIVE_REPEAT":
            found += len(argument[2]) != 1 or str(argument[2][0][0]) not in SIMPLE
        found += sum(map(possessive_groups, _inside(argument)))
    return found


def _inside(argument: Any) -> list[Any]:
    if isinstance(argument, parser.SubPattern):
        return [argument]
    if isinstance(argument, tuple | list):
        return [inner for each in argument for inner in _inside(each)]
    return []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r"a*+b++[cd]?+.{2}+", 0),
        (r"(?:ab)*+", 1),
        (r"(?:x|(?>y))+", 1),
        (r"((?:(?!=).)*+=)", 1),
        (r"(a|(b)?+)", 1),
    ],
)
def test_they_are_found(pattern: str, found: int) -> None:
    assert possessive_groups(parser.parse(pattern)) == found
    assert bool(WRITTEN.search(pattern)) is bool(found)


def test_no_pattern_is_possessive_over_a_group() -> None:
    compiled = named_patterns()
    assert len(compiled) > 100
    assert not [
        place
        for place, pattern in compiled.items()
        if possessive_groups(parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))
    ]
    written = [str(file) for file in python_files() if WRITTEN.search(file.read_text())]
    assert written == [], "patterns inside functions, too"
