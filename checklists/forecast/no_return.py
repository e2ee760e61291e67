"""The points of no return: what nothing takes back, and when each was, or will be, reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from checklists.board import Board, ItemView
from checklists.forecast.network import Placed
from checklists.forecast.window_scope import views_of_direction
from checklists.states import Direction


@dataclass(frozen=True)
class PointOfNoReturn:
    """An item of the way forward that has no undo. ``reached_at``: its effect began, or it was ticked.

    ``expected_at``: when it can begin at the earliest; None once it was reached or left out, and after a
    rollback was ordered.
    """

    view: ItemView
    reached_at: datetime | None
    expected_at: datetime | None

    @property
    def is_reached(self) -> bool:
        """Has it happened, or may it have?"""
        return self.reached_at is not None


def find_points_of_no_return(board: Board, placed: Mapping[str, Placed]) -> list[PointOfNoReturn]:
    """In the runbook's order."""
    forward = [view for view in views_of_direction(board, Direction.FORWARD) if view.item.irreversible]
    return [
        PointOfNoReturn(view, board.rows.began.get(view.item.key), _expected_at(view, board, placed))
        for view in forward
    ]


def _expected_at(view: ItemView, board: Board, placed: Mapping[str, Placed]) -> datetime | None:
    if view.item.key not in placed or view.item.key in board.rows.began:
        return None
    return board.now + timedelta(seconds=placed[view.item.key].begins)
