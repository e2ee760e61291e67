"""What a review finds: a statement, its classes, and the queries that count the rows it meets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Change(StrEnum):
    """What a statement does; one statement can be of several classes. In order of gravity."""

    METADATA = "metadata only"
    ADDITIVE = "additive"
    LONG_LOCK = "long lock"
    REWRITES = "rewrites a table"
    CHANGES_DATA = "changes data"
    CAN_FAIL = "can fail on the rows that are there"
    DESTRUCTIVE = "destructive"
    NOT_UNDERSTOOD = "not understood"


class Weighs(StrEnum):
    """What a counted row means."""

    FAILS = "would make it fail"
    CHANGED = "would be changed"
    LOST = "would be lost"


@dataclass(frozen=True)
class Check:
    """A question to the live rows: ``query`` gives one number, ``words`` say of what.

    ``table`` and ``condition`` are given where the query is a plain filter over one table, so
    that several can be answered in one scan. ``count`` is None until asked, or when ``error``
    says why it could not be.
    """

    words: str
    query: str
    weighs: Weighs
    table: str = ""
    condition: str = ""
    count: int | None = None
    error: str = ""

    def facts(self) -> dict[str, Any]:
        """The check as JSON values."""
        return {
            "what": self.words,
            "rows": self.count,
            "weighs": self.weighs.value,
            "query": self.query,
            "error": self.error,
        }


@dataclass
class Judgement:
    """What is thought of one statement, gathered while its parts are looked at."""

    classes: set[Change] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    lock: str = ""

    def add(self, *classes: Change, words: str = "", lock: str = "") -> Judgement:
        """Adds classes, a sentence and a lock; the strongest lock is kept."""
        self.classes.update(classes)
        if words and words not in self.words:
            self.words.append(words)
        self.lock = max(self.lock, lock, key=LOCKS.index)
        return self

    def ask(self, *checks: Check) -> Judgement:
        """Adds questions to the rows."""
        self.checks.extend(checks)
        return self


#: PostgreSQL's table locks from weak to strong, as far as scripts of changes take them.
LOCKS = [
    "",
    "ACCESS SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "ACCESS EXCLUSIVE",
]


@dataclass(frozen=True)
class Statement:
    """One statement of a script with the judgement on it.

    ``number`` counts from 1, ``line`` is the line in the script where it begins, ``summary`` is
    its kind and object (“ALTER TABLE users”), ``lock`` the strongest table lock that it takes.
    """

    number: int
    line: int
    sql: str
    summary: str
    classes: tuple[Change, ...]
    lock: str
    checks: tuple[Check, ...]
    words: str

    @property
    def count_query(self) -> str:
        """The queries that count the rows it meets, one a line; empty when there is none."""
        return "\n".join(f"{check.query};" for check in self.checks)

    @property
    def count(self) -> int | None:
        """Rows that would make it fail, else rows changed or lost; None when not (all) counted."""
        return self.rows(Weighs.FAILS) if self._has(Weighs.FAILS) else self.rows(*Weighs)

    def rows(self, *weighs: Weighs) -> int | None:
        """The sum over the checks of that weight; None when there is none or one is unanswered."""
        counts = [check.count for check in self.checks if check.weighs in weighs]
        known = [count for count in counts if count is not None]
        return sum(known) if counts and len(known) == len(counts) else None

    @property
    def is_metadata_only(self) -> bool:
        """Whether it changes nothing but the catalog."""
        return self.classes == (Change.METADATA,)

    def _has(self, weighs: Weighs) -> bool:
        return any(check.weighs is weighs for check in self.checks)

    def in_short(self) -> str:
        """A few words for a list: what it does, with numbers where they are known."""
        said = [c.value for c in self.classes if c not in {Change.CHANGES_DATA, Change.CAN_FAIL}]
        if Change.CHANGES_DATA in self.classes:
            rows = self.rows(Weighs.CHANGED)
            said.append("CHANGES DATA" if rows is None else f"CHANGES {rows} ROWS")
        if Change.CAN_FAIL in self.classes:
            rows = self.rows(Weighs.FAILS)
            said.append("can fail (rows not counted)" if rows is None else f"FAILS ON {rows} ROWS")
            if rows == 0:
                said[-1] = "could fail, no row is in its way now"
        return ", ".join(said)

    def facts(self) -> dict[str, Any]:
        """The statement as JSON values, its text cut at 400 characters."""
        return {
            "number": self.number,
            "line": self.line,
            "summary": self.summary,
            "classes": [c.value for c in self.classes],
            "lock": self.lock,
            "rows": self.count,
            "checks": [check.facts() for check in self.checks],
            "words": self.words,
            "sql": self.sql if len(self.sql) <= 400 else f"{self.sql[:400]} …",
        }


@dataclass(frozen=True)
class Review:
    """The review of a whole script. ``unparsable`` is empty, or says where it is not PostgreSQL's SQL."""

    statements: tuple[Statement, ...]
    unparsable: str = ""

    def __iter__(self) -> Iterator[Statement]:
        return iter(self.statements)

    def __len__(self) -> int:
        return len(self.statements)

    @property
    def counts(self) -> dict[str, int]:
        """How many statements are of each class; one statement can count in several."""
        found = Counter(change for statement in self.statements for change in statement.classes)
        return {change.value: found[change] for change in Change if found[change]}

    @property
    def beyond_metadata(self) -> list[Statement]:
        """The statements that do more than change the catalog."""
        return [s for s in self.statements if not s.is_metadata_only]

    @property
    def failing(self) -> list[Statement]:
        """The statements that would fail on rows counted now."""
        return [s for s in self.statements if (s.rows(Weighs.FAILS) or 0) > 0]

    def rows(self, weighs: Weighs) -> int:
        """All rows counted with that weight (a row met by two statements counts twice)."""
        return sum(s.rows(weighs) or 0 for s in self.statements)

    def facts(self, limit: int = 100_000) -> dict[str, Any]:
        """The review as JSON values, the gravest statements first, as many as fit into ``limit`` bytes."""
        gravity = list(Change).index
        listed: list[dict[str, Any]] = []
        for each in sorted(self.statements, key=lambda s: (-gravity(s.classes[-1]), s.number)):
            limit -= len(json.dumps(each.facts()))
            if limit < 0:
                break
            listed.append(each.facts())
        return {
            "statements": len(self.statements),
            "counts": self.counts,
            "beyond_metadata": len(self.beyond_metadata),
            "unparsable": self.unparsable,
            "rows_that_fail": self.rows(Weighs.FAILS),
            "rows_changed": self.rows(Weighs.CHANGED),
            "rows_lost": self.rows(Weighs.LOST),
            "listed": len(listed),
            "list": listed,
        }

    def in_short(self) -> str:
        """One line: the gravest that is in it, e.g. “additive, CHANGES 412 ROWS, then NOT NULL”."""
        if self.unparsable:
            return f"cannot be read: {self.unparsable}"
        if not self.statements:
            return "nothing"
        return ", ".join(self._said())

    def _said(self) -> Iterable[str]:
        counts = self.counts
        if set(counts) == {Change.METADATA.value}:
            yield "metadata only"
        if Change.ADDITIVE.value in counts:
            yield "adds"
        if Change.REWRITES.value in counts:
            yield "rewrites tables"
        if Change.CHANGES_DATA.value in counts:
            known = all(s.rows(Weighs.CHANGED) is not None for s in self if Change.CHANGES_DATA in s.classes)
            yield f"CHANGES {self.rows(Weighs.CHANGED)} ROWS" if known else "CHANGES DATA (not all counted)"
        if any("SET NOT NULL" in s.sql.upper() for s in self):
            yield "then NOT NULL" if Change.CHANGES_DATA.value in counts else "NOT NULL"
        if self.failing:
            yield f"FAILS ON {self.rows(Weighs.FAILS)} ROWS"
        elif Change.CAN_FAIL.value in counts:
            yield "can fail"
        for change in (Change.DESTRUCTIVE, Change.LONG_LOCK, Change.NOT_UNDERSTOOD):
            if change.value in counts:
                yield change.value.upper() if change is Change.DESTRUCTIVE else change.value
