"""When people can write again, when the last item of the window is done, and when everything is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import QuerySet

from checklists.board import Board, ItemView, waits_for_window
from checklists.compiled_query import compiled_query
from checklists.forecast.item_times import ItemTimes, find_item_times
from checklists.forecast.late_items import LateItem, find_costliest
from checklists.forecast.measured_durations import Measurements, read_measurements
from checklists.forecast.network import Placed, Task, critical_path, place_tasks
from checklists.forecast.no_return import PointOfNoReturn, find_points_of_no_return
from checklists.forecast.recovery_time import RecoveryClock, find_recovery_clock
from checklists.forecast.rollback_order import read_order_time
from checklists.forecast.way_back import WayBack, find_way_back
from checklists.forecast.window_scope import marked_item, needs_of, views_of_direction, window_keys
from checklists.models import SimulatedForecast
from checklists.states import ItemKind, ItemState


class MomentName(StrEnum):
    """The three moments that people ask for."""

    WRITABLE = "service_restored"  # people can write again
    WINDOW_DONE = "ends_window"  # the last item of the window
    ALL_DONE = "everything"


UNMARKED = {
    MomentName.WRITABLE: "The runbook does not mark the item after which people can write again "
    "(service_restored).",
    MomentName.WINDOW_DONE: "The runbook does not mark the last item of the window (ends_window).",
}
LONGEST_AGE = timedelta(minutes=2)  # of a simulation that is shown


@dataclass(frozen=True)
class Moment:
    """One moment: ``at`` is when the plan alone has it, ``reached_at`` when it was reached.

    Both None: ``why_unknown`` says why it is not known. ``late_by`` is the time from the end of the window to
    ``expected_at`` or ``reached_at``; of what comes after the window it is None. ``path`` are the keys of the
    items that decide it. ``likely_at`` and ``nearly_sure_at``: one simulated run in two, and nine in ten,
    reach it by then (P50 and P90); None while there is no simulation of the last two minutes.
    """

    name: MomentName
    at: datetime | None = None
    reached_at: datetime | None = None
    is_reached: bool = False
    why_unknown: str = ""
    late_by: timedelta | None = None
    path: tuple[str, ...] = ()
    likely_at: datetime | None = None
    nearly_sure_at: datetime | None = None

    @property
    def expected_at(self) -> datetime | None:
        """The one time that every page says: by the simulation, without one by the plan alone (``at``)."""
        return self.likely_at or self.at


@dataclass(frozen=True)
class Forecast:
    """What is expected, and from what.

    ``remaining`` is the time until the last item of the window is done; where the runbook marks none it is
    the time until everything is, and ``window_done`` is not known. ``unplanned`` items of it have neither
    a plan nor a measurement, and count as zero. ``costliest`` is the late item that moves the window most.
    ``placed`` says when each item that is left begins and ends,
    in seconds from now. ``ordered_at``: when the rollback was ordered. ``scope``: the keys of
    the items of the window, None where the runbook marks no end of it. ``words`` are warnings, as sentences;
    what a moment or the way back says of itself is not repeated there.
    """

    now: datetime
    moments: Mapping[MomentName, Moment]
    remaining: timedelta
    unplanned: int
    way_back: WayBack
    recovery: RecoveryClock
    costliest: LateItem | None
    no_return: list[PointOfNoReturn]
    times: Mapping[str, ItemTimes]
    placed: Mapping[str, Placed] = field(repr=False, default_factory=dict)
    measurements: Measurements = field(repr=False, default_factory=dict)
    ordered_at: datetime | None = None
    scope: frozenset[str] | None = field(repr=False, default=None)
    words: list[str] = field(default_factory=list)

    @property
    def writable(self) -> Moment:
        """People can write again."""
        return self.moments[MomentName.WRITABLE]

    @property
    def window_done(self) -> Moment:
        """The last item of the window is done."""
        return self.moments[MomentName.WINDOW_DONE]

    @property
    def all_done(self) -> Moment:
        """Everything is done, the weeks after the window, too."""
        return self.moments[MomentName.ALL_DONE]

    @property
    def finish_at(self) -> datetime:
        """The end of what is left of the window; where the runbook marks none, of everything."""
        return self.window_done.expected_at or self.now + self.remaining

    @property
    def late_by(self) -> timedelta | None:
        """By how much the last item of the window comes after its end; None also where it is not known."""
        return self.window_done.late_by

    @property
    def go_back_seconds(self) -> float | None:
        """How long the restore of the newest verified backup took: only a part of the way back."""
        return self.way_back.restore_seconds

    @property
    def last_moment_back(self) -> datetime | None:
        """The last safe moment to go back; None where it is not known."""
        return self.way_back.last_safe_moment


def make_forecast(board: Board) -> Forecast:
    """The forecast for the present direction of the cutover."""
    measurements = read_measurements(board.cutover)
    ordered_at = read_order_time(board.cutover)
    times = find_item_times(board, measurements, ordered_at)
    direction = board.cutover.direction
    left = [view for view in views_of_direction(board, direction) if not view.settled]
    scope = window_keys(board, direction)
    tasks = make_tasks(left, board, times, scope)
    placed = place_tasks(tasks)
    moments = {each.name: each for each in _find_moments(board, placed, scope)}
    counted = placed.keys() if scope is None else placed.keys() & scope
    every = target_keys(board, scope)
    answer = Forecast(
        now=board.now,
        moments=moments,
        remaining=_latest_end(placed, counted),
        unplanned=sum(_is_unplanned(board.items[key], times[key]) for key in counted),
        way_back=find_way_back(board, measurements),
        recovery=find_recovery_clock(board, times, placed),
        costliest=find_costliest(board, times, tasks, placed, every.get(MomentName.WINDOW_DONE, ())),
        no_return=find_points_of_no_return(board, placed),
        times=times,
        placed=placed,
        measurements=measurements,
        ordered_at=ordered_at,
        scope=None if scope is None else frozenset(scope),
    )
    answer.words.extend(_warnings(answer))
    return answer


def make_tasks(
    left: Iterable[ItemView], board: Board, times: Mapping[str, ItemTimes], scope: set[str] | None
) -> list[Task]:
    """The items that are left as a network, with the time that each still needs.

    People do what belongs to the window (``scope``) before anything that comes after it.
    """
    return [
        Task(
            key=view.item.key,
            needs=needs_of(view, board),
            seconds=seconds_left(times[view.item.key]),
            earliest=_seconds_until_allowed(view, board),
            worker=worker_of(view),
            rank=int(scope is not None and view.item.key not in scope),
        )
        for view in left
    ]


def worker_of(view: ItemView) -> str:
    """Who does a manual item: the person who took it over, or the people of its role as one person."""
    if view.item.kind != ItemKind.MANUAL:
        return ""
    return f"person {view.item.claimed_by_id}" if view.item.claimed_by_id else f"role {view.item.owner}"


def seconds_left(times: ItemTimes) -> float:
    """What an item still needs: all of it before it began, the rest while it runs."""
    expected = (times.expected or timedelta()).total_seconds()
    if times.began_at is None or times.ended_at is not None or times.worked is None:
        return expected
    return max(0.0, expected - times.worked.total_seconds())


def _seconds_until_allowed(view: ItemView, board: Board) -> float:
    """Zero, or the time until the window in which production may start the item."""
    opens = board.cutover.window_start
    if opens and waits_for_window(view.item, board.cutover, board.now, board.rows.production):
        return (opens - board.now).total_seconds()
    return 0.0


def target_keys(board: Board, scope: set[str] | None) -> dict[MomentName, set[str]]:
    """Moment → the keys of the items that have to be done for it, in the present direction.

    Without those that the runbook does not mark.
    """
    direction = board.cutover.direction
    marked = marked_item(board, direction, "service_restored")
    found = {MomentName.WRITABLE: {marked.item.key}} if marked else {}
    if scope is not None:
        found[MomentName.WINDOW_DONE] = scope
    return {**found, MomentName.ALL_DONE: {v.item.key for v in views_of_direction(board, direction)}}


def _find_moments(board: Board, placed: Mapping[str, Placed], scope: set[str] | None) -> Iterable[Moment]:
    keys, odds = target_keys(board, scope), _read_odds(board)
    for name in MomentName:
        if name not in keys:
            yield Moment(name, why_unknown=UNMARKED[name])
            continue
        end = board.cutover.window_end if name != MomentName.ALL_DONE else None
        yield _moment(name, keys[name], board, placed, end, odds.get(name, (None, None)))


def _read_odds(board: Board) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Moment → P50 and P90, by the latest simulation."""
    latest = _simulations.first(board.cutover.pk, board.now - LONGEST_AGE, board.cutover.direction)
    if latest is None:
        return {}
    return {
        name: (latest.at + timedelta(seconds=odds["p50"]), latest.at + timedelta(seconds=odds["p90"]))
        for name, odds in latest.moments.items()
    }


@compiled_query(values=2)
def _simulations(cutover: int, since: datetime, direction: str) -> QuerySet[SimulatedForecast]:
    """The latest one."""
    rows = SimulatedForecast.objects.filter(cutover=cutover, direction=direction)
    return rows.filter(at__gte=since)[:1]


def _moment(
    name: MomentName,
    keys: set[str],
    board: Board,
    placed: Mapping[str, Placed],
    end: datetime | None,
    odds: tuple[datetime | None, datetime | None],
) -> Moment:
    left = placed.keys() & keys
    if not left:
        settled = [at for key in keys if (at := board.items[key].settled_at) is not None]
        reached = max(settled, default=None)
        return Moment(name, reached_at=reached, is_reached=True, late_by=_late(reached, end))
    last = max(left, key=lambda key: placed[key].ends)
    at, path = board.now + timedelta(seconds=placed[last].ends), tuple(critical_path(placed, last))
    likely, nearly_sure = odds
    moment = Moment(name, at=at, path=path, likely_at=likely, nearly_sure_at=nearly_sure)
    return replace(moment, late_by=_late(moment.expected_at, end))


def _late(at: datetime | None, end: datetime | None) -> timedelta | None:
    return at - end if at and end and at > end else None


def _latest_end(placed: Mapping[str, Placed], keys: Iterable[str]) -> timedelta:
    return timedelta(seconds=max((placed[key].ends for key in keys), default=0.0))


def _is_unplanned(view: ItemView, times: ItemTimes) -> bool:
    return times.expected is None and view.state != ItemState.DONE


def _warnings(answer: Forecast) -> list[str]:
    words = []
    if answer.unplanned:
        have = "has no planned time and was" if answer.unplanned == 1 else "have no planned time and were"
        words.append(f"{answer.unplanned} of the items that are left {have} never measured.")
    problem = answer.way_back.backup_problem
    if problem and problem != answer.way_back.why_unknown:
        words.append(problem)
    return words
