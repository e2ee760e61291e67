"""What the preflights of a cutover have found: the latest results, and what is new since the run before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q

from checklists.models import Cutover, GatePass, Item, PreflightResult, PreflightRun
from checklists.states import Direction, PreflightStatus, PreflightVerdict

#: The worst first: the order on the page and in the terminal.
ORDER = {verdict: place for place, verdict in enumerate(PreflightVerdict.values)}
#: What counts as red: what is not known is not known to be right.
BAD = frozenset({PreflightVerdict.RED, PreflightVerdict.UNKNOWN})


@dataclass(frozen=True)
class ComparedResult:
    """A result, and how it differs from the run before.

    ``news`` is “new” (nobody asked about this subject before, or it was right), “changed” (another verdict
    than before) or empty. ``before`` is the verdict of the run before, empty where it had none.
    """

    result: PreflightResult
    news: str = ""
    before: str = ""
    affected: list[Item] = field(default_factory=list)

    @property
    def is_bad(self) -> bool:
        """Is it red or unknown?"""
        return self.result.verdict in BAD


@dataclass(frozen=True)
class PreflightCounts:
    """How many results of the latest run have which verdict, for pages that show no result."""

    run: PreflightRun
    counts: Mapping[str, int]  # verdict → number of results, the worst first

    @classmethod
    def load(cls, cutover: Cutover) -> PreflightCounts | None:
        """None when no run has got to its end."""
        run = PreflightRun.objects.filter(cutover=cutover).done().first()
        if run is None:
            return None
        found = dict(run.results.order_by().values_list("verdict").annotate(number=Count("pk")))
        return cls(run, {verdict: found.get(verdict, 0) for verdict in PreflightVerdict.values})

    @property
    def bad(self) -> int:
        """How many are red or unknown."""
        return sum(self.counts[verdict] for verdict in BAD)

    def __str__(self) -> str:
        return summarize_counts(self.counts)


@dataclass
class PreflightState:
    """The preflights of a cutover as they stand.

    ``run`` is the latest that got to its end and ``results`` are its results, the worst first. ``live`` is
    one that is queued or running. ``broken`` is one that failed or was lost after ``run``: what ``run`` found
    is older than people may think. ``gone`` are results of the run before that are no longer there.
    """

    run: PreflightRun | None = None
    previous: PreflightRun | None = None
    live: PreflightRun | None = None
    broken: PreflightRun | None = None
    results: list[ComparedResult] = field(default_factory=list)
    gone: list[PreflightResult] = field(default_factory=list)
    next_at: datetime | None = None  # when the schedule asks again; None when it does not

    @classmethod
    def load(cls, cutover: Cutover, now: datetime, items: Mapping[str, Item] | None = None) -> PreflightState:
        """Reads the two latest runs with results, and a live one; ``items`` are linked by their keys."""
        done = list(PreflightRun.objects.filter(cutover=cutover).done()[:2])
        latest = PreflightRun.objects.filter(cutover=cutover).order_by("-requested_at").first()
        state = cls(
            run=done[0] if done else None,
            previous=done[1] if len(done) > 1 else None,
            live=PreflightRun.objects.live().filter(cutover=cutover).first(),
            next_at=_next_at(cutover, latest, now),
        )
        ended = PreflightRun.objects.filter(
            cutover=cutover, status__in=[PreflightStatus.FAILED, PreflightStatus.LOST]
        )
        later = Q() if state.run is None else Q(ended_at__gt=state.run.ended_at)
        state.broken = ended.filter(later).order_by("-ended_at").first()
        state._compare(items or {})
        return state

    def of(self, verdict: str) -> list[ComparedResult]:
        """The results with this verdict."""
        return [each for each in self.results if each.result.verdict == verdict]

    @property
    def counts(self) -> dict[str, int]:
        """Verdict → number of results, the worst first."""
        return {verdict: len(self.of(verdict)) for verdict in PreflightVerdict.values}

    @property
    def state(self) -> str:
        """The status of the run that people wait for or have to know about; NEVER when there was none."""
        latest = self.live or self.broken or self.run
        return latest.status if latest else "NEVER"

    @property
    def summary(self) -> str:
        """“2 red, 1 unknown, 3 amber, 40 green”, without what there is none of."""
        return summarize_counts(self.counts)

    @property
    def summary_of_bad(self) -> str:
        """“2 results of the preflight are red, 1 is not known”."""
        red, unknown = self.counts[PreflightVerdict.RED], self.counts[PreflightVerdict.UNKNOWN]
        of_preflight = "of the preflight"
        parts = [f"{red} result{'s' if red > 1 else ''} {of_preflight} {_are(red)} red"] if red else []
        subject = str(unknown) if red else f"{unknown} result{'s' if unknown > 1 else ''} {of_preflight}"
        parts += [f"{subject} {_are(unknown)} not known"] if unknown else []
        return ", ".join(parts)

    @property
    def amber(self) -> list[ComparedResult]:
        """The amber results."""
        return self.of(PreflightVerdict.AMBER)

    @property
    def green(self) -> list[ComparedResult]:
        """The green results."""
        return self.of(PreflightVerdict.GREEN)

    @property
    def bad(self) -> list[ComparedResult]:
        """The results that are red or unknown."""
        return [each for each in self.results if each.is_bad]

    @property
    def new(self) -> list[ComparedResult]:
        """The results that are not green and were not there, or not so, in the run before."""
        return [each for each in self.results if each.news and each.result.verdict != PreflightVerdict.GREEN]

    def for_item(self, key: str) -> list[ComparedResult]:
        """The red and unknown results that affect an item."""
        return [each for each in self.bad if key in each.result.items]

    def _compare(self, items: Mapping[str, Item]) -> None:
        if self.run is None:
            return
        before = by_identity(self.previous) if self.previous else None
        now = by_identity(self.run)
        compared = [
            replace(_compared(result, before), affected=[items[key] for key in result.items if key in items])
            for result in now.values()
        ]
        self.results = sorted(
            compared, key=lambda c: (ORDER[c.result.verdict], c.result.check_key, c.result.subject)
        )
        self.gone = [one for key, one in (before or {}).items() if key not in now and one.verdict != "green"]


def summarize_counts(counts: Mapping[str, int]) -> str:
    """“2 red, 1 unknown, 3 amber, 40 green”, without what there is none of."""
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "nothing"


def _are(count: int) -> str:
    return "are" if count > 1 else "is"


def by_identity(run: PreflightRun) -> dict[str, PreflightResult]:
    """The results of a run by what they are about."""
    return {result.identity: result for result in run.results.all()}


def _compared(result: PreflightResult, before: Mapping[str, PreflightResult] | None) -> ComparedResult:
    if before is None:
        return ComparedResult(result)  # of a first run everything would be new
    known = before.get(result.identity)
    if known is None:
        return ComparedResult(result, "new")
    if known.verdict != result.verdict:
        was_right = known.verdict == PreflightVerdict.GREEN
        return ComparedResult(result, "new" if was_right else "changed", known.verdict)
    return ComparedResult(result, before=known.verdict)


def _next_at(cutover: Cutover, latest: PreflightRun | None, now: datetime) -> datetime | None:
    minutes = settings.CUTOVER_PREFLIGHT_MINUTES
    if not minutes or not cutover.is_open or cutover.direction == Direction.ROLLBACK:
        return None
    if GatePass.objects.filter(gate__cutover=cutover, used_at__isnull=False).exists():
        return None
    due = max(now, latest.requested_at + timedelta(minutes=minutes)) if latest else now
    return None if cutover.window_start and due >= cutover.window_start else due
