"""Which items of a runbook a result affects: those that use one of its systems, also through another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.errors import Problem
from integrations.preflight.check import CheckScope
from integrations.preflight.result import CheckResult


class AffectedItems:
    """Finds the items of a scope that use a system.

    An item uses a system when one of its parameters, however deep, is the system's name. It also uses the
    systems that such a system names in its settings: Prisma's ``database``, the ``database`` of an API that
    runs on a copy.
    """

    def __init__(self, scope: CheckScope) -> None:
        self._order = list(scope.items)
        known = set(scope.systems)
        named_by = {
            name: known & set(_texts(_filled(scope, dict(system.settings))))
            for name, system in scope.systems.items()
        }
        self._systems_of = {
            key: _closure(known & set(_texts(_filled(scope, dict(item.params)))), named_by)
            for key, item in scope.items.items()
        }

    def keys_of(self, result: CheckResult) -> list[str]:
        """The keys of the items that a result affects, in the order of the runbook."""
        systems, named = set(result.systems), set(result.items)
        return [key for key in self._order if key in named or systems & self._systems_of[key]]


def _filled(scope: CheckScope, value: dict[str, Any]) -> dict[str, Any]:
    """The value with its variables; as it is written where one of them is not set."""
    filled = {}
    for name, each in value.items():
        try:
            filled[name] = scope.systems.fill_variables(each)
        except Problem:
            filled[name] = each
    return filled


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each)


def _closure(names: set[str], named_by: Mapping[str, set[str]]) -> frozenset[str]:
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += named_by.get(name, ())
    return frozenset(found)
