"""The assessment of a statement: its classes, its lock, and the queries that count the rows it affects."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

from integrations.sql_review.column_types import ColumnType
from integrations.sql_review.tables import ScriptTable


class ChangeClass(StrEnum):
    """What a statement does; it can be of several classes. In order of severity."""

    METADATA = "metadata only"
    ADDITIVE = "additive"
    LONG_LOCK = "long lock"
    REWRITES = "rewrites a table"
    CHANGES_DATA = "changes data"
    CAN_FAIL = "can fail on the rows that are there"
    DESTRUCTIVE = "destructive"
    CANNOT_SUCCEED = "cannot succeed"
    NOT_UNDERSTOOD = "not understood"


class RowImpact(StrEnum):
    """What happens to a counted row."""

    FAILS = "would make it fail"
    CHANGED = "would be changed"
    LOST = "would be lost"
    JSON_NULL = "would keep JSON null"  # it is not NULL: NOT NULL takes it, and no back-fill replaces it


class RowCause(StrEnum):
    """What it is about a counted row: advice depends on it."""

    NULL = "has no value"
    UNFIT = "does not fit the type"
    REPEATED = "is there more than once"
    ORPHAN = "refers to a row that is not there"
    REFUSED = "breaks a CHECK"
    CONVERTED = "is another value afterwards"
    WRITTEN = "is written by a statement"


class CheckFacts(TypedDict):
    """A check as evidence has it: which rows, how many (None: not counted, or ``error``), their impact."""

    what: str
    rows: int | None
    weighs: str
    query: str
    error: str


@dataclass(frozen=True)
class RowCheck:
    """A query that counts live rows; ``description`` says which rows.

    ``table`` (an entry of FROM) and ``condition`` are given where the query is a plain filter: those over the
    same rows are counted in one scan. ``count`` is None before the query has run, and when ``error`` says why
    there is no number. ``is_upper_bound``: there are at most so many. ``subject`` names the table or
    “table.column”. ``examples`` is a query for keys of some of these rows; "" where they must not be shown.
    ``types``: of a converted column, before and after.
    """

    description: str
    query: str
    impact: RowImpact
    table: str = ""
    condition: str = ""
    count: int | None = None
    error: str = ""
    is_upper_bound: bool = False
    subject: str = ""
    examples: str = ""
    cause: RowCause | None = None
    types: tuple[ColumnType, ColumnType] | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the number is exact."""
        return self.count is not None and not self.is_upper_bound

    def as_facts(self) -> CheckFacts:
        """Returns the check as JSON values."""
        return {
            "what": f"{self.description}, at most" if self.is_upper_bound else self.description,
            "rows": self.count,
            "weighs": self.impact.value,
            "query": self.query,
            "error": self.error,
        }


@dataclass
class Assessment:
    """What a statement would do, gathered while its parts are assessed. ``locks``: table → its lock."""

    classes: set[ChangeClass] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    checks: list[RowCheck] = field(default_factory=list)
    locks: dict[str, str] = field(default_factory=dict)

    def add(self, *classes: ChangeClass, note: str = "") -> Assessment:
        """Adds classes and a note, and returns itself."""
        self.classes.update(classes)
        if note and note not in self.notes:
            self.notes.append(note)
        return self

    def take_lock(self, lock: str, *tables: ScriptTable) -> Assessment:
        """Adds a lock on tables that others may use; of several locks the strongest is kept."""
        for table in tables:
            if table.is_live:
                self.locks[str(table)] = max(self.locks.get(str(table), ""), lock, key=LOCKS.index)
        return self

    def refuse(self, why: str) -> Assessment:
        """Notes that the statement cannot succeed, whatever the rows are."""
        return self.add(ChangeClass.CANNOT_SUCCEED, note=f"cannot succeed: {why}")

    def add_checks(self, *checks: RowCheck) -> Assessment:
        """Adds queries that count rows, and returns itself."""
        self.checks.extend(checks)
        return self


#: PostgreSQL's table locks from weak to strong.
LOCKS = [
    "",
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
]
STRONGEST_LOCK = LOCKS[-1]
