"""Compares the old and the new answers round after round, and counts what differs each time it is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.clients.dual_run.fields import Compared, NoRows, compare
from integrations.clients.dual_run.reads import Read
from integrations.clients.dual_run.sides import NoAnswer, Side

AGAIN = 3  # times that a difference is asked again before it counts
EXAMPLES, ALIKE = 50, 5  # differences shown, and of one field
FIELDS = 200  # fields that are counted apart
DISTINCT = 10_000  # differences told apart
REMARKS = 5  # reasons kept of one read
ROW = re.compile(r"\[[^]]*\]")


@dataclass
class Seen:
    """What became of one read so far."""

    compared: int = 0
    fields: int = 0
    old_rows: int = 0  # of the newest answer
    new_rows: int = 0
    not_yet: int = 0  # differences that were gone when asked again
    differing: int = 0  # distinct places that differ
    not_compared: list[str] = field(default_factory=list)


class Watch:
    """All reads on both sides. ``again`` waits a moment before a difference is looked at anew."""

    def __init__(
        self,
        reads: Sequence[Read],
        old: Side,
        new: Side,
        *,
        say: Callable[[str], None],
        again: Callable[[], Any],
    ) -> None:
        self.reads, self.old, self.new, self.say, self.again = reads, old, new, say, again
        self.seen = {read.label: Seen() for read in reads}
        self.examples: list[dict[str, str]] = []
        self.by_field: Counter[str] = Counter()
        self.distinct: set[tuple[str, str]] = set()
        self.rounds = 0

    @property
    def differences(self) -> int:
        """Distinct places that differed each time they were asked."""
        return len(self.distinct)

    def round(self) -> None:
        """Every read once."""
        self.rounds += 1
        for read in self.reads:
            seen = self.seen[read.label]
            try:
                found = self._settled(read, seen)
            except (NoAnswer, NoRows) as reason:
                self._not_compared(seen, read, str(reason))
                continue
            seen.compared += 1
            seen.fields += found.fields
            seen.old_rows, seen.new_rows = found.old_rows, found.new_rows
            self._keep(read, seen, found)

    def _ask(self, read: Read) -> Compared:
        return compare(read, self.old.get(read.old), self.new.get(read.new))

    def _settled(self, read: Read, seen: Seen) -> Compared:
        """A write between two questions looks like a difference: only what stays is one."""
        found = self._ask(read)
        first = len(found.differences)
        for _ in range(AGAIN):
            if not found.differences:
                break
            self.again()
            now = self._ask(read)
            paths = {one.path for one in found.differences}
            stays = tuple(one for one in now.differences if one.path in paths)
            found = Compared(now.old_rows, now.new_rows, now.fields, stays)
        seen.not_yet += first - len(found.differences)
        return found

    def _not_compared(self, seen: Seen, read: Read, reason: str) -> None:
        if reason not in seen.not_compared and len(seen.not_compared) < REMARKS:
            seen.not_compared.append(reason)
            self.say(f"{read.label}: not compared: {reason}")

    def _keep(self, read: Read, seen: Seen, found: Compared) -> None:
        for one in found.differences:
            place = (read.label, one.path)
            if place in self.distinct or len(self.distinct) >= DISTINCT:
                continue
            self.distinct.add(place)
            seen.differing += 1
            kind = f"{read.label}: {ROW.sub('[]', one.path)}"
            if kind in self.by_field or len(self.by_field) < FIELDS:
                self.by_field[kind] += 1
            if len(self.examples) < EXAMPLES and self.by_field[kind] <= ALIKE:
                self.say(f"{read.label}: {one.as_text()}")
                now = datetime.now(UTC).isoformat(timespec="seconds")
                example = {"read": read.label, "path": one.path, "old": one.old, "new": one.new, "at": now}
                self.examples.append(example)

    def never_compared(self) -> list[str]:
        """Reads of which nothing was compared, with the first reason."""
        return [
            f"{label} ({(seen.not_compared or ['it was never asked'])[0]})"
            for label, seen in self.seen.items()
            if not seen.compared
        ]

    def as_facts(self) -> dict[str, Any]:
        """JSON."""
        return {
            "rounds": self.rounds,
            "differences": self.differences,
            "by_field": dict(self.by_field.most_common()),
            "examples": self.examples,
            "reads": {label: vars(seen) for label, seen in self.seen.items()},
            "old": self.old.as_facts(),
            "new": self.new.as_facts(),
        }
