"""The rows that are there fit the schema that lies ahead: nothing stops the migrations or the alignment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.pending_scripts import migrating_projects
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import (
    ReviewedChanges,
    items_of_project,
    read_reviewed_changes,
)
from integrations.preflight.row_findings import (
    CountedCheck,
    advise,
    advise_to_count,
    describe_rows,
    iterate_checks,
)
from integrations.sql_review import ChangeClass, ReviewedStatement, RowImpact
from integrations.systems import System

APPLYING = ("prisma.deploy", "prisma.align", "prisma.align_rehearse")
#: A view or the like that depends on an altered column: the check of the catalog names it.
DEPENDENTS = "(0A000)"


@preflight_check("data.fits", "The rows fit the schema that lies ahead", seconds=400)
def check_rows_fit(scope: CheckScope) -> Iterator[CheckResult]:
    """Counts, for every type and constraint that lies ahead, the rows that stop it."""
    for project in migrating_projects(scope):
        changes = read_reviewed_changes(scope, project)
        items = tuple(item.key for item in items_of_project(scope, project, *APPLYING))
        found = list(_Judge(project, changes, items).results())
        yield from found
        if not found:
            yield _green(project, changes, items)


@dataclass(frozen=True)
class _Judge:
    """Makes results about one project."""

    project: System
    changes: ReviewedChanges
    items: tuple[str, ...]

    def results(self) -> Iterator[CheckResult]:
        """Everything that is in the way, each once."""
        seen: set[str] = set()
        for counted in iterate_checks(self.changes, RowImpact.FAILS):
            result = self._judge_rows(counted)
            if result is not None and result.subject not in seen:
                seen.add(result.subject)
                yield result
        for script, review in self.changes.reviews.items():
            if review.unparsable:
                asked, seen_there = f"Is {script} SQL that PostgreSQL reads?", f"No: {review.unparsable}."
                change = "Correct the file; nothing in it can run."
                yield self._result(f"{script}: syntax", Verdict.RED, asked, seen_there, change)
            for statement in review:
                yield from self._judge_statement(script, statement)

    def _judge_rows(self, counted: CountedCheck) -> CheckResult | None:
        """The result about rows in the way of one statement; None where there are none."""
        check = counted.check
        subject = f"{check.subject or counted.statement.summary}: {check.cause or 'rule'}"
        asked = f"Which rows would stop {counted.place}? Counted: {check.description}."
        if check.count is None:
            seen = f"Not known: {check.error or 'it was not counted'}."
            return self._result(subject, Verdict.UNKNOWN, asked, seen, advise_to_count(check))
        if check.count == 0:
            return None
        verdict = Verdict.RED if check.is_certain else Verdict.UNKNOWN
        seen = (
            f"{describe_rows(counted, self.changes)} The statement fails on them, and nothing after it runs."
        )
        return self._result(subject, verdict, asked, seen, advise(check))

    def _judge_statement(self, script: str, statement: ReviewedStatement) -> Iterator[CheckResult]:
        """What no count of rows tells: statements that cannot succeed, and those that may fail uncounted."""
        subject = f"{script}: {statement.summary}"
        asked = f"Can {script}, line {statement.line} ({statement.summary}), succeed, whatever the rows are?"
        if ChangeClass.CANNOT_SUCCEED in statement.classes and DEPENDENTS not in statement.notes:
            change = "Correct the script or the database, then run the preflight again."
            yield self._result(subject, Verdict.RED, asked, f"No: {statement.notes}.", change)
        elif _is_uncounted(statement):
            seen = f"Not known, because no query can count it beforehand: {statement.notes}."
            change = "Read the statement, and let the rehearsal on the restored backup run it."
            yield self._result(subject, Verdict.UNKNOWN, asked, seen, change)

    def _result(self, subject: str, verdict: Verdict, asked: str, seen: str, change: str) -> CheckResult:
        name = self.project.name
        return CheckResult(f"{name}: {subject}", verdict, asked, seen, change, (name,), self.items)


def _is_uncounted(statement: ReviewedStatement) -> bool:
    if ChangeClass.NOT_UNDERSTOOD in statement.classes:
        return True
    is_counted = any(check.impact is RowImpact.FAILS for check in statement.checks)
    return ChangeClass.CAN_FAIL in statement.classes and not is_counted


def _green(project: System, changes: ReviewedChanges, items: tuple[str, ...]) -> CheckResult:
    statements = sum(len(review) for review in changes.reviews.values())
    counts = sum(1 for _ in iterate_checks(changes, RowImpact.FAILS))
    scripts = ", ".join(changes.reviews) or "nothing: the database is what the datamodel says"
    return CheckResult(
        f"{project.name}: rows",
        Verdict.GREEN,
        f"Which rows would stop what lies ahead ({scripts})?",
        f"None: {statements} statements, {counts} kinds of rows that could be in the way were counted.",
        systems=(project.name,),
        items=items,
    )
