"""The markup of single items of a timeline: of the drawing, and of the table that says the same.

Written here and not in templates: a night of 500 items has a thousand of these, all of them anew every few
seconds, and a template took ten times as long for each.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.html import escape
from django.utils.safestring import SafeString

from checklists.durations import format_duration
from checklists.timeline.items import TimelineItem
from checklists.timeline.scale import TimeScale
from checklists.timeline.shapes import DrawnItem, TimelineBar, TimelineLabel

#: The outline of a shape around its moment, in a square of one by one; of a gate it is a diamond.
OUTLINES = {
    "ticked": "M0 .1A.4 .4 0 0 1 0 .9A.4 .4 0 0 1 0 .1Z",
    "skipped": "M-.35 .1L.15 .5L-.35 .9M.2 .1V.9",
    "no-go": "M-.4 .1L.4 .9M.4 .1L-.4 .9",
}
DIAMOND = "M0 -.1L.6 .5L0 1.1L-.6 .5Z"


def draw_item(drawn: DrawnItem) -> SafeString:
    """The group of one item: its words for the pointer, its bars from back to front, and its label."""
    item = drawn.item
    critical = " tl-critical" if item.is_critical else ""
    head = f'<g class="tl-item{critical}" data-item="{escape(item.key)}" data-state="{item.state.value}">'
    bars = "".join(_draw_point(bar) if bar.is_point else _draw_bar(bar) for bar in drawn.bars)
    label = _draw_label(drawn.label) if drawn.label else ""
    return SafeString(f"{head}<title>{escape(drawn.words)}</title>{bars}{label}</g>\n")


def _draw_bar(bar: TimelineBar) -> str:
    fill = f' fill="url(#{bar.fill})"' if bar.fill else ""
    return (
        f'<rect class="tl-bar tl-{bar.kind}" x="{bar.x}%" width="{bar.width}%" y="{bar.y}"'
        f' height="{bar.height}"{fill}/>'
    )


def _draw_point(bar: TimelineBar) -> str:
    return (
        f'<svg class="tl-point" x="{bar.x}%" y="{bar.y}" height="{bar.height}">'
        f'<path class="tl-bar tl-{bar.kind}" transform="scale({bar.height})"'
        f' d="{OUTLINES.get(bar.kind, DIAMOND)}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _draw_label(label: TimelineLabel) -> str:
    needed = " tl-needed" if label.is_needed else ""
    return (
        f'<text class="tl-label{needed}" x="{label.x}%" y="{label.y}"'
        f' text-anchor="{label.anchor}">{escape(label.text)}</text>'
    )


def write_row(item: TimelineItem, scale: TimeScale) -> SafeString:
    """The row of one item in the table."""
    title = f'<a href="{escape(item.url)}">{escape(f"{item.number} {item.title}")}</a>'
    if item.is_critical:
        title += ' <span class="muted">decides the end</span>'
    if item.is_irreversible:
        title += ' <span class="muted">nothing takes it back</span>'
    cells = (
        escape(item.state.label),
        _begin(item, scale),
        _end(item, scale),
        _takes(item),
        _length(item.planned),
        _length(item.rehearsed),
    )
    row = f'<tr id="time-{escape(item.key)}" data-state="{item.state.value}"><th scope="row">{title}</th>'
    return SafeString(f"{row}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n")


def _begin(item: TimelineItem, scale: TimeScale) -> str:
    if item.began_at:
        return scale.clock(item.began_at)
    if item.ended_at:
        return "–" if item.is_gate else "not known"
    return _about(item.begins, scale)


def _end(item: TimelineItem, scale: TimeScale) -> str:
    if item.ended_at:
        return scale.clock(item.ended_at)
    if item.ends is None and item.begins and not item.is_gate:
        return "not known"
    return _about(item.ends, scale)


def _about(at: datetime | None, scale: TimeScale) -> str:
    return f"about {scale.clock(at)}" if at else "–"


def _takes(item: TimelineItem) -> str:
    over = f', <strong class="bad">{format_duration(item.over)} over the plan</strong>' if item.over else ""
    return f"{_length(item.worked)}{over}"


def _length(length: timedelta | None) -> str:
    return "–" if length is None else format_duration(length)
