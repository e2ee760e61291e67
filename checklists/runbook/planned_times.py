"""Writes planned times into the text of a runbook, which otherwise stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from checklists.durations import PATTERN
from checklists.runbook.yaml_source import item_entries, parse

_PLANNED = re.compile(rf"(\bplanned:\s*)({PATTERN})(?![\w])")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True)
class RewrittenText:
    """The text with new times. ``by_hand``: keys of items without a `planned:` that can be replaced."""

    text: str
    by_hand: tuple[str, ...]


def write_duration(length: timedelta) -> str:
    """“1h30m”: rounded up to a second, from ten minutes on to a minute; never less than a second."""
    seconds = max(1, -int(-length.total_seconds() // 1))
    if seconds >= 600:
        seconds = -(-seconds // 60) * 60
    parts = []
    for size, unit in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)


def write_planned_times(text: str, planned: Mapping[str, timedelta]) -> RewrittenText:
    """Item key → its new time. Raises `UnreadableRunbook` for a text that is not even YAML."""
    lines, by_hand = text.split("\n"), []
    places = {
        entries["key"].value: entries["planned"].line
        for _, entries in item_entries(parse(text))
        if "key" in entries and "planned" in entries
    }
    for key, length in planned.items():
        at = places.get(key, 0) - 1
        if at < 0 or len(_PLANNED.findall(lines[at])) != 1:
            by_hand.append(key)
            continue
        lines[at] = _PLANNED.sub(rf"\g<1>{write_duration(length)}", lines[at])
    return RewrittenText("\n".join(lines), tuple(by_hand))
