"""Parses JSON from outside, finds values in it, and compares them with what a runbook expects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from integrations.storable_values import clean_text

PRESENT, ABSENT = "present", "absent"
MISSING = object()
DEEPEST = 100  # levels of brackets; what reads the values goes down by recursion


def parse_json(text: str | bytes) -> Any:
    """Text from outside as JSON. Raises ValueError for what is none, and for what readers differ about.

    That is: a name twice in one object, NaN and Infinity, numbers beyond any float, and brackets nested
    deeper than `DEEPEST`. NUL and lone surrogates in texts, which no database stores and no program takes,
    become U+FFFD.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    try:
        found = _DECODER.decode(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    _refuse_depth(found)
    return _clean_texts(found) if "\\u" in text else found


def _clean_texts(found: Any) -> Any:
    if isinstance(found, str):
        return clean_text(found)
    if isinstance(found, dict):
        return {clean_text(name): _clean_texts(inner) for name, inner in found.items()}
    return [_clean_texts(inner) for inner in found] if isinstance(found, list) else found


def _refuse_depth(found: Any) -> None:
    """Raises ValueError for what is nested deeper than `DEEPEST`, without recursion."""
    level, depth = [found], 0
    while level := [each for each in level if isinstance(each, dict | list) and each]:
        depth += 1
        if depth > DEEPEST:
            raise ValueError("its brackets are nested too deeply")
        level = [v for each in level for v in (each.values() if isinstance(each, dict) else each)]


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it has a name twice in one object, so that it is not clear which value counts")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no value of JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text[:20]} is larger than any number that can be read")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_doubles, parse_constant=_refuse_constant, parse_float=_parse_float
)


def find_value(found: Any, place: str) -> Any:
    """The value at ``details.jobs.0.state``; a number is a place in a list. `MISSING` where there is none."""
    for name in place.split("."):
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return MISSING
    return found


def parse_rule(rule: Any) -> Any:
    """A rule of a runbook, checked: “present”, “absent”, “/pattern/”, or the value itself.

    Raises ValueError for a pattern that is none.
    """
    if _is_pattern(rule):
        try:
            re.compile(rule[1:-1])
        except re.error as error:
            raise ValueError(f"{rule} is no regular expression: {error}.") from None
    return rule


def fits_rule(rule: Any, value: Any) -> bool:
    """Whether a value is as its rule expects. Numbers are equal by value, texts letter by letter."""
    if value is MISSING:
        return bool(rule == ABSENT)
    if rule in (PRESENT, ABSENT):
        return bool(rule == PRESENT)
    if _is_pattern(rule):
        return re.search(rule[1:-1], value if isinstance(value, str) else json.dumps(value)) is not None
    return isinstance(rule, bool) == isinstance(value, bool) and bool(rule == value)


def show_value(value: Any) -> str:
    """A value as sentences have it, cut to 80 characters."""
    if value is MISSING:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"“{text[:80]}{'…' if len(text) > 80 else ''}”"


def _is_pattern(rule: Any) -> bool:
    return isinstance(rule, str) and len(rule) > 2 and rule.startswith("/") and rule.endswith("/")
