"""Compares two JSON answers field by field, and says where and how they differ without telling on people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.clients.dual_run.reads import Field, Read
from integrations.redact import MASK, clean

LONGEST = 80  # characters of a value that are shown
DEEPEST = 20  # levels of an answer that are looked into
MOST = 1000  # differences of one answer that are told apart
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class _Nothing:
    """A field that is not there; not the same as one that is null."""

    def __repr__(self) -> str:
        return "(not there)"


NOTHING = _Nothing()


@dataclass(frozen=True)
class Difference:
    """Where (``donations[id=7].amount``) and what each side says there, personal values masked."""

    path: str
    old: str
    new: str

    def as_text(self) -> str:
        """One line."""
        return f"{self.path}: {self.old} → {self.new}"


@dataclass(frozen=True)
class Compared:
    """Two answers side by side: how many rows each has, and what differs (`MOST` at most)."""

    old_rows: int
    new_rows: int
    fields: int  # values that were compared
    differences: tuple[Difference, ...]


class NoRows(ValueError):
    """An answer has nothing at the place where its rows should be; the message says which side."""


def compare(read: Read, old: Any, new: Any) -> Compared:
    """Both answers by the rules of the read. Raises `NoRows`."""
    left, right = _at(old, read.old_at, "old"), _at(new, read.new_at, "new")
    look = _Look(read)
    name = read.old_at or read.old.strip("/").rpartition("/")[2] or "answer"
    if isinstance(left, list) and isinstance(right, list):
        differences = look.rows(name, left, right)
    else:
        differences = look.row(name, left, right)
    found = []
    for difference in differences:
        found.append(difference)
        if len(found) == MOST:
            break
    return Compared(_count(left), _count(right), look.fields, tuple(found))


def _count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


def _at(answer: Any, place: str, side: str) -> Any:
    for name in filter(None, place.split(".")):
        if not isinstance(answer, Mapping) or name not in answer:
            raise NoRows(f"the {side} answer has nothing at “{place}”")
        answer = answer[name]
    return answer


class _Look:
    """Walks through two answers, and counts the values that it looked at."""

    def __init__(self, read: Read) -> None:
        self.read, self.fields = read, 0

    def rows(self, name: str, old: list[Any], new: list[Any]) -> Iterator[Difference]:
        """Rows paired by their key, else by position."""
        if not self.read.key:
            yield from self._in_order(name, old, new)
            return
        left = self._by_key(old, self.read.key)
        right = self._by_key(new, self._renamed(self.read.key).new)
        if len(left) != len(old) or len(right) != len(new):
            yield Difference(f"{name}[{self.read.key}]", _twice(old, left), _twice(new, right))
        for number, key in enumerate([*left, *(key for key in right if key not in left)]):
            here = (
                f"{name}[{number if self._is_personal(self.read.key) else f'{self.read.key}={_short(key)}'}]"
            )
            yield from self.row(here, left.get(key, NOTHING), right.get(key, NOTHING))
        common = [key for key in left if key in right]
        if self.read.ordered and common != (there := [key for key in right if key in left]):
            at = next(n for n, (a, b) in enumerate(zip(common, there, strict=True)) if a != b)
            keys = [MASK if self._is_personal(self.read.key) else _short(k[at]) for k in (common, there)]
            yield Difference(f"{name}: order, from row {at}", *keys)

    def _in_order(self, name: str, old: list[Any], new: list[Any]) -> Iterator[Difference]:
        for number in range(max(len(old), len(new))):
            left, right = (side[number] if number < len(side) else NOTHING for side in (old, new))
            yield from self.row(f"{name}[{number}]", left, right)

    def _by_key(self, rows: list[Any], key: str) -> dict[str, Any]:
        found = {}
        for row in rows:
            if not isinstance(row, Mapping) or key not in row:
                raise NoRows(f"a row has no field “{key}” to be paired by")
            found[json.dumps(row[key])] = row
        return found

    def _renamed(self, name: str) -> Field:
        return self.read.fields.get(name, Field(name))

    def row(self, path: str, old: Any, new: Any) -> Iterator[Difference]:
        """One row, whose fields may be named otherwise; or any other value."""
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            yield from self._values(path, old, new, 0)
            return
        ignore, seen = self.read.ignore, set()
        for name, value in old.items():
            there = self._renamed(name)
            seen.add(there.new)
            if name in ignore or there.new in ignore:
                continue
            other = new.get(there.new, NOTHING)
            yield from self._values(f"{path}.{name}", value, other, 1, there.kind)
        for name in new:
            if name not in seen and name not in ignore:
                yield from self._values(f"{path}.{name}", NOTHING, new[name], 1)

    def _values(self, path: str, old: Any, new: Any, depth: int, kind: str = "") -> Iterator[Difference]:
        left, right = (_read_as(kind, value) for value in (old, new))
        if depth < DEEPEST and isinstance(left, Mapping) and isinstance(right, Mapping):
            for name in [*left, *(name for name in right if name not in left)]:
                a, b = left.get(name, NOTHING), right.get(name, NOTHING)
                yield from self._values(f"{path}.{name}", a, b, depth + 1)
        elif depth < DEEPEST and isinstance(left, list) and isinstance(right, list):
            for number in range(max(len(left), len(right))):
                a, b = (side[number] if number < len(side) else NOTHING for side in (left, right))
                yield from self._values(f"{path}[{number}]", a, b, depth + 1)
        else:
            self.fields += 1
            if not _same(left, right):
                yield Difference(path, self._shown(path, old), self._shown(path, new))

    def _is_personal(self, path: str) -> bool:
        return bool(set(re.split(r"[.\[\]]", path)) & self.read.personal)

    def _shown(self, path: str, value: Any) -> str:
        if value is NOTHING or value is None or value in ("", [], {}):
            return "(not there)" if value is NOTHING else json.dumps(value)
        if self._is_personal(path) or isinstance(value, Mapping | list) or ADDRESS.search(str(value)):
            return MASK  # of a whole row as well: its fields would have to be looked at one by one
        return _short(json.dumps(value, ensure_ascii=False))


def _twice(rows: list[Any], known: Mapping[str, Any]) -> str:
    twice = len(rows) - len(known)
    return f"{twice} row(s) twice" if twice else "each row once"


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _same(left: Any, right: Any) -> bool:
    """JSON's equality: true is not 1, and “1” is not 1."""
    if isinstance(left, datetime) and isinstance(right, datetime):
        return abs(left - right) < timedelta(milliseconds=1)
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _read_as(kind: str, value: Any) -> Any:
    """The value as its declared kind; as it is when it is none of that kind."""
    if kind == "empty":
        return None if value is NOTHING or value in ("", [], {}) else value
    if value is None or value is NOTHING or kind == "" or isinstance(value, bool):
        return value
    try:
        return READERS[kind](value)
    except (ValueError, TypeError, InvalidOperation):
        return value


def _money(value: Any) -> Decimal:
    """To the cent: what a float has beyond that is its own noise."""
    return Decimal(str(value)).quantize(Decimal("0.01"))


def _moment(value: Any) -> datetime:
    """ISO 8601; one without a zone is UTC, as the old stack writes it."""
    found = datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


READERS: dict[str, Callable[[Any], Any]] = {
    "money": _money,
    "number": lambda value: Decimal(str(value)),
    "time": _moment,
    "text": str,
}
