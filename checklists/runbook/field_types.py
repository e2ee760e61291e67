"""The types of values in a runbook file: how each is read, and its JSON Schema."""

from __future__ import annotations

import functools
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from checklists.durations import PATTERN, parse_duration
from checklists.runbook.document import EvidenceSpec, RecoveryTime
from checklists.runbook.yaml_source import Node

KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_LINE, MAX_TEXT, MAX_KEY = 200, 20_000, 60
MAX_NAME, MAX_NAME_KEY = 100, 40  # of roles, seats and systems


class InvalidValue(Exception):
    """A value cannot be read: the reason, the remedy, and the line if the value is inside another one."""

    def __init__(self, what: str, remedy: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what, self.remedy, self.line = what, remedy, line


@dataclass(frozen=True)
class FieldType:
    """A type of value: the function that reads it (raises `InvalidValue`) and its JSON Schema."""

    read: Callable[[Node], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class FieldSpec:
    """One field of a section: its type, its purpose, and the value when it is left out."""

    type: FieldType
    help: str
    default: Any = None
    required: bool = False
    only: frozenset[str] = frozenset({"manual", "action", "gate"})  # kinds of item that may have it


def describe_value(node: Node) -> str:
    """What stands at a place, for a sentence about what belongs there."""
    names = {list: "a list", dict: "a mapping", bool: "true or false", type(None): "nothing"}
    text = str(node.value)
    return names.get(type(node.value), f"“{text[:60]}{'…' if len(text) > 60 else ''}”")


def _text(node: Node) -> str:
    if isinstance(node.value, bool) or not isinstance(node.value, str | int | float):
        raise InvalidValue(
            f"a text belongs here, not {describe_value(node)}.", "Put it in quotes if it is one."
        )
    text = str(node.value).strip()
    if not text:
        raise InvalidValue("the text is empty.", "Write it, or take the key out.")
    if len(text) > MAX_TEXT:
        raise InvalidValue(f"the text is longer than {MAX_TEXT} characters.", "Link to a page instead.")
    return text


def _line(node: Node, longest: int = MAX_LINE) -> str:
    text = _text(node)
    if "\n" in text or len(text) > longest:
        raise InvalidValue(f"one line of at most {longest} characters belongs here.", "Shorten it.")
    return text


def _key(node: Node, longest: int = MAX_KEY) -> str:
    text = _line(node)
    if not KEY.fullmatch(text) or len(text) > longest:
        raise InvalidValue(
            f"“{text}” is no key.",
            f"Use up to {longest} small letters, digits and single hyphens: take-backup.",
        )
    return text


def _flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise InvalidValue(f"true or false belongs here, not {describe_value(node)}.", "Write true or false.")
    return node.value


def _count(node: Node) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 1:
        raise InvalidValue(
            f"a whole number from 1 belongs here, not {describe_value(node)}.", "Write a number."
        )
    return node.value


def _duration(node: Node) -> timedelta:
    try:
        return parse_duration(node.value if isinstance(node.value, str) else "")
    except ValueError:
        raise InvalidValue(
            f"{describe_value(node)} is no duration.", "Write it like 20s, 5m, 1h30m or 2d (at most 365d)."
        )


@functools.cache
def _timezones() -> frozenset[str]:
    """The host's names of time zones. To list them opens over a thousand files."""
    return frozenset(zoneinfo.available_timezones())


def _timezone(node: Node) -> str:
    name = _line(node)
    if name not in _timezones():
        raise InvalidValue(f"“{name}” is no time zone.", "Write it like Europe/Berlin, or UTC.")
    return name


def _mapping(node: Node) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise InvalidValue(
            f"a mapping (key: value) belongs here, not {describe_value(node)}.", "Indent its keys."
        )
    return node.value


def _list(node: Node) -> list[Node]:
    if not isinstance(node.value, list):
        raise InvalidValue(f"a list belongs here, not {describe_value(node)}.", "Write it like [one, two].")
    return node.value


def _keys(node: Node) -> tuple[str, ...]:
    found: list[str] = []
    for child in _list(node):
        key = _read_inner(child, _key)
        if key in found:
            raise InvalidValue(f"“{key}” is listed twice.", "Take one out.", child.line)
        found.append(key)
    return tuple(found)


def _evidence(node: Node) -> tuple[EvidenceSpec, ...]:
    found = [_read_inner(child, _one_evidence) for child in _list(node)]
    names = [spec.item for spec in found]
    for spec in found:
        if names.count(spec.item) > 1:
            raise InvalidValue(f"“{spec.item}” is listed twice.", "Take one out.", spec.line)
    return tuple(found)


def _one_evidence(node: Node) -> EvidenceSpec:
    if not isinstance(node.value, dict):
        return EvidenceSpec(_key(node), line=node.line)
    if "item" not in node.value or set(node.value) - {"item", "fresh_for"}:
        raise InvalidValue("a piece of evidence has item: and fresh_for:.", "Write the item's key, or both.")
    fresh = node.value.get("fresh_for")
    return EvidenceSpec(
        _read_inner(node.value["item"], _key), _read_inner(fresh, _duration) if fresh else None, node.line
    )


def _recovery_time(node: Node) -> RecoveryTime:
    entries = _mapping(node)
    if set(entries) != {"from", "to"}:
        raise InvalidValue(
            "rto has from: and to:, two items.", "Write {from: KEY, to: KEY}, the keys of two items."
        )
    return RecoveryTime(_read_inner(entries["from"], _key), _read_inner(entries["to"], _key))


def _read_inner(node: Node, read: Callable[[Node], Any]) -> Any:
    """Reads a value inside another one, and reports an error with its own line."""
    try:
        return read(node)
    except InvalidValue as invalid:
        raise InvalidValue(invalid.what, invalid.remedy, invalid.line or node.line)


def one_of(*words: str) -> FieldType:
    """A choice among these words."""

    def read(node: Node) -> str:
        if node.value not in words:
            raise InvalidValue(
                f"{describe_value(node)} is none of {', '.join(words)}.", "Choose one of them."
            )
        return str(node.value)

    return FieldType(read, {"enum": list(words)})


def some_of(*words: str) -> FieldType:
    """A list of these words, each at most once."""

    def read(node: Node) -> tuple[str, ...]:
        found = [_read_inner(child, one_of(*words).read) for child in _list(node)]
        if len(set(found)) < len(found):
            raise InvalidValue("a word is listed twice.", "Take one out.")
        return tuple(found)

    return FieldType(
        read, {"type": "array", "items": {"enum": list(words)}, "minItems": 1, "uniqueItems": True}
    )


_KEY_SCHEMA = {"type": "string", "pattern": f"^{KEY.pattern}$", "maxLength": MAX_KEY}
_DURATION_SCHEMA = {"type": "string", "pattern": f"^{PATTERN}$"}

TEXT = FieldType(_text, {"type": "string", "maxLength": MAX_TEXT})
LINE = FieldType(_line, {"type": "string", "maxLength": MAX_LINE})
SLUG = FieldType(_key, _KEY_SCHEMA)
NAME = FieldType(lambda node: _line(node, MAX_NAME), {"type": "string", "maxLength": MAX_NAME})
NAME_KEY = FieldType(lambda node: _key(node, MAX_NAME_KEY), {**_KEY_SCHEMA, "maxLength": MAX_NAME_KEY})
FLAG = FieldType(_flag, {"type": "boolean"})
COUNT = FieldType(_count, {"type": "integer", "minimum": 1})
DURATION = FieldType(_duration, _DURATION_SCHEMA)
TIMEZONE = FieldType(_timezone, {"type": "string"})
MAPPING = FieldType(_mapping, {"type": "object"})
LIST = FieldType(_list, {"type": "array"})
KEYS = FieldType(_keys, {"type": "array", "items": _KEY_SCHEMA, "uniqueItems": True})
EVIDENCE = FieldType(
    _evidence,
    {
        "type": "array",
        "minItems": 1,
        "items": {
            "anyOf": [
                _KEY_SCHEMA,
                {
                    "type": "object",
                    "properties": {"item": _KEY_SCHEMA, "fresh_for": _DURATION_SCHEMA},
                    "required": ["item"],
                    "additionalProperties": False,
                },
            ]
        },
    },
)
RECOVERY_TIME = FieldType(
    _recovery_time,
    {
        "type": "object",
        "properties": {"from": _KEY_SCHEMA, "to": _KEY_SCHEMA},
        "required": ["from", "to"],
        "additionalProperties": False,
    },
)
