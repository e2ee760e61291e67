"""One comparison for its page: table by table while it runs, and as a whole afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from checklists.models import Attempt, Evidence, ParityResult, TableProgress
from checklists.models.audit import database_now
from checklists.models.masked_rows import found_values
from checklists.states import AttemptStatus

ACTION = "parity.compare"
PAGE_BYTES = 8192  # of a page of PostgreSQL
FINISHED = frozenset({"done", "failed"})
#: An UNKNOWN attempt holds its item too, but no worker is working on it.
UNDER_WAY = frozenset({AttemptStatus.QUEUED, AttemptStatus.CLAIMED, AttemptStatus.RUNNING})
SHOW_TIME_LEFT_FROM = 0.05  # of the work done; before that an estimate would jump


@dataclass(frozen=True)
class TableSummary:
    """One table of a comparison.

    ``state`` is that of `TableProgress`; ``equal`` and the row counts are None until they are known.
    ``reasons`` counts why not everything is proven; of a sample, one of them is that it is a sample.
    """

    table: str
    state: str
    equal: bool | None = None
    differing: int = 0
    changed: int = 0
    missing: int = 0
    extra: int = 0
    at_least: bool = False
    source_rows: int | None = None
    target_rows: int | None = None
    declared: int = 0
    seconds: float = 0
    pages: int = 0
    pages_done: int = 0
    rows_done: int = 0
    seconds_left: float | None = None
    sampled: bool = False
    reasons: int = 0
    partial: str = ""

    @property
    def is_well_sampled(self) -> bool:
        """Was a sample read without finding a difference? That is neither equality nor a problem."""
        return self.sampled and not self.differing and self.reasons <= 1

    @property
    def has_problem(self) -> bool:
        """Does it differ, or is something about it unknown?"""
        return self.is_finished and not self.equal and not self.is_well_sampled

    @property
    def kinds(self) -> str:
        """“38 changed, 3 missing after”; “changed” when all rows are of one kind, empty when unknown."""
        every = ((self.changed, "changed"), (self.missing, "missing after"), (self.extra, "only after"))
        kinds = [(f"{number:,}".replace(",", "\u202f"), word) for number, word in every if number]
        return kinds[0][1] if len(kinds) == 1 else ", ".join(" ".join(kind) for kind in kinds)

    @property
    def rate(self) -> float | None:
        """Bytes per second so far; None while nothing was read."""
        return self.pages_done * PAGE_BYTES / self.seconds if self.pages_done and self.seconds else None

    @property
    def is_finished(self) -> bool:
        """Is this table compared, or has its comparison failed?"""
        return self.state in FINISHED


@dataclass(frozen=True)
class ComparisonSummary:
    """One attempt that compares.

    ``facts`` are those of the engine about the whole comparison, empty until it has ended. ``declared_by``
    maps a declared rule to its differences in all tables, the highest number first.
    """

    attempt: Attempt
    tables: Sequence[TableSummary]
    facts: Mapping[str, Any]
    has_result: bool
    declared_by: Mapping[str, int]

    @property
    def equal(self) -> bool:
        """The verdict of the engine. The attempt may succeed with differences if it only has to report."""
        return self.has_result and bool(self.facts.get("equal", self.attempt.succeeded))

    @property
    def differing(self) -> int:
        """Rows that differ, as far as is known."""
        return sum(table.differing for table in self.tables)

    @property
    def at_least(self) -> bool:
        """Is `differing` only a lower bound?"""
        return any(table.at_least for table in self.tables)

    @property
    def declared(self) -> int:
        """Differences that the runbook declares."""
        return sum(table.declared for table in self.tables)

    @property
    def unequal(self) -> int:
        """Tables that were compared and are not equal; of a sample, those with a difference."""
        return sum(table.has_problem for table in self.tables)

    @property
    def finished(self) -> int:
        """Tables that are compared, or whose comparison has failed."""
        return sum(table.is_finished for table in self.tables)

    @property
    def rows(self) -> int:
        """Rows of the side before."""
        return sum(table.source_rows or 0 for table in self.tables)

    @property
    def is_running(self) -> bool:
        """Is the attempt under way and without a result?"""
        return self.attempt.status in UNDER_WAY and not self.has_result

    @property
    def is_sample(self) -> bool:
        """Was only part of the rows read? Then nothing is proven equal."""
        return self.facts.get("mode") == "sample" or any(table.sampled for table in self.tables)

    @property
    def selection(self) -> str:
        """Which tables and rows were selected, in words; empty where everything was compared."""
        return str(self.facts.get("selection") or "")

    @property
    def time_left(self) -> timedelta | None:
        """The estimated time until it ends; None before a twentieth is done."""
        attempt = self.attempt
        if not self.is_running or not attempt.effect_started_at or not attempt.progress_total:
            return None
        done = attempt.progress_done / attempt.progress_total
        if not SHOW_TIME_LEFT_FROM <= done < 1:
            return None
        so_far = (database_now() - attempt.effect_started_at).total_seconds()
        return timedelta(seconds=so_far * (1 - done) / done)


def filter_comparisons(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """The attempts that compare: with a result, with progress, or queued to compare."""
    has_result = Exists(ParityResult.objects.filter(attempt=OuterRef("pk")))
    has_begun = Exists(TableProgress.objects.filter(attempt=OuterRef("pk")))
    return attempts.filter(has_result | has_begun | Q(action=ACTION, status__in=UNDER_WAY))


def get_comparison_summary(attempt: Attempt) -> ComparisonSummary:
    """The comparison as it is now.

    While it runs, tables are in the order in which they are read. Afterwards those that differ come first.
    """
    with found_values(shown=True):  # `PersonalMask` masks them, column by column
        evidence = Evidence.objects.filter(attempt=attempt).first()
    facts = (evidence.facts.get("parity") or {}) if evidence else {}
    progress = {one.table: one for one in TableProgress.objects.filter(attempt=attempt)}
    results = list(attempt.parity_results.defer("examples"))
    if results:
        tables = [_summarize_result(one, progress.get(one.table)) for one in results]
    else:
        tables = [_summarize_progress(one) for one in progress.values()]
        if attempt.status not in UNDER_WAY:
            tables.sort(key=lambda table: (table.equal is not False, table.equal is True))
    whole = {name: value for name, value in facts.items() if name != "tables"}
    return ComparisonSummary(attempt, tables, whole, bool(results), _count_declared(results))


def _count_declared(results: Sequence[ParityResult]) -> dict[str, int]:
    rules: Counter[str] = Counter()
    for result in results:
        rules.update(result.facts.get("declared_by") or {})
    return dict(rules.most_common())


def _summarize_result(result: ParityResult, progress: TableProgress | None) -> TableSummary:
    return TableSummary(
        table=result.table,
        state="done",
        equal=result.equal,
        differing=result.differing,
        source_rows=result.source_rows,
        target_rows=result.target_rows,
        declared=result.declared,
        seconds=result.seconds,
        pages=result.facts.get("pages") or (progress.pages if progress else 0),
        **_read_counts(result.facts),
    )


def _summarize_progress(progress: TableProgress) -> TableSummary:
    return TableSummary(
        table=progress.table,
        state=progress.state,
        equal=progress.found.get("equal"),
        differing=progress.found.get("differing", 0),
        source_rows=progress.found.get("source_rows"),
        target_rows=progress.found.get("target_rows"),
        declared=progress.found.get("declared", 0),
        seconds=progress.seconds,
        pages=progress.pages,
        pages_done=progress.pages_done,
        rows_done=progress.rows_done,
        seconds_left=progress.seconds_left,
        **_read_counts(progress.found),
    )


def _read_counts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that results and progress hold under the same names."""
    kinds = {name: facts.get(name, 0) for name in ("changed", "missing", "extra")}
    at_least, sampled = bool(facts.get("at_least")), facts.get("mode") == "sample"
    reasons, partial = len(facts.get("unsound") or ()), facts.get("partial") or ""
    return {**kinds, "at_least": at_least, "sampled": sampled, "reasons": reasons, "partial": partial}
