"""How facts of an attempt are written: names, values, keys of rows, times that came as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

EFFECTS = {"PURE": "only looks", "IDEMPOTENT": "may be repeated", "AT_MOST_ONCE": "at most once"}
#: Longer values, and whatever has an inside, fold out.
SHORT = 160


@dataclass(frozen=True)
class Shown:
    """A value as one line, and in ``rows`` the whole of it where a line is not enough."""

    summary: str
    rows: str = ""


def effect(value: str) -> str:
    """What a lost worker may lead to, in words."""
    return EFFECTS.get(str(value), str(value))


def fact_name(name: str) -> str:
    """“restore seconds” of ``restore_seconds``."""
    return str(name).replace("_", " ").replace(".", " ")


def fact_value(value: Any) -> Shown:
    """A fact's value; booleans as words, structures as a count that folds out to JSON."""
    if isinstance(value, bool):
        return Shown("yes" if value else "no")
    if value is None:
        return Shown("–")
    if isinstance(value, Mapping | list):
        kind = "entries" if isinstance(value, Mapping) else "rows"
        return Shown(f"{len(value)} {kind}", _pretty(value)) if value else Shown("none")
    text = str(value)
    return Shown(text) if len(text) <= SHORT else Shown(f"{text[:SHORT]}…", text)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


def row_key(key: Any) -> str:
    """The key of a row: “42”, “org 7, user 42”."""
    if isinstance(key, Mapping):
        return ", ".join(f"{name} {value}" for name, value in key.items())
    return ", ".join(str(part) for part in key) if isinstance(key, list | tuple) else str(key)


def timestamp(text: str | datetime | None) -> datetime | None:
    """A time that was kept as text in JSON."""
    return parse_datetime(text) if isinstance(text, str) else text
