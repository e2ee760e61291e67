"""How lengths of time are said in sentences."""

from __future__ import annotations

from datetime import timedelta


def duration(length: timedelta) -> str:
    """“47 min”, “3 min 12 s”, “2 h 5 min”: the two largest units that say something."""
    seconds = max(0, int(length.total_seconds()))
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number) or "0 s"
