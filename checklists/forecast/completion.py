"""Questions, no writes: when do we finish, and how long may we still go back?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from checklists.gates import Board, ItemView
from checklists.gates.words import duration
from checklists.models import Backup
from checklists.states import Direction, ItemState


@dataclass(frozen=True)
class Forecast:
    """An estimate, with what it rests on.

    ``remaining`` is the longest chain of planned times among what is left to do (people may work in
    parallel, needs may not). ``unplanned`` items have no planned time and count as nothing.
    ``go_back_seconds`` is the measured time of restoring the latest verified backup.
    """

    remaining: timedelta
    unplanned: int
    finish_at: datetime
    late_by: timedelta | None
    go_back_seconds: float | None
    last_moment_back: datetime | None
    words: list[str]


def forecast(board: Board) -> Forecast:
    """Works it out for the direction in which the cutover goes now."""
    left = [
        v for v in board.items.values() if v.item.phase.direction == board.cutover.direction and not v.settled
    ]
    remaining = _longest_chain(left, board)
    finish = board.now + remaining
    end = board.cutover.window_end
    late = finish - end if end and finish > end else None
    back = _measured_restore(board)
    last = end - _way_back(board, back) if end and back is not None else None
    answer = Forecast(
        remaining=remaining,
        unplanned=sum(v.item.planned is None for v in left),
        finish_at=finish,
        late_by=late,
        go_back_seconds=back,
        last_moment_back=last,
        words=[],
    )
    answer.words.extend(_words(answer, board))
    return answer


def _longest_chain(left: list[ItemView], board: Board) -> timedelta:
    keys = {v.item.key for v in left}

    @cache
    def until_done(key: str) -> timedelta:
        view = board.items[key]
        before = [until_done(need) for need in view.item.needs if need in keys]
        return max(before, default=timedelta()) + _still_to_go(view, board)

    return max((until_done(key) for key in keys), default=timedelta())


def _still_to_go(view: ItemView, board: Board) -> timedelta:
    planned = view.item.planned or timedelta()
    started = view.attempt.effect_started_at if view.attempt else None
    if view.state == ItemState.RUNNING and started:
        return max(timedelta(), planned - (board.now - started))
    return planned


def _measured_restore(board: Board) -> float | None:
    newest = Backup.objects.filter(cutover=board.cutover, verified_at__isnull=False).first()
    return newest.restore_seconds if newest else None


def _way_back(board: Board, restore: float) -> timedelta:
    """The measured restore, and the planned time of the rollback's other items one after the other."""
    rollback = [v for v in board.items.values() if v.item.phase.direction == Direction.ROLLBACK]
    planned = sum((v.item.planned or timedelta() for v in rollback), timedelta())
    return planned + timedelta(seconds=restore)


def _words(answer: Forecast, board: Board) -> list[str]:
    words = []
    if answer.late_by:
        words.append(f"At this pace the window is passed by {duration(answer.late_by)}.")
    if answer.unplanned:
        words.append(f"{answer.unplanned} of the items that are left have no planned time.")
    if answer.go_back_seconds is None:
        words.append("How long going back takes is not known: no backup was restored yet.")
    if answer.last_moment_back and answer.last_moment_back < board.now:
        words.append("There is no longer enough of the window left to go back within it.")
    return words
