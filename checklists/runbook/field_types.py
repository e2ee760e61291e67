"""How each sort of value in a runbook file is read, and what an editor is told about it."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from checklists.runbook.document import EvidenceSpec
from checklists.runbook.durations import PATTERN, parse_duration
from checklists.runbook.source import Node

KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MAX_LINE, MAX_TEXT, MAX_KEY = 200, 20_000, 60
MAX_NAME, MAX_NAME_KEY = 100, 40  # of roles, seats and systems


class Wrong(Exception):
    """A value cannot be read: what is wrong with it, the remedy, and its line if it is deeper down."""

    def __init__(self, what: str, remedy: str, line: int | None = None) -> None:
        super().__init__(what)
        self.what, self.remedy, self.line = what, remedy, line


@dataclass(frozen=True)
class Kind:
    """A sort of value: how it is read (raising `Wrong`) and its JSON Schema."""

    read: Callable[[Node], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One key of a section: the sort of its value, what it is for, and the value when left out."""

    kind: Kind
    help: str
    default: Any = None
    required: bool = False
    only: frozenset[str] = frozenset({"manual", "action", "gate"})  # kinds of item that have it


def _described(node: Node) -> str:
    names = {list: "a list", dict: "a mapping", bool: "true or false", type(None): "nothing"}
    return names.get(type(node.value), f"“{node.value}”")


def _text(node: Node) -> str:
    if isinstance(node.value, bool) or not isinstance(node.value, str | int | float):
        raise Wrong(f"a text belongs here, not {_described(node)}.", "Put it in quotes if it is one.")
    text = str(node.value).strip()
    if not text:
        raise Wrong("the text is empty.", "Write it, or take the key out.")
    if len(text) > MAX_TEXT:
        raise Wrong(f"the text is longer than {MAX_TEXT} characters.", "Link to a page instead.")
    return text


def _line(node: Node, longest: int = MAX_LINE) -> str:
    text = _text(node)
    if "\n" in text or len(text) > longest:
        raise Wrong(f"one line of at most {longest} characters belongs here.", "Shorten it.")
    return text


def _key(node: Node, longest: int = MAX_KEY) -> str:
    text = _line(node)
    if not KEY.fullmatch(text) or len(text) > longest:
        raise Wrong(
            f"“{text}” is no key.",
            f"Use up to {longest} small letters, digits and single hyphens: take-backup.",
        )
    return text


def _flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise Wrong(f"true or false belongs here, not {_described(node)}.", "Write true or false.")
    return node.value


def _count(node: Node) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 1:
        raise Wrong(f"a whole number from 1 belongs here, not {_described(node)}.", "Write a number.")
    return node.value


def _duration(node: Node) -> timedelta:
    try:
        return parse_duration(node.value if isinstance(node.value, str) else "")
    except ValueError:
        raise Wrong(
            f"{_described(node)} is no duration.", "Write it like 20s, 5m, 1h30m or 2d (at most 365d)."
        )


def _timezone(node: Node) -> str:
    name = _line(node)
    if name not in zoneinfo.available_timezones():
        raise Wrong(f"“{name}” is no time zone.", "Write it like Europe/Berlin, or UTC.")
    return name


def _mapping(node: Node) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise Wrong(f"a mapping (key: value) belongs here, not {_described(node)}.", "Indent its keys.")
    return node.value


def _list(node: Node) -> list[Node]:
    if not isinstance(node.value, list):
        raise Wrong(f"a list belongs here, not {_described(node)}.", "Write it like [one, two].")
    return node.value


def _keys(node: Node) -> tuple[str, ...]:
    found: list[str] = []
    for child in _list(node):
        key = _inside(child, _key)
        if key in found:
            raise Wrong(f"“{key}” is listed twice.", "Take one out.", child.line)
        found.append(key)
    return tuple(found)


def _evidence(node: Node) -> tuple[EvidenceSpec, ...]:
    found = [_inside(child, _one_evidence) for child in _list(node)]
    names = [spec.item for spec in found]
    for spec in found:
        if names.count(spec.item) > 1:
            raise Wrong(f"“{spec.item}” is listed twice.", "Take one out.", spec.line)
    return tuple(found)


def _one_evidence(node: Node) -> EvidenceSpec:
    if not isinstance(node.value, dict):
        return EvidenceSpec(_key(node), line=node.line)
    if "item" not in node.value or set(node.value) - {"item", "fresh_for"}:
        raise Wrong("a piece of evidence has item: and fresh_for:.", "Write the item's key, or both.")
    fresh = node.value.get("fresh_for")
    return EvidenceSpec(
        _inside(node.value["item"], _key), _inside(fresh, _duration) if fresh else None, node.line
    )


def _inside(node: Node, read: Callable[[Node], Any]) -> Any:
    """Reads a deeper value, so that what is wrong with it is told with its own line."""
    try:
        return read(node)
    except Wrong as wrong:
        raise Wrong(wrong.what, wrong.remedy, wrong.line or node.line)


def one_of(*words: str) -> Kind:
    """A choice of these words."""

    def read(node: Node) -> str:
        if node.value not in words:
            raise Wrong(f"{_described(node)} is none of {', '.join(words)}.", "Choose one of them.")
        return str(node.value)

    return Kind(read, {"enum": list(words)})


_KEY_SCHEMA = {"type": "string", "pattern": f"^{KEY.pattern}$", "maxLength": MAX_KEY}
_DURATION_SCHEMA = {"type": "string", "pattern": f"^{PATTERN}$"}

TEXT = Kind(_text, {"type": "string", "maxLength": MAX_TEXT})
LINE = Kind(_line, {"type": "string", "maxLength": MAX_LINE})
SLUG = Kind(_key, _KEY_SCHEMA)
NAME = Kind(lambda node: _line(node, MAX_NAME), {"type": "string", "maxLength": MAX_NAME})
NAME_KEY = Kind(lambda node: _key(node, MAX_NAME_KEY), {**_KEY_SCHEMA, "maxLength": MAX_NAME_KEY})
FLAG = Kind(_flag, {"type": "boolean"})
COUNT = Kind(_count, {"type": "integer", "minimum": 1})
DURATION = Kind(_duration, _DURATION_SCHEMA)
TIMEZONE = Kind(_timezone, {"type": "string"})
MAPPING = Kind(_mapping, {"type": "object"})
LIST = Kind(_list, {"type": "array"})
KEYS = Kind(_keys, {"type": "array", "items": _KEY_SCHEMA, "uniqueItems": True})
EVIDENCE = Kind(
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
