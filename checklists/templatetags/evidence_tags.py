"""How evidence is laid out: facts as words, lists and small tables; what has no shape as JSON."""

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
from checklists.templatetags.fact_words import fact_name

register = template.Library()

HASH = re.compile(r"[0-9a-f]{32,128}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
#: Numbers that name something and are not counted.
NAMES = frozenset({"port", "pid", "number", "line", "status", "oid", "id", "version", "attempt"})
SHORT = 200  # characters; longer text folds out
FEW = 12  # entries; longer lists and tables fold out
WIDE = 6  # columns; what else a row has folds out
DEEP = 4  # levels; what lies deeper is shown as JSON
#: PostgreSQL keeps the keys of JSON by their length: what says most comes first, what only proves comes last.
FIRST = (
    "number", "name", "path", "table", "equal", "ok", "aligned", "signed_in", "sql", "status", "wrong",
    "classes", "what", "rows", "weighs", "tables", "statements", "seconds", "ms", "words", "lock", "summary",
)  # fmt: skip
LAST = ("file", "prisma", "listed", "line", "digest", "fingerprint", "sha256", "checksum")
#: A row of a table with one of these is marked.
TROUBLE = ("wrong", "error")
GOOD = ("equal", "ok", "equal_to_file")
#: Of a comparison the item's page shows the whole; tables and rows have pages of their own.
OF_A_COMPARISON = ("summary", "mode", "rows", "declared_count", "started", "finished", "digest")


@dataclass(frozen=True)
class Laid:
    """One value laid out. ``kind`` says which of the other fields the template reads."""

    id: str
    name: str
    kind: str  # text · hash · moment · long · list · table · pairs · facts · json
    text: str = ""
    at: datetime | None = None
    parts: Sequence[Any] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Row] = ()

    @property
    def folded(self) -> bool:
        """Is it too long to stand open?"""
        return self.kind != "facts" and max(len(self.parts), len(self.rows)) > FEW


@dataclass(frozen=True)
class Row:
    """One row of a table; ``more`` is what does not fit into its columns."""

    cells: Sequence[Laid]
    more: Sequence[Laid] = field(default_factory=list)
    bad: bool = False


@register.filter
def laid_out(facts: Any, prefix: str = "fact") -> list[Laid]:
    """The facts of an attempt; ``prefix`` keeps the ids of two lists on one page apart."""
    if not isinstance(facts, Mapping):
        return [_laid(f"{prefix}-0", "", facts, 1)]
    if isinstance(facts.get("parity"), Mapping):
        whole = facts["parity"]
        facts = {**facts, "parity": {name: whole[name] for name in OF_A_COMPARISON if name in whole}}
    return _entries(facts, prefix, 1)


def _entries(facts: Mapping[str, Any], prefix: str, level: int) -> list[Laid]:
    return [
        _laid(f"{prefix}-{n}", str(name), facts[name], level)
        for n, name in enumerate(sorted(facts, key=lambda name: _place(name, facts[name])))
    ]


def _place(name: str, value: Any = None) -> tuple[int, int]:
    """Where a fact stands among others: what says most, plain values, structures, proofs."""
    if name in FIRST:
        return (0, FIRST.index(name))
    return (3 if name in LAST else 2 if isinstance(value, Mapping | list) and value else 1, 0)


def _laid(place: str, name: str, value: Any, level: int) -> Laid:
    if isinstance(value, Mapping) and value:
        return _of_mapping(place, name, value, level)
    if isinstance(value, list) and value:
        return _of_list(place, name, value, level)
    if isinstance(value, str):
        return _of_text(place, name, value)
    return Laid(place, _title(name), "text", _scalar(name, value))


def _title(name: str) -> str:
    """The name in words; names with a dot belong to a database and stay as they are."""
    words = name if "." in name else fact_name(name)
    return "SHA-256" if words == "sha256" else words


def _scalar(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(name, value)
    return "none" if value in ([], {}) else str(value) or "–"


def _number(name: str, value: float) -> str:
    last = name.lower().split("_")[-1]
    if last == "seconds":
        return duration(value)
    if last == "bytes":
        return size(value)
    if last == "ms":
        return f"{value:g} ms"
    if isinstance(value, int):
        return str(value) if last in NAMES else count(value)
    return f"{value:.3g}"


def _of_text(place: str, name: str, text: str) -> Laid:
    if HASH.fullmatch(text):
        return Laid(place, _title(name), "hash", text)
    if MOMENT.match(text) and (at := _moment(text)):
        return Laid(place, _title(name), "moment", text, at=at)
    kind = "long" if len(text) > SHORT or text.count("\n") > 2 else "text"
    return Laid(place, _title(name), kind, text or "–")


def _moment(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:  # shaped like a time, and there is no such day
        return None
    return at if at and at.tzinfo else None


def _of_mapping(place: str, name: str, value: Mapping[str, Any], level: int) -> Laid:
    if level >= DEEP:
        return _json(place, name, value)
    inside = list(value.values())
    if len(inside) > 1 and all(isinstance(one, Mapping) for one in inside) and _alike(inside):
        return _table(place, name, [{"": key, **one} for key, one in value.items()], level)
    entries = _entries(value, place, level + 1)
    kind = "pairs" if len(inside) > 3 and all(_is_number(one) for one in inside) else "facts"
    return Laid(place, _title(name), kind, parts=entries)


def _alike(rows: Iterable[Mapping[str, Any]]) -> bool:
    return len({frozenset(row) for row in rows}) == 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_list(place: str, name: str, value: list[Any], level: int) -> Laid:
    if all(not isinstance(one, Mapping | list) for one in value):
        words = [_scalar(name, one) for one in value]
        if len(words) <= WIDE and sum(map(len, words)) < SHORT / 2:
            return Laid(place, _title(name), "text", ", ".join(words))
        return Laid(place, _title(name), "list", parts=words)
    if level < DEEP and all(isinstance(one, Mapping) for one in value):
        return _table(place, name, value, level)
    return _json(place, name, value)


def _table(place: str, name: str, rows: list[Mapping[str, Any]], level: int) -> Laid:
    every = sorted(
        dict.fromkeys(key for row in rows for key in row), key=lambda key: _place(key) if key else (-1, 0)
    )
    said = [key for key in every if any(row.get(key) not in (None, "", []) for row in rows)]
    columns = [key for key in said if all(_fits(row.get(key)) for row in rows)][:WIDE]
    made = [
        Row(
            cells=[_laid(f"{place}-{n}-{m}", key, row.get(key), level + 1) for m, key in enumerate(columns)],
            more=_entries(
                {
                    key: value
                    for key, value in row.items()
                    if key not in columns and value not in (None, "", [])
                },
                f"{place}-{n}-more",
                level + 1,
            ),
            bad=any(row.get(key) for key in TROUBLE) or any(row.get(key) is False for key in GOOD),
        )
        for n, row in enumerate(rows)
    ]
    return Laid(place, _title(name), "table", columns=[_title(key) for key in columns], rows=made)


def _fits(value: Any) -> bool:
    """Is it short enough for a cell?"""
    if isinstance(value, list):
        return len(value) <= 3 and all(isinstance(one, str) and len(one) <= 40 for one in value)
    return not isinstance(value, Mapping) and len(str(value)) <= 120


def _json(place: str, name: str, value: Any) -> Laid:
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, default=str)
    return Laid(place, _title(name), "json", text)


@register.filter
def since_then(then: datetime, now: datetime) -> timedelta:
    """How long ago that was, at a moment of the database's clock."""
    return max(now - then, timedelta())
