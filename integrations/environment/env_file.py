"""Reads an environment file as text: nothing in it is run, and no variable in it is filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from integrations.environment.env_readers import NODE, PYTHON, READERS, Reading
from integrations.errors import Problem
from integrations.systems import System

LARGEST = 1_000_000  # bytes
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
CAPITALS = re.compile(r"[A-Z_][A-Z0-9_]*")  # a name that may stand without a value


@dataclass(frozen=True)
class EnvFile:
    """One file: its exact bytes, and the value of each name (the last line of a name counts, as for every
    reader of such files). ``malformed``: numbers of the lines that are no setting. ``overridden``: name →
    numbers of the lines that a later line overrides. ``differing``: name → the line that Python's and Node's
    readers take differently; the value is then the one of the named reader, or else Python's."""

    data: bytes
    values: dict[str, str]
    malformed: list[int]
    overridden: dict[str, list[int]]
    differing: dict[str, int] = field(default_factory=dict)
    reader: str = ""

    @property
    def ambiguous(self) -> dict[str, int]:
        """The names whose value depends on the reader, which the runbook does not name; with their lines."""
        return {} if self.reader else self.differing


def read_env_file(path: Path, reader: str = "") -> EnvFile:
    """Reads the file. ``reader``: python or node; without it a difference between them is in ``ambiguous``.

    Raises `Problem` for a file that is missing, unreadable, too large or not UTF-8; the message never has any
    of its text.
    """
    if reader and reader not in READERS:
        raise Problem(
            f"reader: of the environment file {path} is “{reader}”.",
            next=f"Write {' or '.join(READERS)}, or leave it out.",
        )
    data, text = _read(path)
    readings = {name: read(text) for name, read in READERS.items()}
    counted = [readings[reader]] if reader else list(readings.values())
    malformed = sorted({line for each in counted for line in _list_malformed(each)} - _list_bare(readings))
    values = {} if malformed else _merge(readings, reader)
    repeated = {
        name: numbers[:-1]
        for name, numbers in readings[reader or PYTHON].lines.items()
        if len(numbers) > 1 and NAME.fullmatch(name)
    }
    differing = {} if malformed else _compare(readings[PYTHON], readings[NODE])
    return EnvFile(data, values, malformed, repeated, differing, reader)


def read_system_file(system: System) -> EnvFile:
    """The file of a system of kind ``env_file``. Raises as `read_env_file`."""
    return read_env_file(Path(system["path"]), system.get("reader"))


def read_settings(path: Path, reader: str = "") -> dict[str, str]:
    """Name → value of a file that programs are given. Raises `Problem` also where a value is not certain."""
    found = read_env_file(path, reader)
    reason = describe_faults(found)
    if reason:
        raise Problem(
            f"{path} cannot be used: {reason}",
            means="Which values a program would get is not known.",
            next="Correct these lines, then start this again.",
        )
    return found.values


def describe_faults(found: EnvFile) -> str:
    """The lines that are no setting or have two readings, in sentences without a value; "" for none."""
    said = []
    if found.malformed:
        said.append(f"Lines that are no setting: {', '.join(map(str, found.malformed))}.")
    if found.ambiguous:
        lines = ", ".join(f"line {line} ({name})" for name, line in found.ambiguous.items())
        said.append(
            f"Node's and Python's readers take these lines differently: {lines}. Put the values into single "
            "quotes (a “#” outside of quotes begins a comment for Node, escapes and back-ticks differ), or "
            "name the program that reads the file in reader: of the system (python or node)."
        )
    return " ".join(said)


def _read(path: Path) -> tuple[bytes, str]:
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
    return data, text


def _is_setting(name: str, value: str | None) -> bool:
    """Whether a line is a setting, and not the second line of a secret that was wrapped.

    Such a line (base64, with “=” at its end or without any) must not be taken for a name: names are shown.
    """
    return bool(NAME.fullmatch(name) and (CAPITALS.fullmatch(name) or (value or "").strip("=")))


def _list_malformed(reading: Reading) -> list[int]:
    wrong = [name for name, value in reading.values.items() if not _is_setting(name, value)]
    return [*reading.unread, *(line for name in wrong for line in reading.lines[name])]


def _list_bare(readings: dict[str, Reading]) -> set[int]:
    """The lines with nothing but a name in capitals, which both readers leave unset."""
    python = readings[PYTHON]
    bare = (name for name, value in python.values.items() if value is None and CAPITALS.fullmatch(name))
    return {line for name in bare for line in python.lines[name]}


def _merge(readings: dict[str, Reading], reader: str) -> dict[str, str]:
    """Name → value, as the named reader has it, or as Python's has it, and what only Node's sees."""
    if reader:
        return {name: value or "" for name, value in readings[reader].values.items()}
    both = {**readings[NODE].values, **readings[PYTHON].values}
    return {name: value or "" for name, value in both.items()}


def _compare(python: Reading, node: Reading) -> dict[str, int]:
    """Name → line of each name that the readers would set to different values, or only one would set."""
    names = dict.fromkeys([*python.values, *node.values])
    lines = {**python.lines, **node.lines}
    return {name: lines[name][-1] for name in names if python.values.get(name) != node.values.get(name)}
