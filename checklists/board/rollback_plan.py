"""The way back, made from what truly happened: which undo is needed at all, and in which order.

The runbook says which item takes which one back (``undo:``); whether and when that one happened is in
the database. What came last is taken back first, unless the runbook's ``needs:`` say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from checklists.gates.answers import ItemView
from checklists.states import Direction


@dataclass(frozen=True)
class WayBack:
    """``undone_by`` maps an item of the way back to the items that name it as their undo; ``began`` an
    item's key to the latest time at which its effect began, or may have begun."""

    views: Mapping[str, ItemView]
    undone_by: Mapping[str, list[ItemView]]
    began: Mapping[str, datetime]
    before: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, views: Mapping[str, ItemView], began: Mapping[int, datetime]) -> WayBack:
        """``began``: by item id, when an effect of it last began; ticks are read from the items."""
        undone_by: dict[str, list[ItemView]] = {}
        times: dict[str, datetime] = {}
        for view in views.values():
            at = began.get(view.item.pk) or view.item.done_at
            if at is not None:
                times[view.item.key] = at
            undo = views.get(view.item.undo)
            if undo is not None and _is_back(undo) and not _is_back(view):
                undone_by.setdefault(undo.item.key, []).append(view)
        return cls(views, undone_by, times)

    def why_not_needed(self, view: ItemView) -> str:
        """Why there is nothing to do in an item of the way back, in a sentence; empty when there is."""
        if not _is_back(view):
            return ""
        for key in view.item.goes_with:
            other = self.views.get(key)
            if other is None or not self.why_not_needed(other):
                return ""
        if view.item.goes_with:
            names = " and ".join(_named(self.views[key]) for key in view.item.goes_with)
            return f"It belongs to {names}, where nothing is left to take back."
        taken_back = self.undone_by.get(view.item.key)
        if not taken_back or self.happened(view) is not None:
            return ""
        return f"There is nothing to take back: {', '.join(map(_named, taken_back))} never began."

    def happened(self, view: ItemView) -> datetime | None:
        """When the latest of what this item takes back began; None when none of it did."""
        times = [self.began.get(done.item.key) for done in self.undone_by.get(view.item.key, [])]
        return max((at for at in times if at is not None), default=None)

    def comes_after(self, view: ItemView) -> list[ItemView]:
        """The undoings of what began later than what this item takes back: they come first."""
        mine = self.happened(view)
        if mine is None:
            return []
        return [
            other
            for key in self.undone_by
            if (other := self.views[key]) is not view
            and (theirs := self.happened(other)) is not None
            and (theirs, other.item.key) > (mine, view.item.key)
            and view.item.key not in self._before(key)
        ]

    def ordered(self, views: list[ItemView]) -> list[ItemView]:
        """Items of the way back in the order in which they can be done; what is equal stays as written."""
        left, order = list(views), list[ItemView]()
        keys = {view.item.key for view in views}
        while left:
            placed = {view.item.key for view in order}
            waits = {
                view.item.key: {*view.item.needs, *(v.item.key for v in self.comes_after(view))}
                & keys - placed
                for view in left
            }
            following = next((view for view in left if not waits[view.item.key]), left[0])
            order.append(following)
            left.remove(following)
        return order

    def _before(self, key: str) -> frozenset[str]:
        """Everything that an item needs by the text, through all it needs."""
        if key not in self.before:
            found, waiting = set[str](), list(self.views[key].item.needs)
            while waiting:
                need = waiting.pop()
                if need not in found and need in self.views:
                    found.add(need)
                    waiting += self.views[need].item.needs
            self.before[key] = frozenset(found)
        return self.before[key]


def _is_back(view: ItemView) -> bool:
    return view.item.phase.direction == Direction.ROLLBACK


def _named(view: ItemView) -> str:
    return f"{view.item.number} {view.item.title}"
