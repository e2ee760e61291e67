"""Read-only queries: where a cutover stands, in one sentence."""

from __future__ import annotations

from django.utils import timezone

from checklists.board import Board, ItemView, PhaseView, waits_for_window
from checklists.models import SignOff
from checklists.states import AttemptStatus, CutoverStatus, Direction, ItemState
from checklists.status.pending_tasks import first_names, may_answer

CLOSED_HEADLINES = {
    CutoverStatus.COMPLETED: "Completed: everything is done.",
    CutoverStatus.ROLLED_BACK: "Rolled back: everything is as it was before.",
    CutoverStatus.ABANDONED: "Abandoned.",
}


def headline(board: Board) -> str:
    """Where a cutover stands, in a sentence that can be read out on the phone."""
    if not board.cutover.is_open:
        return CLOSED_HEADLINES[CutoverStatus(board.cutover.status)]
    rollback = "A rollback was ordered. " if board.cutover.direction == Direction.ROLLBACK else ""
    return rollback + (_describe_trouble(board) or _describe_running(board) or _describe_next(board))


def _describe_trouble(board: Board) -> str:
    if board.unknown:
        return f"We do not know whether {item_label(board.unknown[0])} happened. Somebody has to probe it."
    if board.failed:
        first = board.failed[0]
        if first.state == ItemState.CONTRADICTED:
            return f"{item_label(first)} no longer holds: a later check found otherwise."
        if first.gate and first.gate.no_go:
            return _describe_no_go(first, first.gate.no_go, board)
        return f"{item_label(first)} ended badly and is not settled."
    return ""


def _describe_no_go(view: ItemView, no_go: SignOff, board: Board) -> str:
    """Who said it, why, and who can do something about it."""
    people = may_answer(view, no_go, board)
    who = f"{first_names(people)} may answer" if people else "nobody here may answer"
    return (
        f"No-go at {item_label(view)}: {first_names((no_go.person,))} said “{no_go.reason}”. "
        f"It stands until it is withdrawn or answered; {who}."
    )


def _describe_running(board: Board) -> str:
    if not board.running:
        return ""
    more = len(board.running) - 1
    return f"{item_label(board.running[0])} is under way{f', and {more} more' if more else ''}."


def _describe_next(board: Board) -> str:
    if board.open_gates:
        gate = board.open_gates[0].gate
        assert gate is not None
        label = item_label(board.open_gates[0])
        return f"{label} waits for signatures: {gate.given} of {gate.needed} are there."
    if board.next:
        return f"Nothing runs. {_describe_first(board.next[0])}"
    if standstill := _describe_standstill(board):
        return standstill
    if board.cutover.direction == Direction.ROLLBACK:
        return "Everything is rolled back: close the cutover as rolled back."
    return "Everything is done; the cutover can be closed."


def _describe_first(view: ItemView) -> str:
    """The item to do next; where an attempt of it was stopped or lost, people are to know."""
    if view.attempt is None:
        return f"Next is {item_label(view)}."
    how = "was stopped" if view.attempt.status == AttemptStatus.CANCELLED else "did not happen"
    return f"{item_label(view)} {how}; it is ready to start again."


def _describe_standstill(board: Board) -> str:
    """Nothing is ready although not all is done: the item that comes next, and what it waits for."""
    left = [view for view in _items_in_direction(board) if not view.settled]
    held = [view for view in left if view.blockers and all(b.item is None for b in view.blockers)]
    if held and waits_for_window(held[0].item, board.cutover, board.now, board.rows.production):
        opens = timezone.localtime(board.cutover.window_start, board.cutover.zone)
        hour = f"{opens:%H:%M} on {opens.day} {opens:%B}"
        return f"{item_label(held[0])} is next, once the window opens at {hour}."
    if held:
        return f"{item_label(held[0])} cannot start: {held[0].blockers[0].what}"
    return "Nothing can go on: see what is blocked." if left else ""


def item_label(view: ItemView) -> str:
    """“3.4 Fresh backup”."""
    return f"{view.item.number} {view.item.title}"


def _items_in_direction(board: Board) -> list[ItemView]:
    return [v for v in board.items.values() if v.item.phase.direction == board.cutover.direction]


# ── phases ───────────────────────────────────────────────────────────────────


def forward_phases(board: Board) -> list[PhaseView]:
    """The phases without those of the rollback."""
    return [phase for phase in board.phases if phase.phase.direction == Direction.FORWARD]


def ordered_phases(board: Board, *, include_rollback: bool = False) -> list[PhaseView]:
    """The phases as pages list them.

    Once a rollback is ordered, its phases come first. Before that they come last, and only if
    ``include_rollback`` asks for them.
    """
    rollback = [phase for phase in board.phases if phase.phase.direction == Direction.ROLLBACK]
    if board.cutover.direction == Direction.ROLLBACK:
        return rollback + forward_phases(board)
    return forward_phases(board) + (rollback if include_rollback else [])


def current_phase(board: Board) -> PhaseView | None:
    """The first phase of the current direction in which a required item is not settled."""
    phases = [p for p in board.phases if p.phase.direction == board.cutover.direction]
    return next((p for p in phases if any(not v.settled and not v.item.optional for v in p.items)), None)
