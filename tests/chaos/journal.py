"""What the programs themselves have written, outside of the panel."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def now() -> float:
    """Seconds since the boot, as the programs write them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Life:
    """From the first to the last sign of life of all that one attempt has started."""

    attempt: str
    key: str
    resource: str
    first: float
    last: float


@dataclass(frozen=True)
class Journal:
    """The lines of one journal, in the order in which they were written."""

    lines: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Journal:
        """All of it; nothing when nothing has written yet."""
        text = path.read_text() if path.exists() else ""
        return cls([json.loads(line) for line in text.splitlines()])

    def all_of(self, what: str) -> Iterator[dict[str, Any]]:
        """The lines of one kind."""
        return (line for line in self.lines if line["what"] == what)

    def effects(self) -> dict[str, list[str]]:
        """Key → the attempts that had its effect."""
        found: dict[str, list[str]] = defaultdict(list)
        for line in self.all_of("effect"):
            found[line["key"]].append(line["attempt"])
        return found

    def printed(self) -> dict[str, list[str]]:
        """Attempt → the lines that its program was about to print, in their order."""
        found: dict[str, list[str]] = defaultdict(list)
        for line in self.all_of("line"):
            found[line["attempt"]].append(f"line {line['number']} of {line['key']}")
        return found

    def lives(self) -> list[Life]:
        """One for each attempt that started a program, by their first sign."""
        signs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for line in self.lines:
            signs[line["attempt"]].append(line)
        lives = [
            Life(attempt, of[0]["key"], of[0]["resource"], of[0].get("started", of[0]["at"]), of[-1]["at"])
            for attempt, of in signs.items()
        ]
        return sorted(lives, key=lambda life: life.first)
