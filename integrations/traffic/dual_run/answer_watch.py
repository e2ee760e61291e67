"""Compares the old and the new answers in rounds, and counts the differences that stay."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

from integrations.traffic.dual_run.field_comparison import AnswerComparison, MissingRows, compare_answers
from integrations.traffic.dual_run.read_rules import ReadRule
from integrations.traffic.dual_run.side import DualRunSide, NoComparableAnswer

RETRIES = 3  # requests that confirm a difference before it counts
MAX_EXAMPLES, MAX_EXAMPLES_OF_FIELD = 50, 5  # differences that are shown
NAMED_FIELDS = 3  # fields that the verdict names
MAX_FIELDS = 200  # fields that are counted apart
MAX_DISTINCT = 10_000  # differences that are told apart
MAX_REASONS = 5  # reasons that are kept of one read
ROW_INDEX = re.compile(r"\[[^][]*+\]")


@dataclass
class ReadStatistics:
    """What one read has shown so far. The names are keys of the evidence."""

    compared: int = 0
    fields: int = 0
    old_rows: int = 0  # of the newest answer
    new_rows: int = 0
    not_yet: int = 0  # differences that were gone when asked again
    differing: int = 0  # distinct places that differ
    not_compared: list[str] = field(default_factory=list)


class AnswerFacts(TypedDict):
    """What an `AnswerWatch` has shown, as JSON values. ``by_field`` counts differences by field."""

    rounds: int
    differences: int
    by_field: dict[str, int]
    examples: list[dict[str, str]]
    reads: dict[str, dict[str, Any]]  # label → `ReadStatistics`
    old: dict[str, Any]
    new: dict[str, Any]


class AnswerWatch:
    """Compares all reads on both sides. ``wait`` waits a moment before a difference is confirmed."""

    def __init__(
        self,
        reads: Sequence[ReadRule],
        old: DualRunSide,
        new: DualRunSide,
        *,
        log: Callable[[str], None],
        wait: Callable[[], Any],
    ) -> None:
        self.reads, self.old, self.new, self.log, self.wait = reads, old, new, log, wait
        self.statistics = {read.label: ReadStatistics() for read in reads}
        self.examples: list[dict[str, str]] = []
        self.by_field: Counter[str] = Counter()
        self.distinct: set[tuple[str, str]] = set()
        self.rounds = 0

    @property
    def differences(self) -> int:
        """Distinct places that stayed different."""
        return len(self.distinct)

    def run_round(self) -> None:
        """Compares every read once."""
        self.rounds += 1
        for read in self.reads:
            statistics = self.statistics[read.label]
            try:
                found = self._compare_settled(read, statistics)
            except (NoComparableAnswer, MissingRows) as reason:
                self._record_reason(statistics, read, str(reason))
                continue
            statistics.compared += 1
            statistics.fields += found.fields
            statistics.old_rows, statistics.new_rows = found.old_rows, found.new_rows
            self._record_differences(read, statistics, found)

    def _compare(self, read: ReadRule) -> AnswerComparison:
        return compare_answers(read, self.old.get_json(read.old), self.new.get_json(read.new))

    def _compare_settled(self, read: ReadRule, statistics: ReadStatistics) -> AnswerComparison:
        """Compares one read until no difference is left or only those are that stay."""
        # A write between the two requests looks like a difference. Only what differs each time is one.
        found = self._compare(read)
        first = len(found.differences)
        for _ in range(RETRIES):
            if not found.differences:
                break
            self.wait()
            now = self._compare(read)
            paths = {one.path for one in found.differences}
            stays = tuple(one for one in now.differences if one.path in paths)
            found = AnswerComparison(now.old_rows, now.new_rows, now.fields, stays)
        statistics.not_yet += first - len(found.differences)
        return found

    def _record_reason(self, statistics: ReadStatistics, read: ReadRule, reason: str) -> None:
        if reason not in statistics.not_compared and len(statistics.not_compared) < MAX_REASONS:
            statistics.not_compared.append(reason)
            self.log(f"{read.label}: not compared: {reason}")

    def _record_differences(
        self, read: ReadRule, statistics: ReadStatistics, found: AnswerComparison
    ) -> None:
        for one in found.differences:
            place = (read.label, one.path)
            if place in self.distinct or len(self.distinct) >= MAX_DISTINCT:
                continue
            self.distinct.add(place)
            statistics.differing += 1
            kind = f"{read.label}: {ROW_INDEX.sub('[]', one.path)}"
            if kind in self.by_field or len(self.by_field) < MAX_FIELDS:
                self.by_field[kind] += 1
            if len(self.examples) < MAX_EXAMPLES and self.by_field[kind] <= MAX_EXAMPLES_OF_FIELD:
                self.log(f"{read.label}: {one.describe()}")
                now = datetime.now(UTC).isoformat(timespec="seconds")
                example = {"read": read.label, "path": one.path, "old": one.old, "new": one.new, "at": now}
                self.examples.append(example)

    def name_fields(self) -> str:
        """Returns the fields that differ most often, a few of them."""
        found = self.by_field.most_common(NAMED_FIELDS)
        return ", ".join(kind.rpartition(": ")[2] for kind, _ in found)

    def list_never_compared(self) -> list[str]:
        """Returns the reads of which nothing was ever compared, each with the first reason."""
        return [
            f"{label} ({(statistics.not_compared or ['it was never asked'])[0]})"
            for label, statistics in self.statistics.items()
            if not statistics.compared
        ]

    def as_facts(self) -> AnswerFacts:
        """Returns JSON values."""
        return {
            "rounds": self.rounds,
            "differences": self.differences,
            "by_field": dict(self.by_field.most_common()),
            "examples": self.examples,
            "reads": {label: vars(statistics) for label, statistics in self.statistics.items()},
            "old": self.old.as_facts(),
            "new": self.new.as_facts(),
        }
