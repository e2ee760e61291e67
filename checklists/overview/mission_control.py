"""Read-only queries for the overview: who is waited for since when, the last lines of logs, the next gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models.functions import Left, Length

from checklists.board import Board, ItemView
from checklists.forecast import Forecast, PointOfNoReturn
from checklists.models import LogLine, ShownLine
from checklists.models.log import SHOWN
from checklists.states import ItemKind, ItemState
from checklists.status.pending_tasks import PendingTask, group_by_person, pending_tasks
from checklists.timeline.items import rehearsed_duration

LINES_EACH = 3  # of the log of a running attempt
LOGS_SHOWN = 6  # of the attempts that run at one time


@dataclass(frozen=True)
class Wait:
    """A task and since when it waits; None where nothing says it."""

    task: PendingTask
    since: datetime | None
    is_critical: bool


@dataclass(frozen=True)
class PersonWaits:
    """One person, or None for nobody, with what waits for them, the longest wait first among equals."""

    person: User | None
    waits: list[Wait]

    @property
    def longest(self) -> datetime | None:
        """Since when anything waits for this person."""
        return min((wait.since for wait in self.waits if wait.since), default=None)


@dataclass(frozen=True)
class NextGate:
    """The next gate that is not passed. ``expected_at``: when it can be signed; None: now, or not known."""

    view: ItemView
    is_open: bool
    expected_at: datetime | None


@dataclass(frozen=True)
class RunningItem:
    """An action that runs or is queued, or a manual item that somebody took over.

    ``lines``: the last of its log, where the person may read it. ``rehearsed``: what it took in the latest
    rehearsal; ``over``: by how much it takes longer than planned.
    """

    view: ItemView
    lines: list[ShownLine]
    began_at: datetime | None
    rehearsed: timedelta | None
    over: timedelta | None

    @property
    def is_manual(self) -> bool:
        """Does a person do it?"""
        return self.view.item.kind == ItemKind.MANUAL


def find_running(board: Board, forecast: Forecast, *, with_logs: bool) -> list[RunningItem]:
    """In the runbook's order, actions first."""
    by_hand = [
        view
        for view in board.ready
        if view.item.kind == ItemKind.MANUAL and forecast.times[view.item.key].began_at
    ]
    lines = read_last_lines(board.running) if with_logs else {}
    found = []
    for view in [*board.running, *by_hand]:
        times = forecast.times[view.item.key]
        rehearsed = rehearsed_duration(view.item.key, forecast.measurements, board.cutover.pk, board.now)
        began, over = times.began_at, times.overrun
        found.append(RunningItem(view, lines.get(view.item.key, []), began, rehearsed, over))
    return found


def next_points_of_no_return(board: Board, forecast: Forecast) -> list[PointOfNoReturn]:
    """Those that were reached, and the first of those ahead: the table of the timeline names all."""
    reached = [point for point in forecast.no_return if point.is_reached]
    ahead = [point for point in forecast.no_return if point.expected_at and board.cutover.is_open]
    return reached + sorted(ahead, key=lambda point: point.expected_at or board.now)[:1]


def find_waits(board: Board, forecast: Forecast, first: User) -> list[PersonWaits]:
    """The people who are waited for: ``first`` comes first, after what nobody here can do."""
    critical = {key for moment in forecast.moments.values() for key in moment.path}
    return [
        PersonWaits(
            one.person,
            [
                Wait(task, _waits_since(board.items[task.item.key], forecast), task.item.key in critical)
                for task in one.tasks
            ],
        )
        for one in group_by_person(pending_tasks(board), first)
    ]


def _waits_since(view: ItemView, forecast: Forecast) -> datetime | None:
    """Trouble waits since it came up, other work since the last of its needs was done."""
    if view.state == ItemState.NO_GO and view.gate and view.gate.no_go:
        return view.gate.no_go.at
    if view.later and view.state == ItemState.CONTRADICTED:
        return view.later.at
    if view.state in (ItemState.FAILED, ItemState.UNKNOWN) and view.attempt:
        return view.attempt.ended_at or view.attempt.queued_at
    return forecast.times[view.item.key].ready_at


def find_next_gate(board: Board, forecast: Forecast) -> NextGate | None:
    """In the present direction, in the runbook's order; those that can be signed now come first."""
    direction = board.cutover.direction
    ahead = [
        view
        for view in board.items.values()
        if view.item.kind == ItemKind.GATE and view.direction == direction and not view.settled
    ]
    if not ahead or not board.cutover.is_open:
        return None
    view = next((one for one in ahead if one.state == ItemState.READY), ahead[0])
    is_open = view.state == ItemState.READY
    placed = forecast.placed.get(view.item.key)
    expected = board.now + timedelta(seconds=placed.begins) if placed and not is_open else None
    return NextGate(view, is_open, expected)


def read_last_lines(views: Iterable[ItemView]) -> dict[str, list[ShownLine]]:
    """Item key → the last lines of its latest attempt, for the first `LOGS_SHOWN`; with one query."""
    keys = {view.attempt.pk: view.item.key for view in list(views)[:LOGS_SHOWN] if view.attempt}
    if not keys:
        return {}
    newest = [
        LogLine.objects.filter(attempt=pk)
        .order_by("-number")
        .annotate(beginning=Left("text", SHOWN), length=Length("text"))
        .values_list("attempt", "number", "at", "beginning", "length")[:LINES_EACH]
        for pk in keys
    ]
    found: dict[str, list[ShownLine]] = {key: [] for key in keys.values()}
    for pk, number, at, text, length in newest[0].union(*newest[1:], all=True):
        found[keys[pk]].append(ShownLine(number, at, text, length))
    return {key: sorted(lines, key=lambda line: line.number) for key, lines in found.items()}
