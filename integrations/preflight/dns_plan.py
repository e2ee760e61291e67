"""The DNS names that a runbook changes: zone, types of record, and the items that lower and switch them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.clients.dns import Zone, get_zone
from integrations.errors import MissingVariable, Problem
from integrations.preflight.check import CheckScope, PlannedItem
from integrations.preflight.read_only import ReadOnlyClient
from integrations.systems import System

ACTIONS = ("dns.lower_ttl", "dns.switch")
UNDO = "back_to"  # an item with it restores what another one found: it names no values of its own


@dataclass(frozen=True)
class PlannedChange:
    """One item that changes a record set, with its parameters filled in."""

    item: PlannedItem
    params: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The type of record."""
        return str(self.params.get("type") or "A")

    @property
    def values(self) -> list[str]:
        """The values that a switch writes; none for a lowering and an undo."""
        given = self.params.get("to")
        return [str(value) for value in given] if isinstance(given, list) else []


@dataclass
class PlannedName:
    """A name in a zone. ``written`` is as the runbook has it, ``full`` with the zone."""

    system: System
    zone: Zone
    written: str
    full: str
    changes: list[PlannedChange] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """The types of record that items change."""
        return list(dict.fromkeys(change.kind for change in self.changes))

    @property
    def items(self) -> tuple[str, ...]:
        """The keys of the items."""
        return tuple(change.item.key for change in self.changes)

    def of_action(self, action: str, kind: str) -> PlannedChange | None:
        """The first item of an action that changes this type, and is no undo."""
        found = (change for change in self.changes if change.item.action == action and change.kind == kind)
        return next((change for change in found if UNDO not in change.params), None)

    @property
    def subject(self) -> str:
        """The system's name and the full name, as subjects of results have them."""
        return f"{self.system.name}: {self.full}"


def find_names(scope: CheckScope) -> list[PlannedName]:
    """Every name that items change, in the order of the runbook; without those of `find_broken_items`."""
    found: dict[tuple[str, str], PlannedName] = {}
    for item in scope.items_of(*ACTIONS):
        try:
            name = _name_in(scope, item)
        except Problem:
            continue
        if name is not None:
            known = found.setdefault((name.system.name, name.full), name)
            known.changes.append(PlannedChange(item, scope.systems.fill_variables(dict(item.params))))
    return list(found.values())


def find_broken_items(scope: CheckScope) -> Iterator[tuple[PlannedItem, Problem]]:
    """The items whose name cannot be read, each with the reason. A variable that is not set is reported by
    `environment.variables`."""
    for item in scope.items_of(*ACTIONS):
        try:
            _name_in(scope, item)
        except MissingVariable:
            continue
        except Problem as problem:
            yield item, problem


def _name_in(scope: CheckScope, item: PlannedItem) -> PlannedName | None:
    """The name that an item changes; None where it names no zone. Raises `Problem`."""
    params = scope.systems.fill_variables(dict(item.params))
    system = scope.systems.get(str(params.get("zone")))
    if system is None or system.kind != "dns":
        return None
    zone = get_zone(system, scope.systems)
    zone.http_client = ReadOnlyClient(scope.systems.hosts())
    written = str(params.get("name", ""))
    return PlannedName(system, zone, written, zone.full_name(written))


def read_servers(name: PlannedName) -> tuple[list[str], Problem | None]:
    """The authoritative servers of the name's zone, or why they are not known."""
    try:
        return name.zone.servers(), None
    except Problem as problem:
        return [], problem
