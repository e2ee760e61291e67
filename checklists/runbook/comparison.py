"""What differs between two versions of a runbook: which items an amendment adds, changes or removes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from checklists.runbook.document import Document, ItemSpec, PhaseSpec

#: Fields of an item that an amendment leaves as they are: people have learned the numbers by now.
_PLACES = frozenset({"number", "line", "evidence"})
#: Marks that only the forecast reads. They are settings of the runbook: whoever adds one does not change
#: the item, and nothing has to be done or decided again.
TIME_MARKS = ("service_restored", "ends_window")

#: What an added item is compared with.
_NO_PHASE = PhaseSpec("", "", "")
_NO_ITEM = ItemSpec("", "", "", "", "")


class Change(StrEnum):
    """What an amendment does with an item."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class FieldChange:
    """One field before and after, as the file has it. ``name`` may be “phase”, or “system NAME”."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class ItemChange:
    """One item that differs, with its fields that differ (of a removed item: none)."""

    key: str
    title: str
    change: Change
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class RunbookChanges:
    """Everything that differs. ``settings`` are fields of the runbook itself, and phases."""

    items: tuple[ItemChange, ...]
    settings: tuple[FieldChange, ...]

    @property
    def is_empty(self) -> bool:
        """Do both texts mean the same?"""
        return not self.items and not self.settings

    def keys(self, *kinds: Change) -> set[str]:
        """The keys of the items with one of these changes (without an argument: of all)."""
        return {item.key for item in self.items if not kinds or item.change in kinds}


def compare_documents(before: Document, after: Document) -> RunbookChanges:
    """Compares two documents of which neither has its links to items resolved (`read_definitions`).

    An item also counts as changed when a setting of a system that its parameters name has changed. Its
    position counts for nothing, unless it moves to another phase.
    """
    old, new = _items_by_key(before), _items_by_key(after)
    systems = _changed_systems(before, after)
    found: list[ItemChange] = []
    for key, (phase, item) in new.items():
        if key not in old:
            added = _changed_fields(_NO_PHASE, replace(_NO_ITEM, key=key), phase, item)
            found.append(ItemChange(key, item.title, Change.ADDED, tuple(added)))
            continue
        differing = [*_changed_fields(*old[key], phase, item), *_changes_of_systems(item, systems)]
        if differing:
            found.append(ItemChange(key, item.title, Change.CHANGED, tuple(differing)))
    found += [ItemChange(key, old[key][1].title, Change.REMOVED) for key in old if key not in new]
    return RunbookChanges(tuple(found), tuple(_changed_settings(before, after)))


def dependent_gates(documents: Iterable[Document], changed: set[str]) -> set[str]:
    """The keys of the gates whose decision relies on one of these items, directly or through others."""
    gates: set[str] = set()
    for document in documents:
        items = {item.key: item for item in document.items}
        relies = {key: _relies_on(key, items) for key, item in items.items() if item.kind == "gate"}
        gates |= {gate for gate, keys in relies.items() if keys & changed}
    return gates


def _relies_on(key: str, items: Mapping[str, ItemSpec]) -> set[str]:
    found, waiting = set[str](), [key]
    while waiting:
        item = items.get(waiting.pop())
        if item is None or item.key in found:
            continue
        found.add(item.key)
        waiting += [*item.needs, *(asked.item for asked in item.evidence)]
    return found


def _items_by_key(document: Document) -> dict[str, tuple[PhaseSpec, ItemSpec]]:
    return {item.key: (phase, item) for phase in document.phases for item in phase.items}


def _changed_fields(
    old_phase: PhaseSpec, old: ItemSpec, new_phase: PhaseSpec, new: ItemSpec
) -> list[FieldChange]:
    names = [field.name for field in fields(ItemSpec) if field.name not in {*_PLACES, *TIME_MARKS}]
    pairs = [(name, getattr(old, name), getattr(new, name)) for name in names]
    pairs.append(("phase", old_phase.key, new_phase.key))
    pairs.append(("evidence", _asked(old), _asked(new)))
    return [FieldChange(name, before, after) for name, before, after in pairs if before != after]


def _asked(item: ItemSpec) -> list[tuple[str, Any]]:
    return [(asked.item, asked.fresh_for) for asked in item.evidence]


def _changed_systems(before: Document, after: Document) -> dict[str, FieldChange]:
    """By name: the systems whose settings differ, and those whose settings name such a system."""
    old, new = before.systems, after.systems
    found = {
        name: FieldChange(f"system {name}", dict(old.get(name, {})), dict(new.get(name, {})))
        for name in {*old, *new}
        if old.get(name) != new.get(name)
    }
    while True:
        names = frozenset(found)
        more = {
            name: FieldChange(f"system {name}", "", f"it names {other}")
            for name, settings in new.items()
            for other in names & set(_words(settings))
            if name not in found
        }
        if not more:
            return found
        found |= more


def _changes_of_systems(item: ItemSpec, systems: Mapping[str, FieldChange]) -> list[FieldChange]:
    return [systems[name] for name in sorted(systems.keys() & set(_words(item.params)))]


def _words(value: Any) -> list[str]:
    """Every text in a tree of mappings and lists."""
    if isinstance(value, Mapping):
        return [word for child in value.values() for word in _words(child)]
    if isinstance(value, list | tuple):
        return [word for child in value for word in _words(child)]
    return [value] if isinstance(value, str) else []


def _changed_settings(before: Document, after: Document) -> list[FieldChange]:
    names = ("name", "title", "timezone", "roles", "seats", "logs_for_stakeholders", "decision_time")
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in names]
    pairs.append(("rto", _ends_of(before), _ends_of(after)))
    pairs += [(name, before.marked(name), after.marked(name)) for name in TIME_MARKS]
    old, new = _phases_by_key(before), _phases_by_key(after)
    pairs += [(f"phase {key}", old.get(key), new.get(key)) for key in {**old, **new}]
    systems = _changed_systems(before, after).values()
    changes = [FieldChange(name, was, now) for name, was, now in pairs if was != now]
    return changes + [change for change in systems if isinstance(change.before, dict)]


def _ends_of(document: Document) -> dict[str, str]:
    rto = document.rto
    return {"from": rto.from_item, "to": rto.to_item} if rto.from_item else {}


def _phases_by_key(document: Document) -> dict[str, dict[str, str | bool]]:
    return {
        phase.key: {
            "title": phase.title,
            "direction": phase.direction,
            "before_window": phase.before_window,
            "note": phase.note,
            "original": phase.original,
        }
        for phase in document.phases
    }
