"""What the timeline says of each item: what happened and when, and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from checklists.board import Board, ItemView
from checklists.forecast import Forecast
from checklists.forecast.measured_durations import Measurements
from checklists.models.item import item_url
from checklists.states import Direction, ItemKind, ItemState

STEP = timedelta(seconds=10)  # what is expected moves on in these steps, so that one drawing serves all pages
#: States in which nobody works on an item and nothing is settled.
OPEN_STATES = (ItemState.BLOCKED, ItemState.READY, ItemState.QUEUED)
#: Marked with its number at least, wherever it lies.
TROUBLE = (ItemState.FAILED, ItemState.CONTRADICTED, ItemState.UNKNOWN, ItemState.NO_GO)


@dataclass(frozen=True)
class TimelineItem:
    """One item; ``cutover`` is the slug of its cutover. A time that is None is not known, or does not exist.

    ``began_at`` to ``ended_at`` is what happened; ``ended_at`` alone is a tick of which nobody said when the
    work began, or a gate that passed. ``ready_at``: since when it waits, or waited. ``begins`` to ``ends``
    is expected; ``ends`` is None where nothing says how long it takes. ``rehearsed``: how long it took in the
    latest rehearsal. Of a no-go, ``begins`` is when it was said. ``over``: by how much it takes, or took,
    longer than planned.
    """

    key: str
    number: str
    title: str
    cutover: str
    phase: str
    state: ItemState
    is_gate: bool
    planned: timedelta | None
    rehearsed: timedelta | None
    ready_at: datetime | None
    began_at: datetime | None
    ended_at: datetime | None
    begins: datetime | None
    ends: datetime | None
    worked: timedelta | None
    over: timedelta | None
    is_critical: bool
    is_irreversible: bool
    is_after_window: bool

    @property
    def url(self) -> str:
        """Its page."""
        return item_url("gate" if self.is_gate else "item", self.cutover, self.key)

    @property
    def is_running(self) -> bool:
        """Does somebody, or a machine, work on it now?"""
        return self.began_at is not None and self.ended_at is None and self.state not in TROUBLE

    @property
    def has_happened(self) -> bool:
        """Did it begin, or was it settled?"""
        return self.began_at is not None or self.ended_at is not None

    @property
    def is_late(self) -> bool:
        """Did it take, or does it take, longer than planned?"""
        return self.over is not None

    @property
    def needs_eyes(self) -> bool:
        """Is it one of those that people look for: it runs, or something is wrong with it?"""
        return self.is_running or self.state in TROUBLE

    @property
    def starts(self) -> datetime | None:
        """Where its bar starts."""
        return self.began_at or self.begins or self.ended_at

    @property
    def label(self) -> str:
        """“3.4 Fresh backup”, shortened."""
        return self.number + " " + (self.title if len(self.title) <= 34 else f"{self.title[:32].rstrip()}…")


def list_items(board: Board, forecast: Forecast) -> list[TimelineItem]:
    """The items of the way that is gone; once a rollback is ordered, also what was done before it.

    What was not done by then is left out, and so is what was open when the cutover was closed: nobody will
    do it.
    """
    critical, now = set(critical_keys(forecast)), floor(board.now)
    pairs = [(view, _item(view, board, forecast, critical, now)) for view in board.items.values()]
    return [item for view, item in pairs if _belongs(item, view, board)]


def critical_keys(forecast: Forecast) -> tuple[str, ...]:
    """The items that decide when the window's last item is done, the first of them first.

    Where the runbook marks none, those that decide when everything is.
    """
    if forecast.way_back.state == "closed":
        return ()
    return forecast.window_done.path or forecast.all_done.path


def floor(at: datetime) -> datetime:
    """The moment, rounded down to full steps."""
    return at - timedelta(seconds=at.timestamp() % STEP.total_seconds())


def rehearsed_duration(key: str, measurements: Measurements, own: int, before: datetime) -> timedelta | None:
    """How long the item took in the latest rehearsal that did it before that moment."""
    others = [one for one in measurements.get(key, ()) if one.cutover != own and one.at < before]
    return others[0].expected if others else None


def _belongs(item: TimelineItem, view: ItemView, board: Board) -> bool:
    direction = board.cutover.direction
    if not board.cutover.is_open:
        return item.has_happened
    if view.direction == direction:
        return item.state != ItemState.NOT_NEEDED
    return direction == Direction.ROLLBACK and item.has_happened


def _item(
    view: ItemView, board: Board, forecast: Forecast, critical: set[str], now: datetime
) -> TimelineItem:
    item, times = view.item, forecast.times[view.item.key]
    # What stopped, or was lost, is still to be done: its bar shows what happened.
    is_ahead = board.cutover.is_open and view.state not in TROUBLE
    placed = forecast.placed.get(item.key) if is_ahead else None
    begins = floor(board.now + timedelta(seconds=placed.begins)) if placed else None
    if view.gate and view.gate.no_go:
        begins = view.gate.no_go.at
    ends = floor(board.now + timedelta(seconds=placed.ends)) if placed and times.expected else None
    happens = view.state not in OPEN_STATES
    began = times.began_at if happens or item.kind == ItemKind.MANUAL else None
    ended = times.ended_at if happens else None
    return TimelineItem(
        key=item.key,
        number=item.number,
        title=item.title,
        cutover=board.cutover.slug,
        phase=item.phase.key,
        state=view.state,
        is_gate=item.kind == ItemKind.GATE,
        planned=item.planned,
        rehearsed=rehearsed_duration(item.key, forecast.measurements, board.cutover.pk, board.now),
        ready_at=times.ready_at,
        began_at=began,
        ended_at=ended,
        begins=begins,
        ends=ends,
        worked=_floor_length(times.worked, ended is None) if began else None,
        over=_floor_length(times.overrun, ended is None) if began else None,
        is_critical=item.key in critical,
        is_irreversible=bool(item.irreversible),
        is_after_window=forecast.scope is not None
        and item.key not in forecast.scope
        and item.phase.direction == board.cutover.direction,
    )


def _floor_length(length: timedelta | None, still_grows: bool) -> timedelta | None:
    return length - length % STEP if length is not None and still_grows else length
