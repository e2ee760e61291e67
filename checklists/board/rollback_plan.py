"""The rollback as it would be now: which of its items are needed at all, and in which order.

The runbook says which item reverts which (``undo:``); the database says whether and when that one began.
What began last is reverted first, unless the runbook's ``needs:`` say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from checklists.board.views import ItemView
from checklists.states import Direction


@dataclass(frozen=True)
class RollbackPlan:
    """Answers for the items of the rollback; all mappings are by item key."""

    views: Mapping[str, ItemView]
    reverts: Mapping[str, list[ItemView]]  # item of the rollback → the items that name it as their undo
    began: Mapping[str, datetime]  # when the effect last began, or may have begun
    _needs: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)

    @classmethod
    def build(cls, views: Mapping[str, ItemView], began: Mapping[str, datetime]) -> RollbackPlan:
        """``began`` holds by item key when an effect last began, or when the item was ticked."""
        reverts: dict[str, list[ItemView]] = {}
        for view in views.values():
            undo = views.get(view.item.undo)
            if undo is not None and _is_of_rollback(undo) and not _is_of_rollback(view):
                reverts.setdefault(undo.item.key, []).append(view)
        return cls(views, reverts, began)

    def why_not_needed(self, view: ItemView) -> str:
        """Why an item of the rollback has nothing to do, in a sentence; empty when it is needed."""
        if not _is_of_rollback(view):
            return ""
        for key in view.item.goes_with:
            other = self.views.get(key)
            if other is None or not self.why_not_needed(other):
                return ""
        if view.item.goes_with:
            names = " and ".join(_name(self.views[key]) for key in view.item.goes_with)
            return f"It belongs to {names}, where nothing is left to take back."
        taken_back = self.reverts.get(view.item.key)
        if not taken_back or self.last_begin(view) is not None:
            return ""
        return f"There is nothing to take back: {', '.join(map(_name, taken_back))} never began."

    def last_begin(self, view: ItemView) -> datetime | None:
        """When the latest of the items that this one reverts began; None when none of them did."""
        times = [self.began.get(reverted.item.key) for reverted in self.reverts.get(view.item.key, [])]
        return max((at for at in times if at is not None), default=None)

    def must_follow(self, view: ItemView) -> list[ItemView]:
        """The items of the rollback that come before this one: they revert what began later."""
        if view.item.key not in self.reverts:
            return []
        mine = self.last_begin(view)
        if mine is None:
            return []
        return [
            other
            for key in self.reverts
            if (other := self.views[key]) is not view
            and (theirs := self.last_begin(other)) is not None
            and (theirs, other.item.key) > (mine, view.item.key)
            and view.item.key not in self._needs_of(key)
        ]

    def sort(self, views: list[ItemView]) -> list[ItemView]:
        """Items of the rollback in the order in which they can be done; otherwise as the runbook has them."""
        left, order = list(views), list[ItemView]()
        keys = {view.item.key for view in views}
        while left:
            placed = {view.item.key for view in order}
            waits = {
                view.item.key: {*view.item.needs, *(v.item.key for v in self.must_follow(view))}
                & keys - placed
                for view in left
            }
            following = next((view for view in left if not waits[view.item.key]), left[0])
            order.append(following)
            left.remove(following)
        return order

    def _needs_of(self, key: str) -> frozenset[str]:
        """The keys of everything that an item needs, directly or through what it needs."""
        if key not in self._needs:
            found, waiting = set[str](), list(self.views[key].item.needs)
            while waiting:
                need = waiting.pop()
                if need not in found and need in self.views:
                    found.add(need)
                    waiting += self.views[need].item.needs
            self._needs[key] = frozenset(found)
        return self._needs[key]


def _is_of_rollback(view: ItemView) -> bool:
    return view.direction == Direction.ROLLBACK


def _name(view: ItemView) -> str:
    return f"{view.item.number} {view.item.title}"
