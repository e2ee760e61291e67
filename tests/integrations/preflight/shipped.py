"""The shipped runbook's items over the sandbox's old database and Prisma project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations.preflight import CheckScope, PlannedItem
from integrations.systems import Systems
from tests.customer_runbook import customer_runbook
from tests.integrations.actions.conftest import project_settings

PROJECT = "backend"  # the system of the shipped runbook that is a Prisma project


def shipped_items(**changed: Mapping[str, Any]) -> dict[str, PlannedItem]:
    """Every item of the shipped runbook that an action carries out; parameters by the item's key, with _."""
    found = {}
    for phase in customer_runbook()["phases"]:
        for item in phase["items"]:
            if "action" in item:
                params = {**item.get("params", {}), **changed.get(item["key"].replace("-", "_"), {})}
                found[item["key"]] = PlannedItem(item["key"], item["title"], item["action"], params)
    return found


def shipped_scope(folder: Path, url: str, **changed: Mapping[str, Any]) -> CheckScope:
    """All databases of the runbook are one, as in the window; systems of other kinds are left out."""
    sections = customer_runbook()["systems"]
    systems: dict[str, Any] = {
        name: {"kind": "postgres", "url": url}
        for name, section in sections.items()
        if section["kind"] == "postgres"
    }
    systems[PROJECT] = project_settings(folder, url)
    environ = {"SPOT_MEMBER": "1", "SPOT_DONATION": "1", "SPOT_EVENT": "1", "OLD_HOST": "old.invalid"}
    return CheckScope(Systems(systems, environ), items=shipped_items(**changed))
