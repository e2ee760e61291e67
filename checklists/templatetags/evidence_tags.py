"""How evidence is laid out: facts as words, lists and small tables; anything else as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.dateparse import parse_datetime

from checklists.templatetags.cutover_tags import count, duration, size
from checklists.templatetags.fact_format import fact_name

register = template.Library()

HASH = re.compile(r"[0-9a-f]{32,128}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
#: Facts whose numbers are identifiers: they are shown without thousands separators.
IDENTIFIERS = frozenset({"port", "pid", "number", "line", "status", "oid", "id", "version", "attempt"})
MAX_TEXT = 200  # characters; longer text folds out
MAX_SHOWN = 100_000  # characters of one text on a page; the evidence has all of it
MAX_ENTRIES = 12  # longer lists and tables fold out
MAX_COLUMNS = 6  # other columns of a row fold out
MAX_HEADLINES = 6  # facts that are shown above all others
#: Numbers that say nothing to a reader.
NO_HEADLINE = frozenset({"pid", "port", "oid", "line", "number", "id", "attempt", "started", "finished"})
MAX_DEPTH = 4  # levels; deeper structures are shown as JSON
#: The order of facts. PostgreSQL returns the keys of JSON ordered by length, which says nothing to a reader.
FIRST = (
    "number", "name", "path", "table", "equal", "ok", "aligned", "signed_in", "sql", "status", "wrong",
    "classes", "what", "production", "rehearsal", "matters", "means",
    "rows", "weighs", "tables", "statements", "seconds", "ms", "words", "lock", "summary",
)  # fmt: skip
LAST = ("file", "prisma", "listed", "line", "digest", "fingerprint", "sha256", "checksum")
#: A row of a table is marked when one of these holds, or one of those below does not.
BAD_WHEN_TRUE = ("wrong", "error")
BAD_WHEN_FALSE = ("equal", "ok", "equal_to_file")
#: A row is marked as worth a look, without being bad, when this holds.
NOTABLE_WHEN_TRUE = ("matters",)
#: Facts of a comparison that the item's page shows; its tables and rows have pages of their own.
COMPARISON_FACTS = ("summary", "selection", "mode", "rows", "declared_count", "started", "finished", "digest")


@dataclass(frozen=True)
class FactLayout:
    """How one fact is shown. ``kind`` says which of the other fields the template reads."""

    id: str
    name: str
    kind: str  # text · hash · moment · long · list · table · pairs · facts · json
    text: str = ""
    at: datetime | None = None
    parts: Sequence[Any] = ()
    columns: Sequence[str] = ()
    rows: Sequence[FactRow] = ()

    @property
    def folded(self) -> bool:
        """Is it so long that it is shown folded?"""
        return self.kind != "facts" and max(len(self.parts), len(self.rows)) > MAX_ENTRIES

    @property
    def unfolded(self) -> bool:
        """Is it long, and shown open all the same?"""
        return any(row.notable for row in self.rows)


@dataclass(frozen=True)
class FactRow:
    """One row of a table; ``more`` has the facts that do not fit into its columns."""

    cells: Sequence[FactLayout]
    more: Sequence[FactLayout] = field(default_factory=list)
    bad: bool = False
    notable: bool = False


@register.filter
def layout_facts(facts: Any, prefix: str = "fact") -> list[FactLayout]:
    """The layout of an attempt's facts; ``prefix`` keeps the element ids of two lists on a page apart."""
    if not isinstance(facts, Mapping):
        return [_layout(f"{prefix}-0", "", facts, 1)]
    if isinstance(facts.get("parity"), Mapping):
        whole = facts["parity"]
        facts = {**facts, "parity": {name: whole[name] for name in COMPARISON_FACTS if name in whole}}
    if isinstance(facts.get("preflight"), Mapping):
        results = facts["preflight"].get("results", [])
        facts = {**facts, "preflight": _preflight_summary(results if isinstance(results, list) else [])}
    return _entries(facts, prefix, 1)


@register.filter
def fact_entries(fact: Any) -> list[Any]:
    """The entries of a fact that is a list. A mask is one entry; a loop would take it apart."""
    return fact if isinstance(fact, list) else [fact] if fact else []


@register.filter
def headline_facts(facts: Any) -> list[FactLayout]:
    """The facts that answer first: numbers, yes and no, moments, of the first two levels.

    Names of files, hashes, addresses and whatever is long are left to the complete list.
    """
    if not isinstance(facts, Mapping):
        return []
    inside = [one for one in facts.values() if isinstance(one, Mapping)]
    found: dict[str, Any] = {}
    for group in (facts, *inside):
        for name, value in group.items():
            if name not in found and _is_headline(name, value):
                found[name] = value
    names = sorted(found, key=lambda name: _sort_key(name, found[name]))[:MAX_HEADLINES]
    return [_layout(f"headline-{n}", name, found[name], 1) for n, name in enumerate(names)]


def _is_headline(name: str, value: Any) -> bool:
    if name in NO_HEADLINE or "." in name:
        return False
    if isinstance(value, str):
        return bool(TIMESTAMP.match(value)) and len(value) < 40
    return isinstance(value, bool | int | float)


def _preflight_summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is not green, and how many green results there are; the page of problems has all of them."""
    names = ("subject", "verdict", "seen", "change")
    others = [{name: one.get(name) for name in names} for one in results if one.get("verdict") != "green"]
    return {"green": len(results) - len(others), "not_green": others}


def _entries(facts: Mapping[str, Any], prefix: str, level: int) -> list[FactLayout]:
    return [
        _layout(f"{prefix}-{n}", str(name), facts[name], level)
        for n, name in enumerate(sorted(facts, key=lambda name: _sort_key(name, facts[name])))
    ]


def _sort_key(name: str, value: Any = None) -> tuple[int, int]:
    """The position of a fact: important ones, plain values, structures, checksums."""
    if name in FIRST:
        return (0, FIRST.index(name))
    return (3 if name in LAST else 2 if isinstance(value, Mapping | list) and value else 1, 0)


def _layout(element_id: str, name: str, value: Any, level: int) -> FactLayout:
    if isinstance(value, Mapping) and value:
        return _layout_mapping(element_id, name, value, level)
    if isinstance(value, list) and value:
        return _layout_list(element_id, name, value, level)
    if isinstance(value, str):
        return _layout_text(element_id, name, value)
    return FactLayout(element_id, _fact_title(name), "text", _format_scalar(name, value))


def _fact_title(name: str) -> str:
    """The name in words; names with a dot are names of a database and stay as they are."""
    words = name if "." in name else fact_name(name)
    return "SHA-256" if words == "sha256" else words


def _format_scalar(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _format_number(name, value)
    return "none" if value in ([], {}) else _cut(str(value)) or "–"


def _format_number(name: str, value: float) -> str:
    last = name.lower().split("_")[-1]
    if last == "seconds":
        return duration(value)
    if last == "bytes":
        return size(value)
    if last == "ms":
        return f"{value:g} ms"
    if isinstance(value, int):
        return str(value) if last in IDENTIFIERS else count(value)
    return f"{value:.3g}"


def _layout_text(element_id: str, name: str, text: str) -> FactLayout:
    if HASH.fullmatch(text):
        return FactLayout(element_id, _fact_title(name), "hash", text)
    if TIMESTAMP.match(text) and (at := _parse_moment(text)):
        return FactLayout(element_id, _fact_title(name), "moment", text, at=at)
    kind = "long" if len(text) > MAX_TEXT or text.count("\n") > 2 else "text"
    return FactLayout(element_id, _fact_title(name), kind, _cut(text) or "–")


def _parse_moment(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:  # it looks like a time, but there is no such day
        return None
    # Certificates without an end have the year 9999, which has no last hour in zones east of Greenwich.
    return at if at and at.tzinfo and 1 < at.year < 9999 else None


def _layout_mapping(element_id: str, name: str, value: Mapping[str, Any], level: int) -> FactLayout:
    if level >= MAX_DEPTH:
        return _layout_json(element_id, name, value)
    inside = list(value.values())
    if len(inside) > 1 and all(isinstance(one, Mapping) for one in inside) and _same_keys(inside):
        return _layout_table(element_id, name, [{"": key, **one} for key, one in value.items()], level)
    entries = _entries(value, element_id, level + 1)
    kind = "pairs" if len(inside) > 3 and all(_is_number(one) for one in inside) else "facts"
    return FactLayout(element_id, _fact_title(name), kind, parts=entries)


def _same_keys(rows: Iterable[Mapping[str, Any]]) -> bool:
    return len({frozenset(row) for row in rows}) == 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _layout_list(element_id: str, name: str, value: list[Any], level: int) -> FactLayout:
    if all(not isinstance(one, Mapping | list) for one in value):
        words = [_format_scalar(name, one) for one in value]
        if len(words) <= MAX_COLUMNS and sum(map(len, words)) < MAX_TEXT / 2:
            return FactLayout(element_id, _fact_title(name), "text", ", ".join(words))
        return FactLayout(element_id, _fact_title(name), "list", parts=words)
    if level < MAX_DEPTH and all(isinstance(one, Mapping) for one in value):
        return _layout_table(element_id, name, value, level)
    return _layout_json(element_id, name, value)


def _layout_table(element_id: str, name: str, rows: list[Mapping[str, Any]], level: int) -> FactLayout:
    keys = sorted(
        dict.fromkeys(key for row in rows for key in row), key=lambda key: _sort_key(key) if key else (-1, 0)
    )
    filled = [key for key in keys if any(not _is_empty(row.get(key)) for row in rows)]
    columns = [key for key in filled if all(_fits_cell(row.get(key)) for row in rows)][:MAX_COLUMNS]
    titles = [_fact_title(key) for key in columns]
    table_rows = [_layout_row(f"{element_id}-{n}", row, columns, level + 1) for n, row in enumerate(rows)]
    return FactLayout(element_id, _fact_title(name), "table", columns=titles, rows=table_rows)


def _layout_row(element_id: str, row: Mapping[str, Any], columns: list[str], level: int) -> FactRow:
    more = {key: value for key, value in row.items() if key not in columns and not _is_empty(value)}
    return FactRow(
        cells=[_layout(f"{element_id}-{n}", key, row.get(key), level) for n, key in enumerate(columns)],
        more=_entries(more, f"{element_id}-more", level),
        bad=any(row.get(key) for key in BAD_WHEN_TRUE)
        or any(row.get(key) is False for key in BAD_WHEN_FALSE),
        notable=any(row.get(key) is True for key in NOTABLE_WHEN_TRUE),
    )


def _is_empty(value: Any) -> bool:
    return value in (None, "", [])


def _fits_cell(value: Any) -> bool:
    """Is it short enough for a cell of a table?"""
    if isinstance(value, list):
        return len(value) <= 3 and all(isinstance(one, str) and len(one) <= 40 for one in value)
    return not isinstance(value, Mapping) and len(str(value)) <= 120


def _cut(text: str) -> str:
    """A text as a page shows it: one of megabytes would make a page of megabytes."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… (cut; it has {len(text):,} characters)"


def _layout_json(element_id: str, name: str, value: Any) -> FactLayout:
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, default=str)
    return FactLayout(element_id, _fact_title(name), "json", _cut(text))


@register.filter
def time_since(then: datetime, now: datetime) -> timedelta:
    """The time between two moments; never negative."""
    return max(now - then, timedelta())
