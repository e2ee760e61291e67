"""How large the parts of a timeline are: on a page, and on a screen at the wall."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TimelineSizes:
    """All in CSS pixels. Across, a drawing is in percent of its width and fits every screen.

    ``narrow`` and ``wide`` are the widths for which the labels of moments and of items are laid out, ``char``
    the width of a character. Heights: ``axis``, ``title`` of a lane, ``row`` with its ``bar``, ``mark`` (one
    line of moments). ``rows``: at most in one lane; ``lanes``: at most in one drawing, None for all.
    """

    name: str
    narrow: int
    wide: int
    char: float
    axis: int
    title: int
    row: int
    bar: int
    mark: int
    rows: int
    lanes: int | None
    has_item_labels: bool
    ticks: int  # at most


PAGE = TimelineSizes(
    name="page",
    narrow=330,
    wide=900,
    char=6.6,
    axis=20,
    title=19,
    row=18,
    bar=10,
    mark=16,
    rows=4,
    lanes=None,
    has_item_labels=True,
    ticks=12,
)
#: Read from across a room: nothing is smaller than 28 px.
WALL = TimelineSizes(
    name="wall",
    narrow=1800,
    wide=1800,
    char=16.0,
    axis=36,
    title=34,
    row=26,
    bar=18,
    mark=36,
    rows=1,
    lanes=5,
    has_item_labels=False,
    ticks=9,
)
