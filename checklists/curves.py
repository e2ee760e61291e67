"""The curves that an attempt measured, as SVG polylines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from checklists.models import Attempt, Measurement

WIDTH, HEIGHT, EDGE = 320, 72, 3  # of the drawing, in SVG units
MAX_POINTS = 160  # drawn of a curve; each group of points is replaced by its highest and lowest

Point = tuple[datetime, float]


@dataclass(frozen=True)
class Curve:
    """One value over time, with its name, its unit and its extremes."""

    name: str
    unit: str
    points: Sequence[Point]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]

    @property
    def low(self) -> float:
        """The smallest value."""
        return min(value for _, value in self.points)

    @property
    def high(self) -> float:
        """The largest value."""
        return max(value for _, value in self.points)

    @property
    def line(self) -> str:
        """The points of an SVG polyline in a box of WIDTH × HEIGHT, the axis of values from 0 or below."""
        drawn = downsample(self.points, MAX_POINTS)
        began, ended = drawn[0][0], drawn[-1][0]
        span = (ended - began).total_seconds() or 1.0
        low, high = min(0.0, self.low), max(self.high, 0.0)
        tall = (high - low) or 1.0
        return " ".join(
            f"{EDGE + (at - began).total_seconds() / span * (WIDTH - 2 * EDGE):.1f},"
            f"{HEIGHT - EDGE - (value - low) / tall * (HEIGHT - 2 * EDGE):.1f}"
            for at, value in drawn
        )


def downsample(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most ``most`` points. Each group keeps its extremes, so that no peak is lost."""
    if len(points) <= most:
        return points
    size = -(-len(points) // (most // 2))
    kept: list[Point] = []
    for start in range(0, len(points), size):
        piece = points[start : start + size]
        ends = {min(piece, key=lambda p: p[1]), max(piece, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def read_curves(attempt: Attempt) -> list[Curve]:
    """All curves of the attempt, in the order of their first point."""
    found: dict[str, list[Point]] = {}
    rows = Measurement.objects.filter(attempt=attempt).order_by("number").values_list("at", "values")
    for at, values in rows:
        for name, value in values.items():
            found.setdefault(name, []).append((at, value))
    return [Curve(*_words(name), points) for name, points in found.items()]


#: Last word of a name → unit.
UNITS = {"percent": "%", "ms": "ms", "s": "s", "seconds": "s", "minute": "a minute", "second": "a second"}


def _words(name: str) -> tuple[str, str]:
    words = name.split("_")
    unit = UNITS.get(words[-1], "")
    if unit and len(words) > 1:
        words = words[:-1]
        if words[-1] == "per":
            words = words[:-1]
    return " ".join(words), unit
