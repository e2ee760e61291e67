"""The shapes of a drawing. Across they are in percent of its width, down in CSS pixels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checklists.board import PhaseView
from checklists.timeline.items import TimelineItem


@dataclass(frozen=True)
class TimelineBar:
    """A part of an item.

    ``kind``: done · running · late (the part that is over the plan) · failed · unknown · expected · guessed
    (nobody knows how long) · waited (for people) · planned (an outline) · rehearsed (a line below). Where
    ``is_point``, ``x`` is its middle: passed (a gate) · gate (not passed yet) · no-go · ticked (nobody said
    when the work began) · skipped.
    """

    kind: str
    x: float
    width: float
    y: int
    height: int
    is_point: bool = False

    @property
    def fill(self) -> str:
        """The pattern that fills it; empty for a plain colour."""
        return {"expected": "tl-ahead", "late": "tl-over", "unknown": "tl-lost"}.get(self.kind, "")


@dataclass(frozen=True)
class TimelineLabel:
    """Text beside a bar; ``anchor``: start or end. ``is_needed``: also on a phone."""

    text: str
    x: float
    y: int
    anchor: str
    is_needed: bool


@dataclass(frozen=True)
class DrawnItem:
    """An item with its bars from back to front; ``words`` say the same."""

    item: TimelineItem
    words: str
    bars: tuple[TimelineBar, ...]
    label: TimelineLabel | None


@dataclass(frozen=True)
class LanePhase:
    """A phase that gets a lane: its name, and how much of it is settled."""

    key: str
    title: str
    done: int
    total: int

    @classmethod
    def of(cls, phase: PhaseView) -> LanePhase:
        """As the board has it."""
        return cls(phase.phase.key, f"{phase.phase.number} {phase.phase.title}", phase.done, phase.total)


@dataclass(frozen=True)
class TimelineLane:
    """A phase. ``before`` and ``after``: how many of its items lie outside of the drawing.

    ``planned``: the x and the width of what the plan gave to the whole phase.
    """

    key: str
    title: str
    done: int
    total: int
    before: int
    after: int
    y: int
    title_y: int
    height: int
    items: tuple[DrawnItem, ...]
    planned: tuple[float, float] | None

    @property
    def plan_y(self) -> int:
        """The upper edge of what the plan gave to it."""
        return self.title_y + 4

    @property
    def plan_height(self) -> int:
        """From there to the end of its rows."""
        return self.y + self.height - self.plan_y - 3


@dataclass(frozen=True)
class TimelineMark:
    """A moment as a line from top to bottom. ``edge``: “before” or “after” where it is outside."""

    kind: str
    label: str
    at: datetime
    x: float
    y: int = 0
    anchor: str = "start"
    edge: str = ""

    @property
    def label_x(self) -> float:
        """Where its label begins, or ends: half a percent beside the line."""
        return round(self.x + (0.5 if self.anchor == "start" else -0.5), 2)
