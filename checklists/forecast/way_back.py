"""How long going back takes as things stand, and until when it still fits into the window."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import QuerySet

from checklists.board import Board, ItemView
from checklists.compiled_query import compiled_query
from checklists.durations import format_duration
from checklists.forecast.measured_durations import Measurements
from checklists.forecast.network import Task, critical_path, place_tasks
from checklists.forecast.window_scope import marked_item, needs_of, reached_from, views_of_direction
from checklists.models import Backup, BackupVerification
from checklists.states import Direction, ItemKind
from integrations.actions import list_actions_that_record

SOON = timedelta(minutes=15)


@dataclass(frozen=True)
class WayBack:
    """The rollback that would be needed now.

    ``steps`` are its items up to the one that restores the service. ``takes`` is their measured time, in
    parallel where they allow it; None where it is not known, and ``why_unknown`` says why: a step was never
    measured (``unmeasured``), or nothing says where going back ends. ``last_safe_moment`` is the end of the
    window less ``takes`` and less ``decision_time``. ``restore_seconds``: how long the restore of the newest
    verified backup took; it is one part of the way back. ``state``: known · soon · passed · unknown ·
    none (no window, or nothing to take back) · ordered (the rollback is under way) · closed.
    """

    state: str
    decision_time: timedelta
    takes: timedelta | None = None
    last_safe_moment: datetime | None = None
    left: timedelta | None = None
    steps: list[ItemView] = field(default_factory=list)
    path: list[ItemView] = field(default_factory=list)
    unmeasured: list[ItemView] = field(default_factory=list)
    why_unknown: str = ""
    restore_seconds: float | None = None
    backup_problem: str = ""

    @property
    def is_red(self) -> bool:
        """Must a gate show it as red: it is not known, or too late?"""
        return self.state in ("unknown", "passed")

    @property
    def sentence(self) -> str:
        """What somebody has to know before going on; empty when nothing is wrong."""
        if self.state == "passed":
            return "There is no longer enough of the window left to go back within it."
        return self.why_unknown or self.backup_problem


def find_way_back(board: Board, measurements: Measurements) -> WayBack:
    """The way back of the present direction and time; reads the newest backup, with at most four queries."""
    restore, problem = _read_restore(board)
    base = WayBack(
        "closed",
        board.cutover.decision_time,
        restore_seconds=restore,
        backup_problem=problem,
    )
    if not board.cutover.is_open:
        return base
    if board.cutover.direction == Direction.ROLLBACK:
        return replace(base, state="ordered")
    end = marked_item(board, Direction.ROLLBACK, "service_restored")
    if end is None:
        return replace(base, state="unknown", why_unknown=_why_no_end(board))
    steps = _steps_to(end, board)
    unmeasured = [view for view in steps if view.item.key not in measurements]
    if why := _why_unknown(steps, unmeasured, base):
        return replace(base, state="unknown", steps=steps, unmeasured=unmeasured, why_unknown=why)
    takes, path = _measure(steps, board, measurements)
    return _until_when(replace(base, steps=steps, path=path, takes=takes), board)


def _steps_to(end: ItemView, board: Board) -> list[ItemView]:
    """The needed items of the rollback up to the one that restores the service; none when that has nothing
    to take back."""
    if board.rollback_plan.why_not_needed(end):
        return []
    before = reached_from(end.item.key, board)
    return [
        view
        for view in views_of_direction(board, Direction.ROLLBACK)
        if view.item.key in before and not board.rollback_plan.why_not_needed(view)
    ]


def _measure(
    steps: list[ItemView], board: Board, measurements: Measurements
) -> tuple[timedelta, list[ItemView]]:
    """How long the steps take, and those that decide it. People who wait for people are part of it."""
    tasks = [
        Task(
            view.item.key,
            needs_of(view, board),
            measurements[view.item.key][0].elapsed.total_seconds(),
            worker=f"role {view.item.owner}" if view.item.kind == ItemKind.MANUAL else "",
        )
        for view in steps
    ]
    placed = place_tasks(tasks)
    if not placed:
        return timedelta(), []
    last = max(placed, key=lambda key: placed[key].ends)
    path = [board.items[key] for key in critical_path(placed, last)]
    return timedelta(seconds=placed[last].ends), path


def _until_when(base: WayBack, board: Board) -> WayBack:
    end = board.cutover.window_end
    if end is None or base.takes is None:
        return replace(base, state="none")
    last = end - base.takes - base.decision_time
    left = last - board.now
    state = "passed" if left < timedelta() else "soon" if left < SOON else "known"
    return replace(base, state=state, last_safe_moment=last, left=left)


def _why_unknown(steps: list[ItemView], unmeasured: list[ItemView], base: WayBack) -> str:
    """Empty when every step was measured, and the backup that one of them restores was restored before."""
    restoring = list_actions_that_record("swapped_back")
    if not any(view.item.action in restoring for view in steps):
        return _why_unmeasured(unmeasured) if unmeasured else ""
    if base.backup_problem:
        return base.backup_problem
    if base.restore_seconds is None:
        return "How long going back takes is not known: no backup was restored yet."
    return _why_unmeasured(unmeasured) if unmeasured else ""


def _why_no_end(board: Board) -> str:
    if not views_of_direction(board, Direction.ROLLBACK):
        return "The runbook has no items for a rollback."
    return (
        "How long going back takes is not known: the runbook does not mark the item of the rollback that "
        "restores the service (service_restored)."
    )


def _why_unmeasured(unmeasured: list[ItemView]) -> str:
    names = ", ".join(str(view.item) for view in unmeasured[:3])
    more = f" and {len(unmeasured) - 3} more" if len(unmeasured) > 3 else ""
    planned = sum((view.item.planned or timedelta() for view in unmeasured), timedelta())
    together = " one after the other" if len(unmeasured) > 1 else ""
    plan = f" (planned: {format_duration(planned)}{together})" if planned else ""
    return f"How long going back takes is not known: nobody has measured {names}{more}{plan}."


def _read_restore(board: Board) -> tuple[float | None, str]:
    """Seconds of the restore of the newest verified backup, and what is wrong with the newest of all.

    No seconds when the newest failed its latest verification: an older one is not what is restored.
    """
    backup = _newest_backup.first(board.cutover.pk)
    failed: BackupVerification | None = backup.failure if backup else None
    if failed:
        return None, f"The newest backup cannot be relied on. {failed.sentence}"
    verified = _newest_verified_backup.first(board.cutover.pk)
    return (verified.restore_seconds if verified else None), ""


@compiled_query
def _newest_backup(cutover: int) -> QuerySet[Backup]:
    return Backup.objects.filter(cutover=cutover).prefetch_related("verifications__attempt__item")[:1]


@compiled_query
def _newest_verified_backup(cutover: int) -> QuerySet[Backup]:
    return Backup.objects.filter(cutover=cutover, verified_at__isnull=False)[:1]
