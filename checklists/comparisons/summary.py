"""One comparison as its page reads it: table by table while it runs, and the whole of it afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from checklists.models import Attempt, Evidence, ParityResult, TableProgress
from checklists.models.audit import database_now
from checklists.states import AttemptStatus

ACTION = "parity.compare"
PAGE = 8192  # bytes of one of PostgreSQL's pages
OVER = frozenset({"done", "failed"})
#: An unknown attempt holds its item, too, but nobody works on it any more.
UNDER_WAY = frozenset({AttemptStatus.QUEUED, AttemptStatus.CLAIMED, AttemptStatus.RUNNING})


@dataclass(frozen=True)
class TableLine:
    """One table on the page of the whole. ``state`` is how far it is; ``equal`` is None until that is known.

    ``rate`` is in bytes a second, ``seconds_left`` None when it cannot be told.
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
    reasons: int = 0  # why not all of it is proven; of a sample one of them is that it is one
    partial: str = ""

    @property
    def is_well_sampled(self) -> bool:
        """Was a sample looked at, and nothing found in it? That is neither equal nor trouble."""
        return self.sampled and not self.differing and self.reasons <= 1

    @property
    def is_trouble(self) -> bool:
        """Does it differ, or is something of it unknown?"""
        return self.is_over and not self.equal and not self.is_well_sampled

    @property
    def kinds(self) -> str:
        """“38 changed, 3 missing after”, or “changed” when all are; “” when it is not known."""
        every = ((self.changed, "changed"), (self.missing, "missing after"), (self.extra, "only after"))
        kinds = [(f"{number:,}".replace(",", "\u202f"), word) for number, word in every if number]
        return kinds[0][1] if len(kinds) == 1 else ", ".join(" ".join(kind) for kind in kinds)

    @property
    def rate(self) -> float | None:
        """Bytes a second so far; None while nothing was read."""
        return self.pages_done * PAGE / self.seconds if self.pages_done and self.seconds else None

    @property
    def is_over(self) -> bool:
        """Is there nothing more to come of it?"""
        return self.state in OVER


@dataclass(frozen=True)
class Comparison:
    """One attempt that compares. ``facts`` is what the engine said of the whole, {} until it has."""

    attempt: Attempt
    lines: Sequence[TableLine]
    facts: Mapping[str, Any]
    has_result: bool
    declared_by: Mapping[str, int]  # declared rule → differences in all tables, the most first

    @property
    def equal(self) -> bool:
        """Is that the verdict? It is the engine's: an item may succeed that only had to tell."""
        return self.has_result and bool(self.facts.get("equal", self.attempt.succeeded))

    @property
    def differing(self) -> int:
        """Rows that differ, as far as is known."""
        return sum(line.differing for line in self.lines)

    @property
    def at_least(self) -> bool:
        """Is that only a lower bound?"""
        return any(line.at_least for line in self.lines)

    @property
    def declared(self) -> int:
        """Differences that the runbook declares."""
        return sum(line.declared for line in self.lines)

    @property
    def unequal(self) -> int:
        """Tables that are over and not equal; of a sample those in which something was found."""
        return sum(line.is_trouble for line in self.lines)

    @property
    def over(self) -> int:
        """Tables of which nothing more is to come."""
        return sum(line.is_over for line in self.lines)

    @property
    def rows(self) -> int:
        """Rows of the side before."""
        return sum(line.source_rows or 0 for line in self.lines)

    @property
    def runs(self) -> bool:
        """Is there more to come?"""
        return self.attempt.status in UNDER_WAY and not self.has_result

    @property
    def is_sample(self) -> bool:
        """Was only a part of the rows looked at? Then nothing is proven equal."""
        return self.facts.get("mode") == "sample" or any(line.sampled for line in self.lines)

    @property
    def left(self) -> timedelta | None:
        """About how long it goes on; None before a twentieth is done."""
        attempt = self.attempt
        if not self.runs or not attempt.effect_started_at or not attempt.progress_total:
            return None
        part = attempt.progress_done / attempt.progress_total
        if not 0.05 <= part < 1:
            return None
        so_far = (database_now() - attempt.effect_started_at).total_seconds()
        return timedelta(seconds=so_far * (1 - part) / part)


def comparisons(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Those that compared something, or are about to."""
    has_result = Exists(ParityResult.objects.filter(attempt=OuterRef("pk")))
    has_begun = Exists(TableProgress.objects.filter(attempt=OuterRef("pk")))
    return attempts.filter(has_result | has_begun | Q(action=ACTION, status__in=UNDER_WAY))


def comparison_of(attempt: Attempt) -> Comparison:
    """The comparison as it stands; its tables those that differ first once it is over, in order before."""
    evidence = Evidence.objects.filter(attempt=attempt).first()
    facts = (evidence.facts.get("parity") or {}) if evidence else {}
    progress = {one.table: one for one in TableProgress.objects.filter(attempt=attempt)}
    results = list(attempt.parity_results.defer("examples"))
    if results:
        lines = [_of_result(one, progress.get(one.table)) for one in results]
    else:
        lines = [_of_progress(one) for one in progress.values()]
        if attempt.status not in UNDER_WAY:
            lines.sort(key=lambda line: (line.equal is not False, line.equal is True))
    whole = {name: value for name, value in facts.items() if name != "tables"}
    rules: Counter[str] = Counter()
    for one in results:
        rules.update(one.facts.get("declared_by") or {})
    return Comparison(attempt, lines, whole, bool(results), dict(rules.most_common()))


def _of_result(one: ParityResult, progress: TableProgress | None) -> TableLine:
    return TableLine(
        table=one.table,
        state="done",
        equal=one.equal,
        differing=one.differing,
        source_rows=one.source_rows,
        target_rows=one.target_rows,
        declared=one.declared,
        seconds=one.seconds,
        pages=one.facts.get("pages") or (progress.pages if progress else 0),
        **_counts(one.facts),
    )


def _of_progress(one: TableProgress) -> TableLine:
    return TableLine(
        table=one.table,
        state=one.state,
        equal=one.found.get("equal"),
        differing=one.found.get("differing", 0),
        source_rows=one.found.get("source_rows"),
        target_rows=one.found.get("target_rows"),
        declared=one.found.get("declared", 0),
        seconds=one.seconds,
        pages=one.pages,
        pages_done=one.pages_done,
        rows_done=one.rows_done,
        seconds_left=one.seconds_left,
        **_counts(one.found),
    )


def _counts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What results and progress keep of a table in the same words."""
    kinds = {name: facts.get(name, 0) for name in ("changed", "missing", "extra")}
    at_least, sampled = bool(facts.get("at_least")), facts.get("mode") == "sample"
    reasons, partial = len(facts.get("unsound") or ()), facts.get("partial") or ""
    return {**kinds, "at_least": at_least, "sampled": sampled, "reasons": reasons, "partial": partial}
