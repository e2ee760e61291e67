"""What the migrations and the alignment make of the rows: nothing is lost or altered that nobody decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from integrations.parity.model.declared import DeclaredRule, InvalidRule, parse_rules
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.pending_scripts import migrating_projects
from integrations.preflight.result import CheckResult, Verdict
from integrations.preflight.reviewed_changes import (
    ALIGNMENT,
    ReviewedChanges,
    items_of_project,
    read_reviewed_changes,
)
from integrations.preflight.row_findings import (
    CountedCheck,
    advise_to_count,
    describe_rows,
    iterate_checks,
)
from integrations.sql_review import RowCause, RowImpact
from integrations.sql_review.column_types import TIMES
from integrations.systems import System

COMPARES = "parity.fingerprint"  # the item whose rules the comparison after the migration follows
APPLYING = ("prisma.deploy", "prisma.align", "prisma.align_rehearse")
FILLS = ("null_is_default", "null_is_filled", "not_compared")
DROPS = ("dropped_column", "dropped_table")
SEVERITY = (Verdict.RED, Verdict.UNKNOWN, Verdict.AMBER, Verdict.GREEN)
MOST_DIGITS = 6  # of a second, that PostgreSQL's times have
CONVERSIONS = {
    ("json", "jsonb"): "Of a key that is there twice in one object, jsonb keeps the last value only. Write "
    "each key once in the old system, or keep the old text in a column of its own, before the window.",
}
OTHERWISE = (
    "Decide with the owner of the data whether the new values are right. If they are, say so with a rule "
    "under declared: of the fingerprint, because the comparison would be red; if not, correct the script."
)


@preflight_check("data.kept", "No value is lost or altered that nobody decided", seconds=400)
def check_values_are_kept(scope: CheckScope) -> Iterator[CheckResult]:
    """Lists rows that are written, converted or dropped, and compares them with what the runbook declares."""
    rules = find_declared_rules(scope)
    for project in migrating_projects(scope):
        changes = read_reviewed_changes(scope, project)
        items = tuple(item.key for item in items_of_project(scope, project, *APPLYING))
        judge = _Judge(project, changes, items, rules)
        found: dict[str, CheckResult] = {}
        for counted in iterate_checks(changes, RowImpact.CHANGED, RowImpact.LOST):
            result = judge.judge(counted)
            if result is not None and _is_worse(result, found.get(result.subject)):
                found[result.subject] = result
        yield from (result for result in found.values() if result.verdict != Verdict.GREEN)
        yield judge.sum_up([result.seen for result in found.values() if result.verdict == Verdict.GREEN])


def _is_worse(result: CheckResult, known: CheckResult | None) -> bool:
    """Whether a result replaces what is known of its subject: two statements can do the same to a column."""
    return known is None or SEVERITY.index(result.verdict) < SEVERITY.index(known.verdict)


def find_declared_rules(scope: CheckScope) -> tuple[DeclaredRule, ...] | None:
    """The declared differences of all fingerprints; None where the runbook compares nothing afterwards."""
    items = scope.items_of(COMPARES)
    found: list[DeclaredRule] = []
    for item in items:
        try:
            found += parse_rules(scope.systems.fill_variables(item.params.get("declared") or []))
        except InvalidRule:
            continue  # the item's own form says so
    return tuple(found) if items else None


@dataclass(frozen=True)
class _Judge:
    project: System
    changes: ReviewedChanges
    items: tuple[str, ...]
    rules: tuple[DeclaredRule, ...] | None

    def judge(self, counted: CountedCheck) -> CheckResult | None:
        """The result about one kind of rows; None where there are none."""
        check = counted.check
        if check.count == 0:
            return None
        is_lost = check.impact is RowImpact.LOST or check.cause is None
        what = check.impact.value if is_lost else str(check.cause)
        subject = f"{check.subject or counted.statement.summary}: {what}"
        if not counted.is_of_alignment and check.cause is not RowCause.CONVERTED:
            subject = f"{counted.script}, statement {counted.statement.number}: {check.impact}"
        asked = f"What becomes of the rows that {counted.place} touches?"
        if check.count is None:
            seen = f"Not known: {check.error or 'they were not counted'}."
            return self._result(subject, Verdict.UNKNOWN, asked, seen, advise_to_count(check))
        verdict, words, change = self._weigh(counted)
        rows = describe_rows(counted, self.changes, with_keys=verdict != Verdict.GREEN)
        return self._result(subject, verdict, asked, f"{rows} {words}", change)

    def _weigh(self, counted: CountedCheck) -> tuple[Verdict, str, str]:
        """The colour, what it means and what to do."""
        check = counted.check
        if check.impact is RowImpact.LOST:
            return self._weigh_loss(counted)
        if check.cause is RowCause.CONVERTED:
            return self._weigh_conversion(counted)
        if counted.is_of_alignment:
            return self._weigh_backfill(counted)
        change = "Read the statement in the file, and agree on it with the owner of the data before the gate."
        return Verdict.AMBER, "The migration writes them before anybody compares the rows.", change

    def _weigh_loss(self, counted: CountedCheck) -> tuple[Verdict, str, str]:
        if counted.is_of_alignment and counted.check.subject in self.changes.accepted:
            return Verdict.GREEN, "The runbook accepts this loss (may_lose).", ""
        if not counted.is_of_alignment and self._declares(counted, DROPS):
            return Verdict.GREEN, "The runbook declares that it is dropped.", ""
        change = (
            "Put it into the datamodel, or accept the loss with the owner of the data: may_lose: of the item "
            "that rehearses the alignment."
            if counted.is_of_alignment
            else "Copy it elsewhere first, or declare it (dropped_table, dropped_column) if nobody needs it."
        )
        return Verdict.RED, "They are gone afterwards.", change

    def _weigh_conversion(self, counted: CountedCheck) -> tuple[Verdict, str, str]:
        types = counted.check.types
        before, after = map(str, types) if types else ("one type", "another")
        if types and {each.name for each in types} == {"timestamp", "timestamptz"}:
            zone = self.changes.time_zone
            words = f"Each is read as a local time of {zone}, the zone of the migrating session."
            change = (
                "Find out in which zone the old system wrote them, and set it: ALTER ROLE … SET timezone."
            )
            return Verdict.AMBER, words, change
        is_left_out = self._declares(counted, ("not_compared",))
        if (before, after) in CONVERSIONS:
            verdict = Verdict.AMBER if is_left_out else Verdict.RED
            return verdict, f"{before} becomes {after}.", CONVERSIONS[before, after]
        if is_left_out or self._declares_rounding(counted):
            return Verdict.GREEN, f"{before} becomes {after}, as declared.", ""
        return Verdict.RED, f"{before} becomes {after}, and nobody declared it.", OTHERWISE

    def _weigh_backfill(self, counted: CountedCheck) -> tuple[Verdict, str, str]:
        alignment, subject = self.changes.alignment, counted.check.subject
        fills = [each for each in (alignment.backfills if alignment else ()) if each.key == subject]
        words = "".join(f"The back-fill: {each.description}." for each in fills)
        if self._declares(counted, FILLS):
            return Verdict.GREEN, f"{words} Declared.", ""
        if self.rules is None:
            change = (
                "Agree on the value with the owner of the data; defaults: of the rehearsal gives another."
            )
            return Verdict.AMBER, words, change
        change = (
            "Agree on the value with the owner of the data, and add a rule for this column (null_is_default "
            "or null_is_filled) to declared: of the fingerprint."
        )
        return Verdict.RED, f"{words} No rule declares it: the comparison afterwards would be red.", change

    def _declares_rounding(self, counted: CountedCheck) -> bool:
        """Whether a rule lets a time lose as many digits of its second as it will lose."""
        table, column = split_subject(counted.check.subject)
        before, after = counted.check.types or (None, None)
        if not before or not after or before.name != after.name or before.name not in TIMES:
            return False
        kept = after.modifiers[0] if after.modifiers else MOST_DIGITS
        return any(
            rule.kind == "rounded" and rule.matches(table, column) and rule.digits <= kept
            for rule in self.rules or ()
        )

    def _declares(self, counted: CountedCheck, kinds: tuple[str, ...]) -> bool:
        table, column = split_subject(counted.check.subject)
        return any(
            rule.kind in kinds and (rule.matches(table, column) or rule.matches(table))
            for rule in self.rules or ()
        )

    def _result(self, subject: str, verdict: Verdict, asked: str, seen: str, change: str) -> CheckResult:
        name = self.project.name
        return CheckResult(f"{name}: {subject}", verdict, asked, seen.strip(), change, (name,), self.items)

    def sum_up(self, decided: list[str]) -> CheckResult:
        """One result about all changes that the runbook decides, back-fills included, with their rows."""
        name, scripts = self.project.name, ", ".join(self.changes.reviews) or f"no script, and no {ALIGNMENT}"
        asked = f"Which values does what lies ahead write, convert or drop as the runbook says ({scripts})?"
        seen = " ".join(decided) or "None."
        return CheckResult(f"{name}: decided changes", Verdict.GREEN, asked, seen, "", (name,), self.items)


def split_subject(subject: str) -> tuple[str, str]:
    """Table and column of “table.column”; a table of another schema than public keeps its schema."""
    table, _, column = subject.rpartition(".")
    return (table, column) if table else (subject, "")
