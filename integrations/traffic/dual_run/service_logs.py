"""The logs of services during a dual run: how many new lines there are, and which of them tell of errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.clients.platform import Platform

LINES = 200  # of each log that are read at once: a service that writes more between two reads loses some
LONGEST_LINE = 200  # characters of a line that are shown


@dataclass
class ServiceLogs:
    """The logs of these services since `begin`. ``pattern``: what a line that tells of an error has in it."""

    platform: Platform
    services: Sequence[str]
    pattern: str
    attempt: str
    known: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    first: str = ""  # the first line that told of an error, with its service

    def begin(self) -> None:
        """Reads what is there already, which does not count. Raises `Problem`."""
        for name in self.services:
            self.known[name] = self._read(name)
            self.lines[name] = self.errors[name] = 0

    def update(self) -> list[str]:
        """Reads on, and gives the new lines that tell of errors. Raises `Problem`."""
        found = []
        for name in self.services:
            now = self._read(name)
            new = find_new_lines(self.known[name], now)
            self.known[name] = now
            told = [f"{name}: {line[:LONGEST_LINE]}" for line in new if re.search(self.pattern, line)]
            self.lines[name] += len(new)
            self.errors[name] += len(told)
            found += told
        self.first = self.first or (found[0] if found else "")
        return found

    def _read(self, name: str) -> list[str]:
        return self.platform.read_log(name, LINES, self.attempt)

    @property
    def unread(self) -> list[str]:
        """The services whose logs the platform does not show."""
        return [name for name in self.services if not self.platform.logs_command(name, LINES)]

    @property
    def count(self) -> int:
        """Lines that told of errors, of all services."""
        return sum(self.errors.values())

    def as_facts(self) -> dict[str, Any]:
        """Returns JSON values; lines may have personal data, and are in the log of the attempt only."""
        read = [name for name in self.known if name not in self.unread]
        return {name: {"lines": self.lines[name], "errors": self.errors[name]} for name in read}


def find_new_lines(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The lines after the longest end of ``before`` with which ``now`` begins."""
    for length in range(min(len(before), len(now)), 0, -1):
        if list(before[-length:]) == list(now[:length]):
            return list(now[length:])
    return list(now)
