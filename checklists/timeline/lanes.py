"""Lanes: the phases of a drawing, each with its items in as few rows as they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from checklists.timeline.bars import GUESSED, THINNEST, describe_item, draw_bars, end_of, place
from checklists.timeline.items import TimelineItem
from checklists.timeline.plan import Span
from checklists.timeline.scale import TimeScale
from checklists.timeline.shapes import DrawnItem, LanePhase, TimelineLabel, TimelineLane
from checklists.timeline.sizes import TimelineSizes

GAP = 0.3  # percent between two bars of a row
BELOW = 6  # pixels below the last row of a lane


@dataclass
class _Row:
    """The parts of one row that are taken: from and to, in percent."""

    taken: list[tuple[float, float]] = field(default_factory=list)

    def has_room(self, begins: float, ends: float) -> bool:
        return all(ends <= one or begins >= other for one, other in self.taken)


@dataclass(frozen=True)
class LaneMaker:
    """Makes the lanes of one drawing. ``until``: now, or when the cutover was closed."""

    scale: TimeScale
    until: datetime
    sizes: TimelineSizes

    def make(
        self, phase: LanePhase, items: Sequence[TimelineItem], plan: Mapping[str, Span], y: int
    ) -> TimelineLane:
        """The lane at ``y``; without items where all of them lie outside of the drawing."""
        inside = [item for item in items if self._side(item) == ""]
        rows: list[_Row] = []
        drawn = []
        top = y + self.sizes.title
        for item in sorted(inside, key=lambda each: (not each.needs_eyes, each.starts)):
            drawn.append(self._draw(item, rows, top))
        return TimelineLane(
            key=phase.key,
            title=phase.title,
            done=phase.done,
            total=phase.total,
            before=sum(self._side(item) == "before" for item in items),
            after=sum(self._side(item) == "after" for item in items),
            y=y,
            title_y=y + self.sizes.title - 5,
            height=self.sizes.title + max(1, len(rows)) * self.sizes.row + BELOW,
            items=tuple(sorted(drawn, key=lambda each: each.item.needs_eyes)),
            planned=self._planned(items, plan),
        )

    def _side(self, item: TimelineItem) -> str:
        """Empty inside of the drawing; else “before” or “after”; “nowhere” for what has no known time."""
        begins, ends = item.starts, end_of(item, self.until)
        if begins is None or ends is None:
            return "nowhere"
        if item.is_after_window and not item.has_happened:
            return "after"
        if ends < self.scale.begins:
            return "before"
        return "after" if begins > self.scale.ends else ""

    def _draw(self, item: TimelineItem, rows: list[_Row], top: int) -> DrawnItem:
        begins, ends = item.starts, end_of(item, self.until)
        assert begins is not None
        assert ends is not None
        x, width = place(begins, ends, self.scale)
        label = self._label(item, x, x + width)
        row = self._find_row(rows, *self._taken(item, x, width, label))
        if row is None and label is not None and not label.is_needed:
            label = None
            row = self._find_row(rows, *self._taken(item, x, width, None))
        if row is None:  # more at one time than there are rows: it lies on others; the table has all
            row = len(rows) - 1
        y = top + row * self.sizes.row
        if label is not None:
            label = TimelineLabel(label.text, label.x, y + self.sizes.bar, label.anchor, label.is_needed)
        bars = tuple(draw_bars(item, self.scale, self.until, y, self.sizes))
        return DrawnItem(item, describe_item(item, self.scale), bars, label)

    def _taken(
        self, item: TimelineItem, x: float, width: float, label: TimelineLabel | None
    ) -> tuple[float, float]:
        least = GUESSED if item.ends is None else THINNEST
        begins, ends = x - GAP, x + max(width, least) + GAP
        if item.is_gate or (item.began_at is None and item.ended_at):
            begins, ends = begins - 0.6, ends + 0.6  # a mark around its moment
        if label is None:
            return begins, ends
        if label.is_needed:  # on a phone the text is wider than any bar
            return (begins, 101.0) if label.anchor == "start" else (-1.0, ends)
        wide = len(label.text) * self.sizes.char / self.sizes.wide * 100
        return begins, label.x + wide + GAP

    def _find_row(self, rows: list[_Row], begins: float, ends: float) -> int | None:
        for number, row in enumerate(rows):
            if row.has_room(begins, ends):
                row.taken.append((begins, ends))
                return number
        if len(rows) >= self.sizes.rows:
            return None
        rows.append(_Row([(begins, ends)]))
        return len(rows) - 1

    def _label(self, item: TimelineItem, x: float, ends: float) -> TimelineLabel | None:
        """What runs or is in trouble has its name; what is late, critical or final its number."""
        if not self.sizes.has_item_labels:
            return None
        if item.needs_eyes:
            text = f"{item.label}, late" if item.is_late and item.is_running else item.label
            is_left = x > 100 - ends  # more room before it than after it
            room = (x if is_left else 100 - ends) - 1
            text = self._shorten(text, room, item)
            anchor, at = ("end", x - 0.6) if is_left else ("start", ends + 0.6)
            return TimelineLabel(text, round(at, 2), 0, anchor, True)
        if item.is_late or item.is_critical or item.is_irreversible:
            beside = ends + (1.0 if item.is_gate else 0.4)
            return TimelineLabel(item.number, round(beside, 2), 0, "start", False)
        return None

    def _shorten(self, text: str, room: float, item: TimelineItem) -> str:
        """What of it has room also on a phone; the number at least, and that it is late."""
        most = int(room / 100 * self.sizes.narrow / self.sizes.char)
        if len(text) <= most:
            return text
        end = "…, late" if text.endswith(", late") else "…"
        return text[: max(len(item.number), most - len(end))].rstrip() + end

    def _planned(self, items: Sequence[TimelineItem], plan: Mapping[str, Span]) -> tuple[float, float] | None:
        spans = [plan[item.key] for item in items if item.key in plan and not item.is_after_window]
        if not spans:
            return None
        begins, ends = min(one for one, _ in spans), max(other for _, other in spans)
        return place(begins, ends, self.scale) if self.scale.overlaps(begins, ends) else None
