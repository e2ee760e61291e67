"""What nothing takes back, and which gates decide about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from checklists.models import Item
from checklists.states import Direction, ItemKind

if TYPE_CHECKING:
    from checklists.board.views import ItemView


def nearest_gates(item: Item, items: Mapping[str, ItemView]) -> set[str]:
    """The keys of the gates on which an item relies, with no other gate between."""
    found, seen = set[str](), set[str]()
    waiting = list(item.needs)
    while waiting:
        key = waiting.pop()
        if key in seen or key not in items:
            continue
        seen.add(key)
        need = items[key].item
        if need.kind == ItemKind.GATE:
            found.add(key)
        else:
            waiting += need.needs
    return found


def items_decided_by(gate: Item, items: Mapping[str, ItemView]) -> list[Item]:
    """The irreversible items that this gate opens: each person who says go accepts them by name."""
    irreversible = (view.item for view in items.values() if view.item.irreversible)
    return [item for item in irreversible if gate.key in nearest_gates(item, items)]


def is_named_by_a_pass(item: Item, items: Mapping[str, ItemView]) -> bool:
    """Did a gate pass whose signatures name this item?

    An item of the rollback behind no gate at all is not held back: ordering the rollback decides about it.
    """
    gates = nearest_gates(item, items)
    if not gates and item.phase.direction == Direction.ROLLBACK:
        return True
    return any(_names(items[key], item) for key in gates)


def _names(view: ItemView, item: Item) -> bool:
    gate = view.gate
    if gate is None or not gate.passed:
        return False
    given = [seat.sign_off for seat in gate.seats if seat.sign_off]
    return sum(item.key in sign_off.accepted_irreversible for sign_off in given) >= gate.needed
