"""The format of server-sent events."""

from __future__ import annotations


def format_event(kind: str, data: str, cursor: str = "") -> str:
    """One event. Each line of ``data`` becomes a data field of its own; ``cursor`` its id."""
    # Every line break that Unicode knows counts: a bare CR in a program's output ends a line for browsers.
    fields = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"{f'id: {cursor}' + chr(10) if cursor else ''}event: {kind}\n{fields}\n"
