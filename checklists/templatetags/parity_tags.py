"""How both versions of a value are marked, and how results of a comparison are worded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from checklists.comparisons.masking import ShownCell, ShownValue, ValueState
from checklists.comparisons.summary import ComparisonSummary, TableSummary
from checklists.comparisons.text_diff import MarkedTexts, TextPart, mark_differences, mark_outline
from checklists.templatetags.cutover_tags import count, size

register = template.Library()
#: Characters; in a list of many rows, longer texts are not compared word by word.
MAX_TEXT_IN_LIST = 160
#: What is shown where a side has no value to show.
WITHOUT_VALUE = {ValueState.NO_ROW: "no row", ValueState.NULL: "NULL", ValueState.HIDDEN: "hidden"}


@register.filter
def mark_versions(cell: ShownCell, how: str = "") -> MarkedTexts:
    """Both versions in parts that differ or not.

    ``how`` is “words” on the page of one row: texts of any length are compared word by word there.
    """
    before, after = cell.before, cell.after
    if before.state == after.state == ValueState.VALUE:
        short = max(len(before.text), len(after.text)) <= MAX_TEXT_IN_LIST
        return (mark_differences if how == "words" or short else mark_outline)(before.text, after.text)
    alone = ValueState.NO_ROW not in (
        cell.before.state,
        cell.after.state,
    )  # a value differs from NULL as a whole
    return MarkedTexts(_whole(cell.before, differs=alone), _whole(cell.after, differs=alone))


def _whole(value: ShownValue, *, differs: bool) -> list[TextPart]:
    return [TextPart(value.text, differs)] if value.text else []


@register.simple_tag
def version_html(value: ShownValue, parts: Sequence[TextPart], tag: str) -> SafeString:
    """One version of a value; ``tag`` is “del” for the version before, “ins” for the version after.

    It is a tag and not a template, because the cell keeps white space and a template would add some.
    """
    word = (
        "empty text" if value.state == ValueState.VALUE and not value.text else WITHOUT_VALUE.get(value.state)
    )
    if word:
        return format_html('<span class="null">{}</span>', word)
    pieces = (format_html("<mark>{}</mark>", part.text) if part.differs else part.text for part in parts)
    return format_html("<{0}>{1}</{0}>", tag, format_html_join("", "{}", ((piece,) for piece in pieces)))


@register.filter
def equal_as_kept(cell: ShownCell) -> bool:
    """Are both kept versions equal, so that the difference lies after the part that was kept?"""
    both = cell.before.state == cell.after.state == ValueState.VALUE
    return both and cell.before.text == cell.after.text


@register.filter
def comparison_state(comparison: ComparisonSummary) -> str:
    """The state of a whole comparison, as one word that tests and stylesheets can rely on."""
    if comparison.is_running:
        return "running"
    if not comparison.has_result:
        return "stopped"
    if comparison.equal:
        return "equal"
    if comparison.differing:
        return "differing"
    return "sampled" if comparison.is_sample else "incomplete"


@register.filter
def table_state(line: TableSummary) -> str:
    """The state of one table: “waiting”, “reading”, “asking”, or its result."""
    if not line.is_finished:
        return line.state
    if line.is_well_sampled:
        return "sampled"
    if line.equal:
        return "equal"
    return "differing" if line.differing else "incomplete"


@dataclass(frozen=True)
class StructureGroup:
    """One kind of structure that differs: indexes, constraints, triggers …"""

    name: str
    entries: Sequence[Mapping[str, Any]]
    is_judged: bool = False

    @property
    def undeclared(self) -> int:
        """How many of them nobody declared or announced."""
        return sum(not (entry.get("declared") or entry.get("expected")) for entry in self.entries)

    @property
    def expected(self) -> int:
        """How many of them were announced, and are not declared."""
        return sum(bool(entry.get("expected")) and not entry.get("declared") for entry in self.entries)


@register.filter
def structure_groups(result: Mapping[str, Any]) -> list[StructureGroup]:
    """Differences of structure of a result by kind; those that count first, then those not declared.

    Earlier results have no ``judged_kinds``: they judged all kinds, or none.
    """
    judged = result.get("judged_kinds") or ()
    kinds = [
        StructureGroup(name, entries, bool(result.get("structure_judged") or name in judged))
        for name, entries in (result.get("structure") or {}).items()
        if isinstance(entries, list) and entries and all(isinstance(one, Mapping) for one in entries)
    ]
    return sorted(
        kinds, key=lambda kind: (not (kind.undeclared and kind.is_judged), not kind.undeclared, kind.name)
    )


@register.filter
def answer_lines(rows: Any) -> list[str]:
    """The rows that one side returned for a rule in SQL, one line each."""
    if rows is None:
        return ["no answer"]
    if not isinstance(rows, list):
        return [str(rows)]
    return [_row(row) for row in rows] or ["no rows"]


def _row(row: Any) -> str:
    parts = row if isinstance(row, list) else list(row.values()) if isinstance(row, Mapping) else [row]
    return " | ".join("NULL" if part is None else str(part) for part in parts)


@register.filter
def read_rate(rate: float | None) -> str:
    """Bytes a second: “34.0 MB/s”."""
    return "" if rate is None else f"{size(rate)}/s"


@register.filter
def count_equal_tables(attempt: Any) -> str:
    """What a comparison found, in a few words. ``attempt`` has the annotations of `trend.with_counts`.

    The verdict may be another than that of the tables, and a selection says nothing about the rest.
    """
    noun = "table" if attempt.tables == 1 else "tables"
    selected = "selected " if attempt.selection else ""
    words = f"{count(attempt.alike)} of {count(attempt.tables)} {selected}{noun} equal"
    if not attempt.equal and not attempt.unequal:
        words += ", and what is beside the rows is not"
    return f"{words}; the rest was not compared" if attempt.selection else words
