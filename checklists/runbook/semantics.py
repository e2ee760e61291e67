"""Checks what no single line can show: references, order, undo, and parameters against actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checklists.runbook.document import Document, ItemSpec
from checklists.runbook.notebook import Notebook, nearest
from checklists.runbook.order import all_needs, cycles
from checklists.runbook.source import Node, item_entries
from integrations.actions.base import Action, ActionForm, Context, EvidenceField
from integrations.errors import Problem
from integrations.systems import KINDS, Systems


def check_meaning(document: Document, root: Node, registry: Mapping[str, Action], notes: Notebook) -> None:
    """Notes every reference that leads nowhere, every cycle, and what actions would refuse."""
    items: dict[str, ItemSpec] = {}
    for item in document.items:
        items.setdefault(item.key, item)  # of twins, which are told elsewhere, the first counts
    lines = dict(item_entries(root))
    checker = _Checker(document, items, registry, lines, notes)
    for item in document.items:
        checker.check(item)
    _check_directions(document, notes)
    for path in cycles({key: item.needs for key, item in items.items()}):
        what = f"the items wait for each other in a circle: {' → '.join(path)}."
        notes.add(items[path[0]].line, f"item {path[0]}", what, "Take one of these needs out.")


def _check_directions(document: Document, notes: Notebook) -> None:
    """A forward item that waits for a rollback item would wait until everything is lost."""
    rollback = {i.key for phase in document.phases if phase.direction == "rollback" for i in phase.items}
    for phase in document.phases:
        for item in phase.items if phase.direction == "forward" else ():
            if item.goes_with:  # said of a forward item
                what = "goes_with: belongs to the items of a rollback, and this one goes forward."
                notes.add(item.line, f"item {item.key}", what, "Take it out.")
            for key in rollback.intersection(item.needs):
                what = f"it goes forward and waits for “{key}”, which is only done in a rollback."
                notes.add(item.line, f"item {item.key}", what, "Take it out of needs:.")


@dataclass
class _Checker:
    document: Document
    items: Mapping[str, ItemSpec]
    registry: Mapping[str, Action]
    lines: Mapping[int, dict[str, Node]]
    notes: Notebook

    def __post_init__(self) -> None:
        known = {n: s for n, s in self.document.systems.items() if s.get("kind") in KINDS}
        self.context = Context(Systems(known, {}), evidence={}, folder=Path())

    def check(self, item: ItemSpec) -> None:
        """Everything about one item that is not right."""
        self._references(item)
        if item.kind == "gate":
            self._gate(item)
        if item.kind == "action" and item.action:
            self._action(item)
        if item.undo and item.irreversible:
            self._note(item, "irreversible", "it has an undo and a reason for having none.", "Keep one.")

    def _note(self, item: ItemSpec, name: str, what: str, remedy: str, within: str = "") -> None:
        """Notes a mistake at the line of that key of the item, or of a key inside it."""
        node = self.lines.get(item.line, {}).get(name)
        if node and within and isinstance(node.value, dict) and within in node.value:
            node = node.value[within]
        self.notes.add(node.line if node else item.line, f"item {item.key or item.number}", what, remedy)

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
                self._note(item, "goes_with", what, "Name those.")
        if item.undo and item.undo == item.key:
            self._note(item, "undo", "it is said to undo itself.", "Name the item that takes it back.")

    def _known(self, item: ItemSpec, name: str, keys: Iterable[str], known: Iterable[str], noun: str) -> None:
        for key in keys:
            if key and key not in known:
                self._note(item, name, f"{name}: there is no {noun} “{key}”.", nearest(key, known))

    def _gate(self, gate: ItemSpec) -> None:
        if gate.seats and gate.quorum > len(gate.seats):
            what = f"quorum: {gate.quorum} must say go, and there are {len(gate.seats)} seats."
            self._note(gate, "quorum", what, "Lower the quorum, or add seats.")
        before = all_needs(gate.key, self.items)
        for spec in gate.evidence:
            if spec.item in self.items and spec.item not in before:
                what = f"evidence: “{spec.item}” need not be done before this gate."
                self._note(gate, "evidence", what, f"Add {spec.item} to needs:.")

    def _action(self, item: ItemSpec) -> None:
        action = self.registry.get(item.action)
        if action is None:
            what = f"action: there is no action “{item.action}”."
            self._note(item, "action", what, nearest(item.action, self.registry))
            return
        if action.risky and not item.undo and not item.irreversible:
            what = f"{action.key} changes production, and no item is named that takes it back."
            self._note(item, "action", what, "Add undo: with an item's key, or irreversible: with why.")
        self._params(item, action)
        for name, each in action.Params.base_fields.items():
            target = item.params.get(name)
            if isinstance(each, EvidenceField) and isinstance(target, str) and target:
                self._evidence(item, name, target, each.action)

    def _params(self, item: ItemSpec, action: Action) -> None:
        fields = action.Params.base_fields
        for name in sorted(item.params.keys() - fields.keys()):
            what = f"{action.key} has no parameter “{name}”."
            self._note(item, "params", what, nearest(name, fields), name)
        known = {name: value for name, value in item.params.items() if name in fields}
        for name, message in _refusals(action, known, self.context):
            label = f"parameter “{name}”: " if name in fields else ""
            help_text = str(fields[name].help_text) if name in fields else ""
            self._note(item, "params", label + message, help_text, name)

    def _evidence(self, item: ItemSpec, name: str, target: str, wanted: str) -> None:
        found = self.items.get(target)
        if found is None:
            what = f"parameter “{name}”: there is no item “{target}”."
            self._note(item, "params", what, nearest(target, self.items), name)
        elif found.action != wanted:
            what = f"parameter “{name}”: “{target}” does not do {wanted}, and leaves no such evidence."
            fitting = [key for key, other in self.items.items() if other.action == wanted]
            self._note(item, "params", what, f"Name one of: {', '.join(fitting) or 'none'}.", name)
        elif target not in all_needs(item.key, self.items):
            what = f"parameter “{name}”: “{target}” need not be done before this item."
            self._note(item, "params", what, f"Add {target} to needs:.", name)


def _refusals(action: Action, raw: Mapping[str, Any], context: Context) -> list[tuple[str, str]]:
    """(parameter, message) for all that the action's form refuses."""
    form: ActionForm = action.Params(raw, context=context)
    try:
        errors = form.errors
    except Problem:
        return []  # it asked for an address; whether that is set is told with the systems
    return [(name, str(message)) for name, messages in errors.items() for message in messages]
