"""Read-only queries: the moments of a cutover that people outside of the team notice, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checklists.board import Board, ItemView
from checklists.board.service_history import moves_everyone, share_of
from checklists.states import Direction, ItemKind, ItemState

FORWARD_WORDS = {
    "freeze.on": "Saving is paused: the old service can only be read.",
    "service.stop": "The old service is switched off.",
}
ROLLBACK_WORDS = {
    "service.stop": "The new service is switched off.",
    "rollback.restore": "The data from before are put back.",
    "service.start": "The old service starts again.",
    "lb.shift": "Everyone goes back to the old service.",
    "freeze.off": "People can save in the old service again.",
}
ICONS = {
    "done": "check",
    "now": "play",
    "next": "arrow-right",
    "later": "circle",
    "left out": "skip-forward",
}
DECISION = "The team decides whether to go on."
FIRST_PEOPLE = "A few people try the new service first."
RESTORED = "People can save again."  # where the runbook marks it, and no action tells more


@dataclass(frozen=True)
class Milestone:
    """One such moment; ``state``: “done”, “now”, “next”, “later” or “left out”."""

    key: str
    words: str
    state: str
    at: datetime | None

    @property
    def icon(self) -> str:
        """The icon of its state."""
        return ICONS[self.state]


def find_milestones(board: Board) -> list[Milestone]:
    """Those of the present direction, in the runbook's order, without what will not happen."""
    views = [view for view in board.items.values() if view.item.phase.direction == board.cutover.direction]
    told = [(view, _words_of(view)) for view in views if not _never_happens(view)]
    moments = [(view, words) for view, words in told if words]
    following = (
        next((view for view, _ in moments if not view.settled), None) if board.cutover.is_open else None
    )
    return [
        Milestone(view.item.key, words, _state_of(view, following, board), _time_of(view))
        for view, words in moments
    ]


def _never_happens(view: ItemView) -> bool:
    return view.state in (ItemState.SKIPPED, ItemState.NOT_NEEDED)


def _words_of(view: ItemView) -> str:
    if view.item.kind == ItemKind.GATE:
        return DECISION
    if view.item.phase.direction == Direction.ROLLBACK:
        return ROLLBACK_WORDS.get(view.item.action, RESTORED if view.item.service_restored else "")
    if moves_everyone(view) and view.item.action == "lb.shift":
        return "Everyone moves to the new service."
    if view.item.action == "lb.shift":
        share = share_of(view)
        return f"About {share} % of the people try the new service." if share else FIRST_PEOPLE
    return FORWARD_WORDS.get(view.item.action, RESTORED if view.item.service_restored else "")


def _state_of(view: ItemView, following: ItemView | None, board: Board) -> str:
    if view.settled:
        return "done"
    if not board.cutover.is_open:
        return "left out"
    if view.state in (ItemState.RUNNING, ItemState.QUEUED):
        return "now"
    return "next" if view is following else "later"


def _time_of(view: ItemView) -> datetime | None:
    return view.settled_at if view.settled else None
