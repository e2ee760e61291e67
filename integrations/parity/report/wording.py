"""Findings beyond the rows in words, the same in every report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, Any]


def describe_key(values: Mapping[str, Any], between: str = "=") -> str:
    """The key of a row: “id=7, part=2”."""
    return ", ".join(f"{name}{between}{'NULL' if value is None else value}" for name, value in values.items())


def describe_sequence(one: Facts) -> str:
    """A sequence that is behind, or why it could not be read."""
    reason = one["reason"] or f"next is {one['next']}, highest used is {one['highest']}"
    return f"{one['sequence']}: {reason}"


def describe_check(one: Facts) -> str:
    """The name of a total, a spot check or a rule in SQL."""
    if "sum" in one:
        return f"sum of {one['table']}.{one['sum']} by {', '.join(one['by']) or 'nothing'}"
    if "key" in one:
        return f"{one.get('table')} {describe_key(one['key'])}"
    return str(one.get("name", ""))


def describe_structure(facts: Facts) -> Iterator[str]:
    """A line for each difference of the structure."""
    only_told = "" if facts.get("structure_judged") else " (told, not judged)"
    for found in facts.get("structure", {}).values():
        for one in found:
            word = " (declared)" if one["declared"] else only_told
            sides = f"{one['source'] or 'none'} → {one['target'] or 'none'}"
            yield f"{one['kind']} {one['name']}: {sides}{word}"
