"""The moments of a night as lines: now, the window, until when to go back, the point of no return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from checklists.board import Board
from checklists.forecast import Forecast
from checklists.timeline.items import floor
from checklists.timeline.scale import TimeScale
from checklists.timeline.shapes import TimelineMark
from checklists.timeline.sizes import TimelineSizes

GAP = 1.0  # percent between a line and the label of another


def find_marks(board: Board, forecast: Forecast, scale: TimeScale) -> list[TimelineMark]:
    """In the order of their times. What lies outside of the drawing stands on its edge, and says so."""
    found = [_mark(kind, words, at, scale) for kind, words, at in _moments(board, forecast) if at is not None]
    # What nothing takes back in a week is no moment of this night; the page names it beside the clocks.
    found = [mark for mark in found if not (mark.kind == "no-return" and mark.edge)]
    return sorted(found, key=lambda mark: (mark.x, mark.kind))


def lay_out_labels(
    marks: Iterable[TimelineMark], top: int, sizes: TimelineSizes
) -> tuple[list[TimelineMark], int]:
    """The marks with their labels on lines below ``top``, none over another, and the height of the lines."""
    lines: list[list[tuple[float, float]]] = []
    found = []
    for mark in marks:
        width = len(mark.label) * sizes.char / sizes.narrow * 100
        anchor = "start" if mark.x + GAP + width <= 100 else "end"
        begins = mark.x + GAP if anchor == "start" else mark.x - GAP - width
        line = _find_line(lines, (begins - GAP, begins + width + GAP))
        found.append(replace(mark, anchor=anchor, y=top + (line + 1) * sizes.mark - 4))
    return found, len(lines) * sizes.mark


def _find_line(lines: list[list[tuple[float, float]]], wanted: tuple[float, float]) -> int:
    for number, line in enumerate(lines):
        if all(wanted[1] <= begins or wanted[0] >= ends for begins, ends in line):
            line.append(wanted)
            return number
    lines.append([wanted])
    return len(lines) - 1


def _mark(kind: str, words: str, at: datetime, scale: TimeScale) -> TimelineMark:
    edge = "" if scale.holds(at) else "before" if at < scale.begins else "after"
    here, shown = at.astimezone(scale.zone), scale.begins.astimezone(scale.zone).date()
    near = here.date() == shown or ((here.date() - shown).days == 1 and edge == "")
    clock = f"{here:%H:%M}" if near else f"{here.day} {here:%b %H:%M}"
    arrow = {"before": "← ", "after": "→ "}.get(edge, "")
    return TimelineMark(kind, f"{arrow}{words} {clock}", at, scale.x(at), edge=edge)


def _moments(board: Board, forecast: Forecast) -> Iterator[tuple[str, str, datetime | None]]:
    cutover = board.cutover
    if cutover.is_open:
        yield "now", "now", floor(board.now)
        yield "last-safe", "go back until", forecast.last_moment_back
    else:
        yield "ended", "closed", cutover.closed_at
    yield "opens", "window opens", cutover.window_start
    yield "closes", "window ends", cutover.window_end
    yield "ordered", "rollback ordered", forecast.ordered_at
    yield _no_return(board, forecast)


def _no_return(board: Board, forecast: Forecast) -> tuple[str, str, datetime | None]:
    """The first of them: what comes after it makes it no worse. Reached ones first."""
    reached = [point.reached_at for point in forecast.no_return if point.reached_at]
    expected = [point.expected_at for point in forecast.no_return if point.expected_at]
    if reached or not board.cutover.is_open:
        return "no-return-reached", "no way back since", min(reached, default=None)
    return "no-return", "no way back from", floor(min(expected)) if expected else None
