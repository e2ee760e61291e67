"""What a rollback would lose, as it was counted last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from checklists.board import Board, ItemView
from checklists.board.board import runs_in_any_direction
from checklists.models import Attempt
from checklists.states import AttemptStatus, Direction

#: It came to an answer, be it “not known”.
ANSWERED = (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)


@dataclass(frozen=True)
class RollbackCost:
    """The item of the rollback that counts, and its latest answer.

    ``attempt`` is the latest that reached an answer, None before the first; ``age`` is the time since.
    ``answer``: nothing, loss or unknown. ``before_order``: it was counted before the rollback was ordered,
    so that the new stack may have written since.
    """

    view: ItemView
    attempt: Attempt | None
    age: timedelta | None
    answer: str
    before_order: bool


def find_rollback_costs(board: Board) -> list[RollbackCost]:
    """One for each item of the rollback that counts and may run at any time; empty when there is none."""
    counting = [view for view in board.items.values() if _counts(view)]
    latest = _read_latest(board, counting)
    return [_cost(board, view, latest.get(view.item.key)) for view in counting]


def _counts(view: ItemView) -> bool:
    return view.item.phase.direction == Direction.ROLLBACK and runs_in_any_direction(view.item)


def _read_latest(board: Board, views: list[ItemView]) -> Mapping[str, Attempt]:
    keys = [view.item.key for view in views]
    found = Attempt.objects.filter(cutover=board.cutover, item__key__in=keys, status__in=ANSWERED)
    latest = found.order_by("item__key", "-number").distinct("item__key")
    return {one.item.key: one for one in latest.select_related("item", "evidence", "requested_by")}


def _cost(board: Board, view: ItemView, attempt: Attempt | None) -> RollbackCost:
    if attempt is None:
        return RollbackCost(view, None, None, "unknown", False)
    attempt.cutover = attempt.item.cutover = board.cutover
    facts: Mapping[str, Any] = attempt.evidence.facts if hasattr(attempt, "evidence") else {}
    return RollbackCost(
        view=view,
        attempt=attempt,
        age=board.now - attempt.ended_at if attempt.ended_at else None,
        answer=str((facts.get("loss") or {}).get("answer", "unknown")),
        before_order=board.cutover.direction == Direction.ROLLBACK != attempt.direction,
    )
