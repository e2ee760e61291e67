"""Checks a runbook as a whole: references, order, undo, and parameters of actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django import forms

from checklists.runbook.dependencies import find_cycles, transitive_needs
from checklists.runbook.document import Document, ItemSpec
from checklists.runbook.error_collector import ErrorCollector, suggest
from checklists.runbook.time_marks import check_time_marks
from checklists.runbook.yaml_source import Node, item_entries
from integrations.actions import (
    ActionForm,
    AnyAction,
    Context,
    EvidenceField,
    RunbookItem,
    SystemField,
)
from integrations.errors import Problem
from integrations.system_kinds import system_kinds
from integrations.systems import Systems


def check_semantics(
    document: Document, root: Node, registry: Mapping[str, AnyAction], errors: ErrorCollector
) -> None:
    """Reports references to nothing, cycles, and parameters that their action refuses."""
    items: dict[str, ItemSpec] = {}
    for item in document.items:
        items.setdefault(item.key, item)  # duplicates are reported elsewhere; the first one counts
    lines = dict(item_entries(root))
    checker = _Checker(document, items, registry, lines, errors)
    for item in document.items:
        checker.check(item)
    _check_directions(document, errors)
    check_time_marks(document, items, root, lines, errors)
    for path in find_cycles({key: item.needs for key, item in items.items()}):
        what = f"the items wait for each other in a circle: {' → '.join(path)}."
        errors.add(items[path[0]].line, f"item {path[0]}", what, "Take one of these needs out.")


def _check_directions(document: Document, errors: ErrorCollector) -> None:
    """Forward items must not need rollback items: they would wait until a rollback is ordered."""
    rollback = {i.key for phase in document.phases if phase.direction == "rollback" for i in phase.items}
    for phase in document.phases:
        for item in phase.items if phase.direction == "forward" else ():
            if item.goes_with:  # on a forward item
                what = "goes_with: belongs to the items of a rollback, and this one goes forward."
                errors.add(item.line, f"item {item.key}", what, "Take it out.")
            for key in rollback.intersection(item.needs):
                what = f"it goes forward and waits for “{key}”, which is only done in a rollback."
                errors.add(item.line, f"item {item.key}", what, "Take it out of needs:.")


@dataclass
class _Checker:
    document: Document
    items: Mapping[str, ItemSpec]
    registry: Mapping[str, AnyAction]
    lines: Mapping[int, dict[str, Node]]
    errors: ErrorCollector

    def __post_init__(self) -> None:
        kinds = system_kinds()
        known = {n: s for n, s in self.document.systems.items() if s.get("kind") in kinds}
        acting = {
            key: RunbookItem(item.action, item.params)
            for key, item in self.items.items()
            if item.kind == "action"
        }
        self.context = Context(Systems(known, {}), evidence={}, folder=Path(), items=acting)

    def check(self, item: ItemSpec) -> None:
        """Reports all errors of one item."""
        self._references(item)
        if item.kind == "gate":
            self._gate(item)
        if item.kind == "action" and item.action:
            self._action(item)
        if item.undo and item.irreversible:
            self._add_error(item, "irreversible", "it has an undo and a reason for having none.", "Keep one.")

    def _add_error(self, item: ItemSpec, name: str, what: str, remedy: str, within: str = "") -> None:
        """Adds an error at the line of that field of the item, or of a key inside it."""
        node = self.lines.get(item.line, {}).get(name)
        if node and within and isinstance(node.value, dict) and within in node.value:
            node = node.value[within]
        self.errors.add(node.line if node else item.line, f"item {item.key or item.number}", what, remedy)

    def _references(self, item: ItemSpec) -> None:
        self._known(item, "owner", [item.owner], self.document.roles, "role")
        self._known(item, "needs", item.needs, self.items, "item")
        self._known(item, "undo", [item.undo], self.items, "item")
        self._known(item, "goes_with", item.goes_with, self.items, "item")
        self._known(item, "seats", item.seats, self.document.seats, "seat")
        self._known(item, "evidence", [spec.item for spec in item.evidence], self.items, "item")
        for key in item.goes_with:
            if key in self.items and self.items[key].goes_with:
                what = f"goes_with: “{key}” itself goes with others."
                self._add_error(item, "goes_with", what, "Name those.")
        if item.undo and item.undo == item.key:
            self._add_error(item, "undo", "it is said to undo itself.", "Name the item that takes it back.")

    def _known(self, item: ItemSpec, name: str, keys: Iterable[str], known: Iterable[str], noun: str) -> None:
        for key in keys:
            if key and key not in known:
                self._add_error(item, name, f"{name}: there is no {noun} “{key}”.", suggest(key, known))

    def _gate(self, gate: ItemSpec) -> None:
        if gate.seats and gate.quorum > len(gate.seats):
            what = f"quorum: {gate.quorum} must say go, and there are {len(gate.seats)} seats."
            self._add_error(gate, "quorum", what, "Lower the quorum, or add seats.")
        before = transitive_needs(gate.key, self.items)
        for spec in gate.evidence:
            if spec.item in self.items and spec.item not in before:
                what = f"evidence: “{spec.item}” need not be done before this gate."
                self._add_error(gate, "evidence", what, f"Add {spec.item} to needs:.")

    def _action(self, item: ItemSpec) -> None:
        action = self.registry.get(item.action)
        if action is None:
            what = f"action: there is no action “{item.action}”."
            self._add_error(item, "action", what, suggest(item.action, self.registry))
            return
        if action.is_risky_with(item.params) and not item.undo and not item.irreversible:
            what = f"{action.key} changes production, and no item is named that takes it back."
            self._add_error(item, "action", what, "Add undo: with an item's key, or irreversible: with why.")
        self._params(item, action)
        for name, each in action.Params.base_fields.items():
            target = item.params.get(name)
            if isinstance(each, EvidenceField) and isinstance(target, str) and target:
                self._evidence(item, name, target, each.action)

    def _params(self, item: ItemSpec, action: AnyAction) -> None:
        fields = action.Params.base_fields
        for name in sorted(item.params.keys() - fields.keys()):
            what = f"{action.key} has no parameter “{name}”."
            self._add_error(item, "params", what, suggest(name, fields), name)
        known = {name: value for name, value in item.params.items() if name in fields}
        for name, message in _refusals(action, known, self.context):
            label = f"parameter “{name}”: " if name in fields else ""
            remedy = _remedy_for(fields.get(name), known.get(name), self.context)
            self._add_error(item, "params", label + message, remedy, name)

    def _evidence(self, item: ItemSpec, name: str, target: str, wanted: str) -> None:
        found = self.items.get(target)
        if found is None:
            what = f"parameter “{name}”: there is no item “{target}”."
            self._add_error(item, "params", what, suggest(target, self.items), name)
        elif found.action != wanted:
            what = f"parameter “{name}”: “{target}” does not do {wanted}, and leaves no such evidence."
            fitting = [key for key, other in self.items.items() if other.action == wanted]
            self._add_error(item, "params", what, f"Name one of: {', '.join(fitting) or 'none'}.", name)
        elif target not in transitive_needs(item.key, self.items):
            what = f"parameter “{name}”: “{target}” need not be done before this item."
            self._add_error(item, "params", what, f"Add {target} to needs:.", name)


def _remedy_for(field: forms.Field | None, given: Any, context: Context) -> str:
    """What the action says about the parameter; for a system that is not named, those that it can be."""
    help_text = str(field.help_text) if field else ""
    if isinstance(field, SystemField) and given is None:
        of_kind = [system.name for system in context.systems.values() if system.kind in field.kinds]
        kinds = " or ".join(field.kinds)
        known = f"the runbook has: {', '.join(of_kind)}" if of_kind else "the runbook has none under systems:"
        help_text = f"{help_text} Name a system of kind {kinds}; {known}.".strip()
    return help_text


def _refusals(action: AnyAction, raw: Mapping[str, Any], context: Context) -> list[tuple[str, str]]:
    """(parameter, message) for every parameter that the action's form refuses."""
    form: ActionForm = action.Params(raw, context=context)
    try:
        errors = form.errors
    except Problem:
        return []  # a variable of a system is missing; `check_systems` reports that
    return [(name, str(message)) for name, messages in errors.items() for message in messages]
