"""The bars of one item: what happened, what is expected, and the plan and the rehearsal beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from checklists.durations import format_duration
from checklists.states import ItemState
from checklists.timeline.items import TROUBLE, TimelineItem
from checklists.timeline.scale import TimeScale
from checklists.timeline.shapes import TimelineBar
from checklists.timeline.sizes import TimelineSizes

THINNEST = 0.5  # percent: what takes seconds stays visible in a night of hours
GUESSED = 1.5  # percent: of what nobody knows the length


def draw_bars(
    item: TimelineItem, scale: TimeScale, until: datetime, y: int, sizes: TimelineSizes
) -> Iterator[TimelineBar]:
    """From back to front. ``until``: now, or when the cutover was closed; ``y``: the top of its row."""
    start, thin = item.starts, 3 if sizes.bar < 15 else 5

    def bar(kind: str, begins: datetime, ends: datetime, top: int, height: int) -> Iterator[TimelineBar]:
        if scale.overlaps(begins, ends):
            x, width = place(begins, ends, scale)
            yield TimelineBar(kind, x, width, top, height)

    if start and item.planned and not item.is_gate:
        yield from bar("planned", start, start + item.planned, y, sizes.bar)
    if start and item.rehearsed and not item.is_gate:
        yield from bar("rehearsed", start, start + item.rehearsed, y + sizes.bar + 1, thin)
    if waits := _waits_until(item, until):
        yield from bar("waited", *waits, y + sizes.bar // 2 - 1, thin)
    for kind, begins, ends in _work_of(item, until):
        yield from bar(kind, begins, ends, y, sizes.bar)
    if item.begins and not item.is_gate and not item.has_happened and item.ends is None:
        x = min(scale.x(item.begins), 100 - GUESSED)
        if scale.holds(item.begins):
            yield TimelineBar("guessed", x, GUESSED, y, sizes.bar)
    point = point_of(item)
    if point and scale.holds(point[1]):
        yield TimelineBar(point[0], scale.x(point[1]), 0.0, y, sizes.bar, is_point=True)


def place(begins: datetime, ends: datetime, scale: TimeScale) -> tuple[float, float]:
    """x and width of a bar; it is never thinner than can be seen, and never leaves the drawing."""
    x = scale.x(begins)
    width = max(scale.x(ends) - x, THINNEST)
    return round(min(x, 100 - width), 2), round(width, 2)


def point_of(item: TimelineItem) -> tuple[str, datetime] | None:
    """What has a moment and no length: a gate, a tick of which nobody said when the work began, a skip."""
    if item.is_gate:
        at = item.ended_at or item.begins
        kind = {ItemState.DONE: "passed", ItemState.NO_GO: "no-go"}.get(item.state, "gate")
        return (kind, at) if at else None
    if item.ended_at and item.began_at is None:
        return ("skipped" if item.state == ItemState.SKIPPED else "ticked", item.ended_at)
    return None


def end_of(item: TimelineItem, until: datetime) -> datetime | None:
    """Where its bars end; None for an item of which no time is known."""
    ends = [at for at in (item.ended_at, item.ends, item.begins) if at]
    if item.began_at and item.ended_at is None:
        ends.append(until)
    return max(ends, default=None)


def _waits_until(item: TimelineItem, until: datetime) -> tuple[datetime, datetime] | None:
    """From when it could begin until it did; what waits now, waits until now."""
    if item.ready_at is None or item.state == ItemState.BLOCKED:
        return None
    ends = item.ended_at if item.is_gate else item.began_at or item.ended_at
    ends = ends or until
    return (item.ready_at, ends) if ends > item.ready_at else None


def _work_of(item: TimelineItem, until: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    if item.began_at:
        ends = item.ended_at or until
        yield _kind_of_work(item), item.began_at, ends
        if item.over and item.state not in TROUBLE:
            yield "late", ends - item.over, ends
    if item.begins and item.ends and not item.is_gate and (item.is_running or not item.has_happened):
        yield "expected", until if item.is_running else item.begins, item.ends


def _kind_of_work(item: TimelineItem) -> str:
    if item.is_running:
        return "running"
    if item.state == ItemState.UNKNOWN:
        return "unknown"
    return "failed" if item.state in TROUBLE else "done"


def describe_item(item: TimelineItem, scale: TimeScale) -> str:
    """“3.4 Fresh backup: done, 02:01 to 02:09, took 8 min, planned 5 min, rehearsed 6 min.”"""

    def clock(at: datetime) -> str:
        return f"{at.astimezone(scale.zone):%H:%M}"

    parts = [item.state.label.lower()]
    if item.began_at:
        parts.append(f"{clock(item.began_at)} to {clock(item.ended_at) if item.ended_at else 'now'}")
    elif item.ended_at:
        parts.append(f"at {clock(item.ended_at)}")
    elif item.begins:
        parts.append(f"expected {clock(item.begins)}{_until(item, clock)}")
    for word, length in (("took", item.worked), ("planned", item.planned), ("rehearsed", item.rehearsed)):
        if length is not None and length >= timedelta():
            parts.append(f"{word} {format_duration(_rough(length) if word == 'took' else length)}")
    if item.over:
        parts.append(f"{format_duration(item.over)} over")
    return f"{item.number} {item.title}: {', '.join(parts)}."


def _until(item: TimelineItem, clock: Callable[[datetime], str]) -> str:
    if item.is_gate:
        return ""
    return f" to {clock(item.ends)}" if item.ends else ", nobody knows for how long"


def _rough(length: timedelta) -> timedelta:
    """What grows each second is said in steps of ten seconds: else each page would be another drawing."""
    return length - length % timedelta(seconds=10) if length > timedelta(seconds=30) else length
