"""The whole drawing: the scale, a lane for each phase, and the moments; and the sentence that says it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from checklists.board import Board, PhaseView
from checklists.forecast import Forecast
from checklists.states import Direction
from checklists.status.headline import ordered_phases
from checklists.timeline.items import TimelineItem, critical_keys, floor, list_items
from checklists.timeline.lanes import LaneMaker
from checklists.timeline.marks import find_marks, lay_out_labels
from checklists.timeline.plan import Span, plan_items
from checklists.timeline.scale import AxisTick, TimeScale, choose_scale
from checklists.timeline.shapes import LanePhase, TimelineLane, TimelineMark
from checklists.timeline.sizes import TimelineSizes

DRAWINGS_KEPT = 60  # in memory; one is made again when something in it changes


@dataclass(frozen=True)
class Night:
    """All of a night that its drawing shows. Equal ones are drawn once, for all pages that show them.

    ``until``: now in full steps, or when the cutover was closed. ``plan`` has key, begin and end.
    """

    items: tuple[TimelineItem, ...]
    phases: tuple[LanePhase, ...]
    current: int  # which of the phases people work on
    plan: tuple[tuple[str, Span], ...]
    marks: tuple[TimelineMark, ...]  # without the places of their labels
    critical: tuple[str, ...]
    scale: TimeScale
    until: datetime
    sizes: TimelineSizes


@dataclass(frozen=True, eq=False)
class Timeline:
    """A drawing.

    ``outside``: phases of which nothing lies in the drawing, and those for which a wall has no room.
    """

    sizes: TimelineSizes
    zone: str
    label: str
    height: int
    ticks: tuple[AxisTick, ...]
    lanes: tuple[TimelineLane, ...]
    outside: tuple[TimelineLane, ...]
    marks: tuple[TimelineMark, ...]
    critical: tuple[TimelineItem, ...]
    items: tuple[TimelineItem, ...]
    scale: TimeScale

    @property
    def drawn_items(self) -> list[TimelineItem]:
        """The items that have bars."""
        return [drawn.item for lane in self.lanes for drawn in lane.items]

    @cached_property
    def svg(self) -> SafeString:
        """The drawing."""
        return SafeString(render_to_string("_timeline_drawing.html", {"timeline": self}))

    @cached_property
    def table(self) -> SafeString:
        """The same in words: one row for each item."""
        return SafeString(render_to_string("_timeline_table.html", {"timeline": self}))


def draw_timeline(board: Board, forecast: Forecast, sizes: TimelineSizes) -> Timeline | None:
    """The night as it is planned, expected and was; None for a cutover without items."""
    items = list_items(board, forecast)
    until = floor(board.now) if board.cutover.is_open else board.cutover.closed_at
    if not items or until is None:
        return None
    scale = _choose_scale(board, forecast, items, until)
    shown = {item.phase for item in items}
    phases = [phase for phase in _in_order(board) if phase.phase.key in shown]
    night = Night(
        items=tuple(items),
        phases=tuple(LanePhase.of(phase) for phase in phases),
        current=_find_current(phases, board),
        plan=tuple(_plan(board, forecast, items, until).items()),
        marks=tuple(find_marks(board, forecast, scale)),
        critical=tuple(critical_keys(forecast)),
        scale=scale,
        until=until,
        sizes=sizes,
    )
    return _draw(night)


@lru_cache(maxsize=DRAWINGS_KEPT)
def _draw(night: Night) -> Timeline:
    sizes, scale = night.sizes, night.scale
    lanes, outside = _make_lanes(night)
    below = max((lane.y + lane.height for lane in lanes), default=sizes.axis)
    marks, height = lay_out_labels(night.marks, below, sizes)
    by_key = {item.key: item for item in night.items}
    return Timeline(
        sizes=sizes,
        zone=scale.zone.key,
        label=_describe(scale, marks, night.items),
        height=below + height + 4,
        ticks=tuple(scale.ticks(sizes.ticks)),
        lanes=tuple(lanes),
        outside=tuple(outside),
        marks=tuple(marks),
        critical=tuple(by_key[key] for key in night.critical if key in by_key),
        items=night.items,
        scale=scale,
    )


def _choose_scale(
    board: Board, forecast: Forecast, items: Iterable[TimelineItem], until: datetime
) -> TimeScale:
    done = [at for item in items for at in (item.began_at, item.ended_at) if at]
    ends = forecast.window_done if not forecast.window_done.why_unknown else forecast.all_done
    expected = [ends.nearly_sure_at or ends.at, forecast.writable.nearly_sure_at or forecast.writable.at]
    window = (board.cutover.window_start, board.cutover.window_end)
    return choose_scale(window, done, [floor(at) for at in expected if at], until, board.cutover.zone)


def _plan(
    board: Board, forecast: Forecast, items: Iterable[TimelineItem], until: datetime
) -> dict[str, Span]:
    """The plan of both directions, as far as they were gone: it begins with the window or with the order."""
    began = min((item.began_at or item.ended_at or until for item in items), default=until)
    plan = plan_items(board, Direction.FORWARD, board.cutover.window_start or floor(began))
    if forecast.ordered_at:
        plan |= plan_items(board, Direction.ROLLBACK, forecast.ordered_at)
    return plan


def _make_lanes(night: Night) -> tuple[list[TimelineLane], list[TimelineLane]]:
    of_phase: dict[str, list[TimelineItem]] = {}
    for item in night.items:
        of_phase.setdefault(item.phase, []).append(item)
    maker, plan = LaneMaker(night.scale, night.until, night.sizes), dict(night.plan)
    lanes, outside, y = list[TimelineLane](), list[TimelineLane](), night.sizes.axis
    chosen = _choose_phases(night)
    for phase in night.phases:
        lane = maker.make(phase, of_phase[phase.key], plan, y)
        if not lane.items or phase not in chosen:
            outside.append(lane)
            continue
        lanes.append(lane)
        y += lane.height
    return lanes, outside


def _in_order(board: Board) -> list[PhaseView]:
    """The way forward and, once it was ordered, the way back below it: as time goes."""
    going_back = board.cutover.direction == Direction.ROLLBACK
    phases = ordered_phases(board)
    forward = [phase for phase in phases if phase.phase.direction == Direction.FORWARD]
    return forward + [phase for phase in phases if phase not in forward] if going_back else forward


def _find_current(phases: Sequence[PhaseView], board: Board) -> int:
    """The number of the phase that people work on; the last one when all are done."""
    current = next((n for n, phase in enumerate(phases) if phase.done < phase.total), len(phases) - 1)
    if board.cutover.direction == Direction.ROLLBACK:
        back = [n for n, phase in enumerate(phases) if phase.phase.direction == Direction.ROLLBACK]
        current = next((n for n in back if phases[n].done < phases[n].total), current)
    return current


def _choose_phases(night: Night) -> Sequence[LanePhase]:
    """Those around the work of now, where there is no room for all."""
    phases, sizes = night.phases, night.sizes
    if sizes.lanes is None or len(phases) <= sizes.lanes:
        return phases
    first = max(0, min(night.current - 1, len(phases) - sizes.lanes))
    return phases[first : first + sizes.lanes]


def _describe(scale: TimeScale, marks: Iterable[TimelineMark], items: Iterable[TimelineItem]) -> str:
    """The drawing in a sentence, for people who do not see it."""
    begins, ends = scale.begins.astimezone(scale.zone), scale.ends.astimezone(scale.zone)
    running = [item.label for item in items if item.is_running]
    words = [mark.label.replace("← ", "").replace("→ ", "") for mark in marks]
    words.append(f"running: {'; '.join(running[:3])}" if running else "nothing runs")
    return (
        f"Timeline of {begins.day} {begins:%b} {begins:%H:%M} to {ends:%H:%M}, {scale.zone.key}: "
        f"{', '.join(words)}. The table after it says the same."
    )
