"""Durations: how a runbook writes them (“1h30m”), and how people read them (“1 h 30 min”)."""

from __future__ import annotations

import re
from datetime import timedelta

#: As a runbook writes them: 20s, 5m, 1h30m, 2d.
PATTERN = r"(?=\d)(\d{1,3}d)?(\d{1,4}h)?(\d{1,5}m)?(\d{1,6}s)?"
LONGEST = timedelta(days=365)
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def format_duration(length: timedelta | float, *, units: int = 2) -> str:
    """“47 min”, “3 min 12 s”, “2 h 5 min”, “4.2 s”: from a timedelta or seconds.

    The ``units`` largest units that are not zero, rounded down. Tenths are shown below ten seconds.
    """
    exact = max(0.0, length.total_seconds() if isinstance(length, timedelta) else length)
    if exact < 9.95 and exact % 1:
        return f"{exact:.1f} s"
    left, parts = int(exact), list[tuple[int, str]]()
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number or parts:
            parts.append((number, unit))
    return " ".join(f"{number} {unit}" for number, unit in parts[:units] if number) or "0 s"


def parse_duration(text: str) -> timedelta:
    """“1h30m” as a timedelta. Raises ValueError for anything else, for zero, and for over a year."""
    match = re.fullmatch(PATTERN, text, re.ASCII)
    if match is None:
        raise ValueError(text)
    parts = zip(match.groups(), _UNITS, strict=True)
    total = timedelta(seconds=sum(int(part[:-1]) * size for part, (_, size) in parts if part))
    if not timedelta(0) < total <= LONGEST:
        raise ValueError(text)
    return total
