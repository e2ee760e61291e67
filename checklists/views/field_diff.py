"""A changed field of a runbook as lines that were taken out, put in, or stayed beside them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from checklists.durations import format_duration
from checklists.runbook import FieldChange

CONTEXT_LINES = 2
KINDS = {"-": "removed", "+": "added", " ": "same"}


@dataclass(frozen=True)
class DiffLine:
    """One line: ``kind`` is removed, added, same, or gap (lines that are left out)."""

    kind: str
    text: str


def diff_of(change: FieldChange) -> list[DiffLine]:
    """The lines of both values, with two lines of context around each difference."""
    before, after = (_text_of(value).splitlines() for value in (change.before, change.after))
    lines = list(difflib.unified_diff(before, after, lineterm="", n=CONTEXT_LINES))[2:]
    shown = [_line(line) for line in lines]
    return shown[1:] if shown and shown[0].kind == "gap" else shown


def _line(line: str) -> DiffLine:
    return DiffLine("gap", "…") if line.startswith("@@") else DiffLine(KINDS[line[0]], line[1:])


def _text_of(value: Any) -> str:
    if value is None or value == "" or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, str | int | float):
        return str(value)
    return str(yaml.safe_dump(_plain(value), allow_unicode=True, sort_keys=False, width=100))


def _plain(value: Any) -> Any:
    """Mappings and sequences as YAML can write them, durations as people read them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return format_duration(value) if isinstance(value, timedelta) else value
