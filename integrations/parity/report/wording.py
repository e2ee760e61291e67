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
    for kind, found in facts.get("structure", {}).items():
        is_judged = facts.get("structure_judged") or kind in facts.get("judged_kinds", ())
        for one in found:
            word = " (told, not judged)" if not is_judged else ""
            word = " (announced)" if one.get("expected") else word
            word = " (declared)" if one["declared"] else word
            sides = f"{_definition(one['source'])} → {_definition(one['target'])}"
            yield f"{one['kind']} {one['name']}: {sides}{word}"


def _definition(text: str | None) -> str:
    """One line of text, or “none”."""
    return " ".join(text.split()) if text else "none"


def describe_uncompared(facts: Facts) -> Iterator[str]:
    """A line for each kind of objects that are there and were not compared, with their numbers."""
    for one in facts.get("uncompared", []):
        before, after = (
            "unknown" if one[side] is None else f"{one[side]:,}" for side in ("source", "target")
        )
        numbers = before if before == after else f"{before} → {after}"
        yield f"{one['kind']}: {numbers} ({one['reason']})"
