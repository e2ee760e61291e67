"""Whether a later observation of the same subject agrees with the evidence of an item, or contradicts it.

A success holds only until a later observation says otherwise. Evidence is never rewritten: the item's state
is computed from it together with what was observed since. The database says which later observation counts
(`models.later_functions`), because it refuses signatures by the same rule; this module puts it into words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from checklists.models import BackupVerification, Cutover, Evidence, PreflightResult, PreflightRun
from checklists.states import PreflightVerdict

SHOWN_CHANGES = 3
READ = "SELECT item_id, kind, source, at, agrees FROM checklists_later(%s, NULL)"


@dataclass(frozen=True)
class FactChange:
    """One thing about which the later observation says something else; both values in words."""

    subject: str
    then: str
    now: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.then} → {self.now}"


@dataclass(frozen=True)
class LaterFact:
    """The latest observation of the subject of an item's evidence, made after that evidence.

    ``source`` says what observed it, for a sentence. Without changes it agrees, and the evidence counts as
    observed again at ``at``.
    """

    at: datetime
    source: str
    changes: list[FactChange] = field(default_factory=list)
    item_id: int | None = None  # that observed it, where it was another item's check

    @property
    def agrees(self) -> bool:
        """Does it say the same as the evidence?"""
        return not self.changes

    def __str__(self) -> str:
        more = len(self.changes) - SHOWN_CHANGES
        shown = "; ".join(str(change) for change in self.changes[:SHOWN_CHANGES])
        return f"{self.source} found otherwise: {shown}{f'; and {more} more' if more > 0 else ''}."


@dataclass(frozen=True)
class _Found:
    """What the database says of one item: its evidence, and the row of the later observation."""

    evidence: Evidence
    source: str
    at: datetime
    agrees: bool


def read_later_facts(cutover: Cutover, evidence: Mapping[int, Evidence]) -> dict[int, LaterFact]:
    """By item id, what was observed after its evidence; ``evidence`` is the newest by item id."""
    by_kind: dict[str, list[_Found]] = {}
    with connection.cursor() as cursor:
        cursor.execute(READ, [cutover.pk])
        for item, kind, source, at, agrees in cursor.fetchall():
            if item in evidence:
                by_kind.setdefault(kind, []).append(_Found(evidence[item], source, at, agrees))
    found: dict[int, LaterFact] = {}
    for kind, ones in by_kind.items():
        found |= DESCRIPTIONS[kind](ones)
    return found


# ── preflight ────────────────────────────────────────────────────────────────


def _describe_preflights(found: Sequence[_Found]) -> dict[int, LaterFact]:
    signed = {
        run.attempt_id: run
        for run in PreflightRun.objects.filter(attempt__in=[one.evidence.attempt_id for one in found])
    }
    runs = PreflightRun.objects.filter(pk__in=[one.source for one in found]).select_related("requested_by")
    latest = {str(run.pk): run for run in runs}
    return {
        one.evidence.item_id: LaterFact(
            one.at,
            _source(latest[one.source]),
            [] if one.agrees else _changes(signed[one.evidence.attempt_id], latest[one.source]),
        )
        for one in found
    }


def _source(run: PreflightRun) -> str:
    asked = run.requested_by.get_username() if run.requested_by else run.get_source_display()
    return f"A later preflight (asked by {asked})"


def _changes(signed: PreflightRun, latest: PreflightRun) -> list[FactChange]:
    """Other verdicts and vanished subjects, and new subjects that are not green; the worst first.

    A new green result contradicts nothing that was signed.
    """
    then, now = _by_identity(signed), _by_identity(latest)
    order = PreflightVerdict.values
    changed = [
        (order.index(one.verdict), FactChange(one.subject, then[key].verdict, one.verdict))
        for key, one in now.items()
        if key in then and then[key].verdict != one.verdict
    ]
    changed += [
        (order.index(one.verdict), FactChange(one.subject, "not reported", one.verdict))
        for key, one in now.items()
        if key not in then and one.verdict != PreflightVerdict.GREEN
    ]
    gone = [one for key, one in then.items() if key not in now]
    changed += [(len(order), FactChange(one.subject, one.verdict, "no longer asked")) for one in gone]
    return [change for _, change in sorted(changed, key=lambda pair: (pair[0], pair[1].subject))]


def _by_identity(run: PreflightRun) -> dict[str, PreflightResult]:
    # The key of the check and its title: of a check that may name values, people who only watch read these.
    results = run.results.only("run_id", "identity", "check_key", "title", "subject", "verdict")
    return {one.identity: one for one in results}


# ── verifications of a backup ────────────────────────────────────────────────


def _describe_verifications(found: Sequence[_Found]) -> dict[int, LaterFact]:
    rows = BackupVerification.objects.filter(pk__in=[one.source for one in found])
    failed = {str(row.pk): row for row in rows.select_related("backup", "attempt__item")}
    return {one.evidence.item_id: _failed_verification(failed[one.source]) for one in found}


def _failed_verification(failed: BackupVerification) -> LaterFact:
    change = FactChange(f"backup {failed.backup.sha256[:12]}", "equal", failed.reason.rstrip("."))
    return LaterFact(failed.at, failed.source, [change])


# ── checks of other items ────────────────────────────────────────────────────


def _describe_checks(found: Sequence[_Found]) -> dict[int, LaterFact]:
    """The same check of other items, or evidence of theirs that denies what this one confirms."""
    keys = [one.source for one in found] + [str(one.evidence.pk) for one in found]
    # Not joined: with the statistics of empty tables PostgreSQL compares every item with every attempt.
    rows = Evidence.objects.filter(pk__in=keys).defer("facts").prefetch_related("attempt__item")
    by_key = {str(row.pk): row for row in rows}
    return {
        one.evidence.item_id: _failed_check(by_key[str(one.evidence.pk)], by_key[one.source]) for one in found
    }


def _failed_check(known: Evidence, later: Evidence) -> LaterFact:
    mine, other = known.attempt, later.attempt
    is_same = (mine.action, mine.params) == (other.action, other.params)
    denied = sorted(set(known.confirms) & set(later.denies))
    subject = "the same check" if is_same or not denied else denied[0]
    change = FactChange(subject, mine.summary or "passed", (other.summary or "failed").rstrip("."))
    return LaterFact(
        later.observed_at,
        f"{other.item.number} {other.item.title} (#{other.number})",
        [change],
        other.item_id,
    )


DESCRIPTIONS: Mapping[str, Callable[[Sequence[_Found]], dict[int, LaterFact]]] = {
    "check": _describe_checks,
    "preflight": _describe_preflights,
    "verification": _describe_verifications,
}
