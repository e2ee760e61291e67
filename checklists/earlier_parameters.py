"""What an earlier version of the panel had built in, for cutovers that keep a runbook text of then.

A cutover keeps the text that it was opened from. Parameters that this text had no need to name are read from
a file beside the runbook, ``NAME.earlier.yaml``. They are filled in when an item is bound, and never stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from checklists.models import AuditEntry, Cutover, Runbook

FOLDER = Path(__file__).parent / "runbooks"


@dataclass(frozen=True)
class EarlierParameters:
    """``systems``: system → settings. ``items``: item's key → parameters."""

    systems: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    items: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def complete_systems(self, systems: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """The systems of the text; what it says wins over what was built in."""
        return {name: {**self.systems.get(name, {}), **section} for name, section in systems.items()}

    def complete_params(self, key: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of an item; what the text says wins over what was built in."""
        return {**self.items.get(key, {}), **params}

    def params_added(self, key: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Those parameters of an item that the text does not name."""
        return {name: value for name, value in self.items.get(key, {}).items() if name not in params}


NOTHING = EarlierParameters()


def built_in_for(cutover: Cutover) -> EarlierParameters:
    """What was built in for a text that the cutover has, or had before its runbook was amended.

    It stays when the runbook is amended: items that were carried out under the earlier text cannot change.
    """
    texts = list(Runbook.objects.filter(pk=cutover.runbook_id).values_list("sha256", flat=True))
    amended = AuditEntry.objects.filter(cutover_id=cutover.pk, kind="runbook.amended")
    texts += amended.values_list("payload__before", flat=True)
    return next((known for text in texts if (known := _by_text().get(text))), NOTHING)


@cache
def _by_text() -> dict[str, EarlierParameters]:
    """SHA-256 of a runbook's text → what was built in for it."""
    found: dict[str, EarlierParameters] = {}
    for path in sorted(FOLDER.glob("*.earlier.yaml")):
        read = yaml.safe_load(path.read_text())
        found |= dict.fromkeys(read["texts"], EarlierParameters(read["systems"], read["items"]))
    return found
