"""When the cutover ends, and until when a rollback still fits into the window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from checklists.board import Board, ItemView, waits_for_window
from checklists.durations import format_duration
from checklists.models import Backup, BackupVerification
from checklists.states import Direction, ItemState
from integrations.actions import list_actions_that_record


@dataclass(frozen=True)
class Forecast:
    """An estimate and its inputs.

    ``remaining`` is the longest chain of planned times among the items left: items run in parallel, an item
    and its needs do not, and what waits for the window of production begins with it. ``unplanned`` items
    have no planned time and count as zero.
    ``go_back_seconds`` is the measured time of restoring the latest verified backup.
    ``words`` are warnings, as sentences.
    """

    remaining: timedelta
    unplanned: int
    finish_at: datetime
    late_by: timedelta | None
    go_back_seconds: float | None
    last_moment_back: datetime | None
    words: list[str]


def make_forecast(board: Board) -> Forecast:
    """The forecast for the present direction of the cutover."""
    left = [
        v for v in board.items.values() if v.item.phase.direction == board.cutover.direction and not v.settled
    ]
    remaining = _longest_chain(left, board)
    finish = board.now + remaining
    end = board.cutover.window_end
    late = finish - end if end and finish > end else None
    back = _measured_restore(board)
    is_known = back is not None or not _rests_on_backup(board)
    last = end - _rollback_duration(board, back or 0.0) if end and is_known else None
    answer = Forecast(
        remaining=remaining,
        unplanned=sum(v.item.planned is None for v in left),
        finish_at=finish,
        late_by=late,
        go_back_seconds=back,
        last_moment_back=last,
        words=[],
    )
    answer.words.extend(_warnings(answer, board))
    return answer


def _longest_chain(left: list[ItemView], board: Board) -> timedelta:
    keys = {v.item.key for v in left}

    @cache
    def until_done(key: str) -> timedelta:
        view = board.items[key]
        before = [until_done(need) for need in view.item.needs if need in keys]
        return max([*before, _time_until_allowed(view, board)]) + _time_left(view, board)

    return max((until_done(key) for key in keys), default=timedelta())


def _time_until_allowed(view: ItemView, board: Board) -> timedelta:
    """Zero, or the time until the window in which production may start the item."""
    opens = board.cutover.window_start
    if opens and waits_for_window(view.item, board.cutover, board.now, board.rows.production):
        return opens - board.now
    return timedelta()


def _time_left(view: ItemView, board: Board) -> timedelta:
    planned = view.item.planned or timedelta()
    started = view.attempt.effect_started_at if view.attempt else None
    if view.state == ItemState.RUNNING and started:
        return max(timedelta(), planned - (board.now - started))
    return planned


def _measured_restore(board: Board) -> float | None:
    """Of the newest verified backup. None when the newest of all failed its latest verification: an older
    one is not what the rollback restores."""
    if _find_failed_newest(board):
        return None
    newest = Backup.objects.filter(cutover=board.cutover, verified_at__isnull=False).first()
    return newest.restore_seconds if newest else None


def _find_failed_newest(board: Board) -> BackupVerification | None:
    """The latest verification of the newest backup, if it failed."""
    newest = Backup.objects.filter(cutover=board.cutover).prefetch_related("verifications__attempt__item")
    backup = newest.first()
    return backup.failure if backup else None


def _rests_on_backup(board: Board) -> bool:
    """Whether an item takes or restores a backup; else the way back is what its items do."""
    recording = list_actions_that_record("backup", "verified")
    return any(view.item.action in recording for view in board.items.values())


def _describe_way_back(board: Board) -> str:
    """What is known of it while no backup was restored."""
    if failed := _find_failed_newest(board):
        return f"The newest backup cannot be relied on. {failed.sentence}"
    if _rests_on_backup(board):
        return "How long going back takes is not known: no backup was restored yet."
    if not any(v.item.phase.direction == Direction.ROLLBACK for v in board.items.values()):
        return "The runbook has no items for a rollback."
    planned = format_duration(_rollback_duration(board, 0.0))
    return f"Going back is planned to take {planned}; it was not measured."


def _rollback_duration(board: Board, restore: float) -> timedelta:
    """The measured restore plus the planned times of all items of the rollback, one after the other."""
    rollback = [v for v in board.items.values() if v.item.phase.direction == Direction.ROLLBACK]
    planned = sum((v.item.planned or timedelta() for v in rollback), timedelta())
    return planned + timedelta(seconds=restore)


def _warnings(answer: Forecast, board: Board) -> list[str]:
    words = []
    if answer.late_by:
        words.append(f"At this pace the window is passed by {format_duration(answer.late_by)}.")
    if answer.unplanned:
        words.append(f"{answer.unplanned} of the items that are left have no planned time.")
    if answer.go_back_seconds is None:
        words.append(_describe_way_back(board))
    if answer.last_moment_back and answer.last_moment_back < board.now:
        words.append("There is no longer enough of the window left to go back within it.")
    return words
