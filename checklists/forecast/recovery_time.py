"""The time without service between the two items that the runbook names (RTO)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from checklists.board import Board, ItemView
from checklists.forecast.item_times import ItemTimes
from checklists.forecast.network import Placed
from checklists.forecast.window_scope import marked_item
from checklists.states import Direction


@dataclass(frozen=True)
class RecoveryClock:
    """``state``: before · running · over · unknown (the runbook names no such items).

    ``began_at``: the first item took the service away. ``ended_at``: the second gave it back; during a
    rollback that is the item of the rollback that restores the service. ``took`` is the time between them,
    or until now. ``expected``: what it will have been in the end.
    """

    state: str
    began_at: datetime | None = None
    ended_at: datetime | None = None
    took: timedelta | None = None
    expected: timedelta | None = None


def find_recovery_clock(
    board: Board, times: Mapping[str, ItemTimes], placed: Mapping[str, Placed]
) -> RecoveryClock:
    """Of the present direction."""
    begin, end = board.items.get(board.cutover.rto_from), _end_of(board)
    if begin is None or end is None:
        return RecoveryClock("unknown")
    of_begin = times[begin.item.key]
    began_at = (of_begin.began_at or of_begin.ended_at) if begin.settled or begin.attempt else None
    if began_at is None:
        return RecoveryClock("before", expected=_expected_from_plan(begin, end, placed))
    if end.settled and end.settled_at and end.settled_at >= began_at:
        took = end.settled_at - began_at
        return RecoveryClock("over", began_at, end.settled_at, took, took)
    left = placed.get(end.item.key)
    expected = board.now + timedelta(seconds=left.ends) - began_at if left else None
    return RecoveryClock("running", began_at, None, board.now - began_at, expected)


def _end_of(board: Board) -> ItemView | None:
    if not board.cutover.rto_to:
        return None
    if board.cutover.direction == Direction.ROLLBACK:
        return marked_item(board, Direction.ROLLBACK, "service_restored")
    return board.items.get(board.cutover.rto_to)


def _expected_from_plan(begin: ItemView, end: ItemView, placed: Mapping[str, Placed]) -> timedelta | None:
    first, last = placed.get(begin.item.key), placed.get(end.item.key)
    return timedelta(seconds=last.ends - first.begins) if first and last else None
