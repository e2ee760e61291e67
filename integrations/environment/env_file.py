"""Reads an environment file as text: nothing in it is run, and no variable in it is filled in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from integrations.errors import Problem

LARGEST = 1_000_000  # bytes


@dataclass(frozen=True)
class EnvFile:
    """One file: its exact bytes, the value of each name (the last one counts, as for every reader of such
    files), the lines that are no setting, and the lines that a later one overrides."""

    data: bytes
    values: dict[str, str]
    malformed: list[int]
    overridden: dict[str, list[int]]


def read(path: Path) -> EnvFile:
    """The file, or a `Problem`: missing, unreadable, too large, not UTF-8. Never repeats its text."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Problem(
            f"The environment file {path} cannot be read: {reason}.",
            means="Nothing was exported.",
            next="Check the path under systems: in the runbook, and that the worker's user may read it.",
        ) from None
    if len(data) > LARGEST or "\0" in text:
        raise Problem(
            f"{path} is no environment file: it has more than {LARGEST} bytes, or a zero byte.",
            next="Check the path under systems: in the runbook.",
        )
    malformed, lines = _lines(text)
    values = {} if malformed else dotenv_values(stream=io.StringIO(text), interpolate=False)
    repeated = {name: numbers[:-1] for name, numbers in lines.items() if len(numbers) > 1}
    return EnvFile(data, {name: value or "" for name, value in values.items()}, malformed, repeated)


def _lines(text: str) -> tuple[list[int], dict[str, list[int]]]:
    """Numbers of the lines that are no setting, and for each name the numbers of its lines."""
    malformed: list[int] = []
    names: dict[str, list[int]] = {}
    for binding in parse_stream(io.StringIO(text)):
        original = binding.original
        blank = len(original.string) - len(original.string.lstrip())
        number = original.line + original.string[:blank].count("\n")
        if binding.error:
            malformed.append(number)
        elif binding.key is not None:
            names.setdefault(binding.key, []).append(number)
    return malformed, names
