"""Plan, forecast and actual of single items, with the waiting for people apart from the work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from checklists.board import Board, ItemView
from checklists.forecast.measured_durations import Measurements
from checklists.forecast.window_scope import needs_of
from checklists.states import Direction, ItemKind, ItemState


@dataclass(frozen=True)
class ItemTimes:
    """The times of one item; None is what nobody knows, or has not happened yet.

    ``ready_at``: the last of its needs was done. ``began_at``: an action's effect began, or a person took a
    manual item over; a gate has none. ``waited``: for people and workers, from ready until it began, of a
    gate until it passed. ``worked``: from its beginning to its end, or until now. ``expected``: how long the
    next time takes, by ``planned`` or by the latest measurement (``is_measured``).
    """

    planned: timedelta | None
    expected: timedelta | None
    is_measured: bool
    ready_at: datetime | None
    began_at: datetime | None
    ended_at: datetime | None
    waited: timedelta | None
    worked: timedelta | None

    @property
    def overrun(self) -> timedelta | None:
        """By how much the work takes, or took, longer than planned (without a plan: than expected)."""
        limit = self.planned or self.expected
        if self.worked is None or limit is None or self.worked <= limit:
            return None
        return self.worked - limit

    @property
    def is_running_late(self) -> bool:
        """Does it run, and longer than planned?"""
        return self.ended_at is None and self.overrun is not None


def find_item_times(
    board: Board, measurements: Measurements, ordered_at: datetime | None = None
) -> dict[str, ItemTimes]:
    """The times of every item, by key. ``ordered_at``: when the rollback was ordered."""
    return {key: _times_of(view, board, measurements, ordered_at) for key, view in board.items.items()}


def _times_of(
    view: ItemView, board: Board, measurements: Measurements, ordered_at: datetime | None
) -> ItemTimes:
    ready, began, ended = _ready_at(view, board, ordered_at), _began_at(view), _ended_at(view)
    measured = measurements.get(view.item.key)
    until = ended or board.now
    is_gate = view.item.kind == ItemKind.GATE
    waits_until = (until if is_gate else began) or (None if ended else board.now)
    return ItemTimes(
        planned=view.item.planned,
        expected=measured[0].expected if measured else view.item.planned,
        is_measured=bool(measured),
        ready_at=ready,
        began_at=began,
        ended_at=ended,
        waited=max(timedelta(), waits_until - ready) if ready and waits_until else None,
        worked=max(timedelta(), until - began) if began else None,
    )


def _ready_at(view: ItemView, board: Board, ordered_at: datetime | None) -> datetime | None:
    """When its last need was settled; None while one is open, or where nothing says it."""
    needs = [board.items[key] for key in needs_of(view, board) if key in board.items]
    if any(not need.settled and not _is_of_other_direction(need, view) for need in needs):
        return None
    times = [at for need in needs if (at := need.settled_at) is not None]
    if view.direction == Direction.ROLLBACK and ordered_at:
        times.append(ordered_at)
    return max(times, default=None)


def _is_of_other_direction(need: ItemView, view: ItemView) -> bool:
    return need.direction != view.direction


def _began_at(view: ItemView) -> datetime | None:
    if view.item.kind == ItemKind.ACTION:
        return view.attempt.effect_started_at if view.attempt else None
    if view.item.kind == ItemKind.MANUAL:
        at, end = view.item.claimed_at, view.item.done_at
        return at if at and (end is None or at <= end) else None
    return None


def _ended_at(view: ItemView) -> datetime | None:
    """When it was settled; of an action that is not, when its latest attempt ended."""
    if view.settled_at is not None:
        return view.settled_at
    if view.state in (ItemState.RUNNING, ItemState.QUEUED) or view.attempt is None:
        return None
    return view.attempt.ended_at
