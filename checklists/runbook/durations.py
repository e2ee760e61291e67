"""Durations as people write them in a runbook: 20s, 5m, 1h30m, 2d."""

from __future__ import annotations

import re
from datetime import timedelta

PATTERN = r"(?=\d)(\d{1,3}d)?(\d{1,4}h)?(\d{1,5}m)?(\d{1,6}s)?"
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
LONGEST = timedelta(days=365)


def parse_duration(text: str) -> timedelta:
    """“1h30m” as a timedelta; ValueError for anything else, for zero, and for over a year."""
    match = re.fullmatch(PATTERN, text, re.ASCII)
    if match is None:
        raise ValueError(text)
    parts = zip(match.groups(), _UNITS, strict=True)
    total = timedelta(seconds=sum(int(part[:-1]) * size for part, (_, size) in parts if part))
    if not timedelta(0) < total <= LONGEST:
        raise ValueError(text)
    return total


def duration_text(duration: timedelta) -> str:
    """The shortest way to write it, in whole seconds: the inverse of `parse_duration`."""
    left, parts = int(duration.total_seconds()), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
