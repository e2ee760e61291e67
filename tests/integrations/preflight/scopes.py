"""Scopes of checks over systems of a runbook, and the results of one check by their subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.preflight import CheckResult, CheckScope, PlannedItem, registered_checks
from integrations.systems import Systems


def planned(**items: tuple[str, Mapping[str, Any]]) -> dict[str, PlannedItem]:
    """Items by key: ``lower_ttl=("dns.lower_ttl", {…})`` is the item lower-ttl."""
    named = {name.replace("_", "-"): each for name, each in items.items()}
    return {key: PlannedItem(key, key, action, params) for key, (action, params) in named.items()}


def scope_of(
    systems: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str] | None = None, **more: Any
) -> CheckScope:
    return CheckScope(Systems(systems, environ or {}), **more)


def run_check(key: str, scope: CheckScope) -> dict[str, CheckResult]:
    """The results by subject; a subject that comes twice has no identity of its own."""
    found: dict[str, CheckResult] = {}
    for result in registered_checks()[key].function(scope):
        assert result.subject not in found, f"two results of {key} about {result.subject}"
        found[result.subject] = result
    return found
