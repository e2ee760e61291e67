"""Words about counted rows: how many, which, and what to do about them, by their cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from integrations.preflight.reviewed_changes import ALIGNMENT, ReviewedChanges
from integrations.sql_review import ReviewedStatement, RowCause, RowCheck, RowImpact

LONGEST_QUERY = 300  # characters of a query that a person is asked to run

_ADVICE = {
    RowCause.NULL: "Give these rows a value in the old system, or decide one with the owner of the data: "
    "defaults: of the item that rehearses the alignment, or an UPDATE in the migration.",
    RowCause.UNFIT: "Correct these values in the old system before the window; the keys name the rows.",
    RowCause.REPEATED: "Decide with the owner of the data which of the rows stays, and change or merge the "
    "others before the window.",
    RowCause.ORPHAN: "Restore the rows that they refer to, or remove the reference, before the window.",
    RowCause.REFUSED: "Correct these values in the old system before the window; the keys name the rows.",
}


@dataclass(frozen=True)
class CountedCheck:
    """A check with the statement and the script that it belongs to."""

    script: str
    statement: ReviewedStatement
    check: RowCheck

    @property
    def place(self) -> str:
        """Script, line and statement, in words."""
        return f"{self.script}, line {self.statement.line} ({self.statement.summary})"

    @property
    def is_of_alignment(self) -> bool:
        """Whether the panel itself builds the statement."""
        return self.script == ALIGNMENT


def iterate_checks(changes: ReviewedChanges, *impacts: RowImpact) -> Iterator[CountedCheck]:
    """The checks of all scripts with one of these impacts."""
    for script, review in changes.reviews.items():
        for statement in review:
            for check in statement.checks:
                if check.impact in impacts:
                    yield CountedCheck(script, statement, check)


def describe_rows(counted: CountedCheck, changes: ReviewedChanges, *, with_keys: bool = True) -> str:
    """How many rows, which rows these are, and keys of some."""
    check = counted.check
    most = "at most " if check.is_upper_bound else ""
    keys = changes.keys_of(check) if with_keys else ()
    named = f" For example {', '.join(keys)}." if keys else ""
    return f"{most}{check.count:,} {check.description}.{named}"


def advise(check: RowCheck) -> str:
    """What to do about rows that would make a statement fail."""
    found = _ADVICE.get(check.cause) if check.cause else None
    return found or "Correct these rows before the window, or the statement; then run the preflight again."


def advise_to_count(check: RowCheck) -> str:
    """What to do about rows that could not be counted."""
    by_hand = f" By hand: {check.query}" if len(check.query) <= LONGEST_QUERY else ""
    return (
        "Count them at a quiet time: the item that compares the database with the datamodel takes longer "
        f"(its parameter seconds), and the rehearsal on the restored backup shows it.{by_hand}"
    )
