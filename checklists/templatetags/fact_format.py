"""How facts of an attempt are written: effects, names of facts, keys of rows, times kept as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

EFFECT_LABELS = {"PURE": "read-only", "IDEMPOTENT": "may be repeated", "AT_MOST_ONCE": "at most once"}


def effect_label(value: str) -> str:
    """The effect of an action, in words."""
    return EFFECT_LABELS.get(str(value), str(value))


def fact_name(name: str) -> str:
    """“restore seconds” of ``restore_seconds``."""
    return str(name).replace("_", " ").replace(".", " ")


def row_key(key: Any) -> str:
    """The key of a row: “42”, “org 7, user 42”."""
    if isinstance(key, Mapping):
        return ", ".join(f"{name} {value}" for name, value in key.items())
    return ", ".join(str(part) for part in key) if isinstance(key, list | tuple) else str(key)


def timestamp(text: str | datetime | None) -> datetime | None:
    """A time that was kept as text in JSON."""
    return parse_datetime(text) if isinstance(text, str) else text
