"""Compares two JSON answers field by field; values of personal fields are masked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.redact import MASK, strip_control_characters
from integrations.traffic.dual_run.read_rules import FieldRule, ReadRule

LONGEST_VALUE = 80  # characters of a value that are shown
MAX_DEPTH = 20  # levels of an answer that are compared one by one
MAX_DIFFERENCES = 1000  # of one answer
EMAIL = re.compile(r"(?<![^@\s])[^@\s]++@[^@\s]+\.[^@\s]+")


class _MissingValue:
    """Stands for a field that is absent, which is not the same as null."""

    def __repr__(self) -> str:
        return "(not there)"


MISSING = _MissingValue()


@dataclass(frozen=True)
class FieldDifference:
    """Where (``orders[id=7].amount``) and what each side says there, personal values masked."""

    path: str
    old: str
    new: str

    def describe(self) -> str:
        """Returns one line."""
        return f"{self.path}: {self.old} → {self.new}"


@dataclass(frozen=True)
class AnswerComparison:
    """The result for two answers: the rows of each, and the differences (`MAX_DIFFERENCES` at most)."""

    old_rows: int
    new_rows: int
    fields: int  # values that were compared
    differences: tuple[FieldDifference, ...]


class MissingRows(ValueError):
    """An answer has nothing at the place where its rows should be; the message says which side."""


def compare_answers(read: ReadRule, old: Any, new: Any) -> AnswerComparison:
    """Compares both answers by the rules of the read. Raises `MissingRows`."""
    left, right = _find_at(old, read.old_at, "old"), _find_at(new, read.new_at, "new")
    comparer = _AnswerComparer(read)
    name = read.old_at or read.old.strip("/").rpartition("/")[2] or "answer"
    if isinstance(left, list) and isinstance(right, list):
        differences = comparer.compare_rows(name, left, right)
    else:
        differences = comparer.compare_row(name, left, right)
    found = []
    for difference in differences:
        found.append(difference)
        if len(found) == MAX_DIFFERENCES:
            break
    return AnswerComparison(_count_rows(left), _count_rows(right), comparer.fields, tuple(found))


def _count_rows(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


def _find_at(answer: Any, place: str, side: str) -> Any:
    for name in filter(None, place.split(".")):
        if not isinstance(answer, Mapping) or name not in answer:
            raise MissingRows(f"the {side} answer has nothing at “{place}”")
        answer = answer[name]
    return answer


class _AnswerComparer:
    """Walks through two answers, and counts the values that it compared (``fields``)."""

    def __init__(self, read: ReadRule) -> None:
        self.read, self.fields = read, 0

    def compare_rows(self, name: str, old: list[Any], new: list[Any]) -> Iterator[FieldDifference]:
        """Yields the differences of rows that are paired by their key, or by position without one."""
        if not self.read.key:
            yield from self._compare_in_order(name, old, new)
            return
        rule = self._get_rule(self.read.key)
        left = self._index_by_key(old, self.read.key, rule.kind)
        right = self._index_by_key(new, rule.new, rule.kind)
        if len(left) != len(old) or len(right) != len(new):
            duplicates = _describe_duplicates(old, left), _describe_duplicates(new, right)
            yield FieldDifference(f"{name}[{self.read.key}]", *duplicates)
        for number, key in enumerate([*left, *(key for key in right if key not in left)]):
            row = number if self._is_personal(self.read.key) else f"{self.read.key}={_shorten(key)}"
            yield from self.compare_row(f"{name}[{row}]", left.get(key, MISSING), right.get(key, MISSING))
        if self.read.ordered:
            yield from self._compare_order(name, left, right)

    def _compare_order(
        self, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Iterator[FieldDifference]:
        """Yields the first place at which the keys that both sides have are in another order."""
        left, right = [key for key in old if key in new], [key for key in new if key in old]
        if left != right:
            at = next(n for n, (a, b) in enumerate(zip(left, right, strict=True)) if a != b)
            keys = [MASK if self._is_personal(self.read.key) else _shorten(k[at]) for k in (left, right)]
            yield FieldDifference(f"{name}: order, from row {at}", *keys)

    def _compare_in_order(self, name: str, old: list[Any], new: list[Any]) -> Iterator[FieldDifference]:
        for number in range(max(len(old), len(new))):
            left, right = (side[number] if number < len(side) else MISSING for side in (old, new))
            yield from self.compare_row(f"{name}[{number}]", left, right)

    def _index_by_key(self, rows: list[Any], key: str, kind: str) -> dict[str, Any]:
        """Row by its key as text. A declared kind makes 7 and “7” the same key."""
        found = {}
        for row in rows:
            if not isinstance(row, Mapping) or key not in row:
                raise MissingRows(f"a row has no field “{key}” to be paired by")
            found[json.dumps(_convert(kind, row[key]), default=str)] = row
        return found

    def _get_rule(self, name: str) -> FieldRule:
        return self.read.fields.get(name, FieldRule(name))

    def compare_row(self, path: str, old: Any, new: Any) -> Iterator[FieldDifference]:
        """Yields the differences of one row, whose fields may have other names, or of any other value."""
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            yield from self._compare_values(path, old, new, 0)
            return
        ignore, seen = self.read.ignore, set()
        for name, value in old.items():
            there = self._get_rule(name)
            seen.add(there.new)
            if name in ignore or there.new in ignore:
                continue
            other = new.get(there.new, MISSING)
            if there.each:
                value = _pick_names(value, {name: name for name in there.each})
                other = _pick_names(other, there.each)
            yield from self._compare_values(f"{path}.{name}", value, other, 1, there.kind)
        for name in new:
            if name not in seen and name not in ignore:
                yield from self._compare_values(f"{path}.{name}", MISSING, new[name], 1)

    def _compare_values(
        self, path: str, old: Any, new: Any, depth: int, kind: str = ""
    ) -> Iterator[FieldDifference]:
        left, right = (_convert(kind, value) for value in (old, new))
        if depth < MAX_DEPTH and isinstance(left, Mapping) and isinstance(right, Mapping):
            for name in [*left, *(name for name in right if name not in left)]:
                a, b = left.get(name, MISSING), right.get(name, MISSING)
                yield from self._compare_values(f"{path}.{name}", a, b, depth + 1)
        elif depth < MAX_DEPTH and isinstance(left, list) and isinstance(right, list):
            for number in range(max(len(left), len(right))):
                a, b = (side[number] if number < len(side) else MISSING for side in (left, right))
                yield from self._compare_values(f"{path}[{number}]", a, b, depth + 1)
        else:
            self.fields += 1
            if not _are_equal(left, right):
                yield FieldDifference(path, self._show_value(path, old), self._show_value(path, new))

    def _is_personal(self, path: str) -> bool:
        return bool(set(re.split(r"[.\[\]]", path)) & self.read.personal)

    def _show_value(self, path: str, value: Any) -> str:
        if value is MISSING or value is None or value in ("", [], {}):
            return "(not there)" if value is MISSING else json.dumps(value)
        if self._is_personal(path) or isinstance(value, Mapping | list) or EMAIL.search(str(value)):
            return MASK  # a whole row is masked, too: any of its fields may be personal
        return _shorten(json.dumps(value, ensure_ascii=False))


def _pick_names(value: Any, names: Mapping[str, str]) -> Any:
    """Of each object in a list, the values under these names, by the names in the old answer."""
    if not isinstance(value, list):
        return value
    return [
        {old: one.get(new) for old, new in names.items()} if isinstance(one, Mapping) else one
        for one in value
    ]


def _describe_duplicates(rows: list[Any], known: Mapping[str, Any]) -> str:
    twice = len(rows) - len(known)
    return f"{twice} row(s) twice" if twice else "each row once"


def _shorten(text: str) -> str:
    text = strip_control_characters(text)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _are_equal(left: Any, right: Any) -> bool:
    """JSON's equality: true is not 1, and “1” is not 1."""
    if isinstance(left, datetime) and isinstance(right, datetime):
        return abs(left - right) < timedelta(milliseconds=1)
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


def _convert(kind: str, value: Any) -> Any:
    """Returns the value as its declared kind, or unchanged when it is not of that kind."""
    if kind == "empty":
        return None if value is MISSING or value in ("", [], {}) else value
    if value is None or value is MISSING or kind == "" or isinstance(value, bool):
        return value
    try:
        return CONVERTERS[kind](value)
    except (ValueError, TypeError, InvalidOperation):
        return value


def _to_money(value: Any) -> Decimal:
    """Rounds to the cent: digits of a float beyond that are rounding errors."""
    return Decimal(str(value)).quantize(Decimal("0.01"))


def _to_time(value: Any) -> datetime:
    """Reads ISO 8601. A time without a zone is UTC, as the old stack writes it."""
    found = datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "money": _to_money,
    "number": lambda value: Decimal(str(value)),
    "time": _to_time,
    "text": str,
}
