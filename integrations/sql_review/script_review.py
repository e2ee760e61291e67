"""The review of a script: each statement with its assessment, and what the whole script would do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

from integrations.sql_review.assessment import ChangeClass, CheckFacts, RowCheck, RowImpact

LONGEST_SQL = 400  # characters of a statement's text in its facts


class StatementFacts(TypedDict):
    """A statement as evidence has it; ``rows`` is its `ReviewedStatement.count`, ``words`` its notes."""

    number: int
    line: int
    summary: str
    classes: list[str]
    lock: str
    locks: dict[str, str]
    rows: int | None
    checks: list[CheckFacts]
    words: str
    sql: str


class ReviewFacts(TypedDict):
    """A review as evidence has it. ``list`` has the most severe statements, ``listed`` of ``statements``."""

    statements: int
    counts: dict[str, int]
    beyond_metadata: int
    unparsable: str
    rows_that_fail: int
    rows_changed: int
    rows_lost: int
    listed: int
    list: list[StatementFacts]


@dataclass(frozen=True)
class ReviewedStatement:
    """One statement of a script with its assessment.

    ``number`` counts from 1, ``line`` is the line in the script where it begins, ``summary`` is
    its kind and object (“ALTER TABLE orders”), ``lock`` the strongest table lock that it takes,
    ``locks`` the lock on each table that others use.
    """

    number: int
    line: int
    sql: str
    summary: str
    classes: tuple[ChangeClass, ...]
    lock: str
    locks: Mapping[str, str]
    checks: tuple[RowCheck, ...]
    notes: str

    @property
    def count(self) -> int | None:
        """Rows that would make it fail, else rows changed or lost; None when not all are counted."""
        failing = self.count_rows(RowImpact.FAILS)
        has_effects = any(c.impact in (RowImpact.CHANGED, RowImpact.LOST) for c in self.checks)
        return failing if failing or not has_effects else self.count_rows(RowImpact.CHANGED, RowImpact.LOST)

    def count_rows(self, *impacts: RowImpact) -> int | None:
        """Returns the sum over the checks of these impacts; None without any, or if one has no count."""
        counts = [check.count for check in self.checks if check.impact in impacts]
        known = [count for count in counts if count is not None]
        return sum(known) if counts and len(known) == len(counts) else None

    @property
    def failing_rows(self) -> int:
        """The rows, counted exactly, that would make it fail."""
        return sum(c.count or 0 for c in self.checks if c.impact is RowImpact.FAILS and c.is_certain)

    @property
    def fails(self) -> bool:
        """Whether it is certain to fail: on rows that were counted exactly, or whatever the rows are."""
        return self.failing_rows > 0 or ChangeClass.CANNOT_SUCCEED in self.classes

    def describe_failure(self) -> str:
        """Why it is certain to fail, in a few words; empty when it is not."""
        if ChangeClass.CANNOT_SUCCEED in self.classes:
            return self.notes
        failing = [c for c in self.checks if c.impact is RowImpact.FAILS and c.is_certain and c.count]
        return "; ".join(f"{check.count} {check.description}" for check in failing)

    @property
    def is_metadata_only(self) -> bool:
        """Whether it changes nothing but the catalog."""
        return self.classes == (ChangeClass.METADATA,)

    def summarize(self) -> str:
        """Returns a few words for a list: what it does, with numbers of rows where they are known."""
        parts = [c.value for c in self.classes if c not in {ChangeClass.CHANGES_DATA, ChangeClass.CAN_FAIL}]
        if ChangeClass.CHANGES_DATA in self.classes:
            rows = self.count_rows(RowImpact.CHANGED)
            parts.append("CHANGES DATA" if rows is None else f"CHANGES {rows} ROWS")
        if ChangeClass.CAN_FAIL in self.classes:
            parts.append(self._summarize_failure())
        return ", ".join(parts)

    def _summarize_failure(self) -> str:
        if self.failing_rows:
            return f"FAILS ON {self.failing_rows} ROWS"
        if self.count_rows(RowImpact.FAILS) is None:
            return "can fail (rows not counted)"
        return "could fail, no row is in its way now"

    def as_facts(self) -> StatementFacts:
        """Returns the statement as JSON values, its text cut at `LONGEST_SQL`."""
        return {
            "number": self.number,
            "line": self.line,
            "summary": self.summary,
            "classes": [c.value for c in self.classes],
            "lock": self.lock,
            "locks": dict(self.locks),
            "rows": self.count,
            "checks": [check.as_facts() for check in self.checks],
            "words": self.notes,
            "sql": self.sql if len(self.sql) <= LONGEST_SQL else f"{self.sql[:LONGEST_SQL]} …",
        }


@dataclass(frozen=True)
class ScriptReview:
    """The review of a whole script. ``unparsable`` is empty, or says where the grammar refuses the script."""

    statements: tuple[ReviewedStatement, ...]
    unparsable: str = ""

    def __iter__(self) -> Iterator[ReviewedStatement]:
        return iter(self.statements)

    def __len__(self) -> int:
        return len(self.statements)

    @property
    def counts(self) -> dict[str, int]:
        """How many statements are of each class; one statement can count in several."""
        counter = Counter(change for statement in self.statements for change in statement.classes)
        return {change.value: counter[change] for change in ChangeClass if counter[change]}

    @property
    def beyond_metadata(self) -> list[ReviewedStatement]:
        """The statements that do more than change the catalog."""
        return [s for s in self.statements if not s.is_metadata_only]

    @property
    def failing(self) -> list[ReviewedStatement]:
        """The statements that would fail: on rows that were counted, or whatever the rows are."""
        return [s for s in self.statements if s.fails]

    def count_rows(self, impact: RowImpact) -> int:
        """Returns all rows counted with that impact; a row that two statements affect counts twice."""
        if impact is RowImpact.FAILS:
            return sum(s.failing_rows for s in self.statements)
        return sum(s.count_rows(impact) or 0 for s in self.statements)

    def as_facts(self, limit: int = 100_000) -> ReviewFacts:
        """Returns the review as JSON values: most severe statements first, up to ``limit`` bytes."""
        severity = list(ChangeClass).index
        listed: list[StatementFacts] = []
        for each in sorted(self.statements, key=lambda s: (-severity(s.classes[-1]), s.number)):
            limit -= len(json.dumps(each.as_facts()))
            if limit < 0:
                break
            listed.append(each.as_facts())
        return {
            "statements": len(self.statements),
            "counts": self.counts,
            "beyond_metadata": len(self.beyond_metadata),
            "unparsable": self.unparsable,
            "rows_that_fail": self.count_rows(RowImpact.FAILS),
            "rows_changed": self.count_rows(RowImpact.CHANGED),
            "rows_lost": self.count_rows(RowImpact.LOST),
            "listed": len(listed),
            "list": listed,
        }

    def summarize(self) -> str:
        """Returns one line with what matters most, e.g. “adds, CHANGES 412 ROWS, then NOT NULL”."""
        if self.unparsable:
            return f"cannot be read: {self.unparsable}"
        if not self.statements:
            return "nothing"
        return ", ".join(self._summary_parts())

    def _summary_parts(self) -> Iterable[str]:
        counts = self.counts
        if set(counts) == {ChangeClass.METADATA.value}:
            yield "metadata only"
        if ChangeClass.ADDITIVE.value in counts:
            yield "adds"
        if ChangeClass.REWRITES.value in counts:
            yield "rewrites tables"
        if ChangeClass.CHANGES_DATA.value in counts:
            yield self._summarize_changes()
        if any("SET NOT NULL" in s.sql.upper() for s in self):
            yield "then NOT NULL" if ChangeClass.CHANGES_DATA.value in counts else "NOT NULL"
        if failure := self._summarize_failure():
            yield failure
        for change in (ChangeClass.DESTRUCTIVE, ChangeClass.LONG_LOCK, ChangeClass.NOT_UNDERSTOOD):
            if change.value in counts:
                yield change.value.upper() if change is ChangeClass.DESTRUCTIVE else change.value

    def _summarize_changes(self) -> str:
        known = all(
            s.count_rows(RowImpact.CHANGED) is not None for s in self if ChangeClass.CHANGES_DATA in s.classes
        )
        return (
            f"CHANGES {self.count_rows(RowImpact.CHANGED)} ROWS"
            if known
            else "CHANGES DATA (not all counted)"
        )

    def _summarize_failure(self) -> str:
        impossible = [str(s.number) for s in self if ChangeClass.CANNOT_SUCCEED in s.classes]
        if impossible:
            return f"CANNOT SUCCEED (statement {', '.join(impossible)})"
        if self.failing:
            return f"FAILS ON {sum(s.failing_rows for s in self.failing)} ROWS"
        unclear = [
            s for s in self if ChangeClass.CAN_FAIL in s.classes and s.count_rows(RowImpact.FAILS) != 0
        ]
        return "can fail" if unclear else ""
