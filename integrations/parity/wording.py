"""What is compared beside the rows, in words: the same in every report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Facts = Mapping[str, Any]


def key(values: Mapping[str, Any], between: str = "=") -> str:
    """“id=7, part=2”."""
    return ", ".join(f"{name}{between}{'NULL' if value is None else value}" for name, value in values.items())


def sequence(one: Facts) -> str:
    """A sequence that is behind, or why it could not be read."""
    reason = one["reason"] or f"next is {one['next']}, highest used is {one['highest']}"
    return f"{one['sequence']}: {reason}"


def name(one: Facts) -> str:
    """What a total, a spot check or a rule in SQL is called."""
    if "sum" in one:
        return f"sum of {one['table']}.{one['sum']} by {', '.join(one['by']) or 'nothing'}"
    if "key" in one:
        return f"{one.get('table')} {key(one['key'])}"
    return str(one.get("name", ""))


def structure(facts: Facts) -> Iterator[str]:
    """Indexes, constraints and whatever else of the structure is not the same."""
    for what, found in facts.get("structure", {}).items():
        for one in found if isinstance(found, list) else []:
            yield f"{what}: {_differs(one) if isinstance(one, Mapping) else one}"


def _differs(one: Facts) -> str:
    named = " ".join(str(one[part]) for part in ("kind", "name") if one.get(part))
    declared = " (declared)" if one.get("declared") else ""
    return f"{named}: {one.get('source') or 'none'} → {one.get('target') or 'none'}{declared}"
