"""When the plan has each item: as if all took what was planned, from the window's opening on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from checklists.board import Board, ItemView
from checklists.forecast.network import Placed, Task, place_tasks
from checklists.forecast.window_scope import needs_of, views_of_direction
from checklists.states import Direction, ItemKind

Span = tuple[datetime, datetime]


def plan_items(board: Board, direction: Direction, begins: datetime) -> dict[str, Span]:
    """Item key → planned begin and end. Items without a planned time have no length.

    ``begins``: when the window opens, or the rollback was ordered. What the runbook lets production do
    before its window is planned to be done by then.
    """
    views = views_of_direction(board, direction)
    earlier = [view for view in views if view.item.phase.before_window]
    placed = _place([view for view in views if not view.item.phase.before_window], board)
    before = _place(earlier, board)
    length = max((one.ends for one in before.values()), default=0.0)
    return {
        **_to_times(before, begins - timedelta(seconds=length)),
        **_to_times(placed, begins),
    }


def _place(views: Iterable[ItemView], board: Board) -> dict[str, Placed]:
    return place_tasks(
        Task(
            view.item.key,
            needs_of(view, board),
            (view.item.planned or timedelta()).total_seconds(),
            worker=f"role {view.item.owner}" if view.item.kind == ItemKind.MANUAL else "",
        )
        for view in views
    )


def _to_times(placed: dict[str, Placed], begins: datetime) -> dict[str, Span]:
    return {
        key: (begins + timedelta(seconds=one.begins), begins + timedelta(seconds=one.ends))
        for key, one in placed.items()
    }
