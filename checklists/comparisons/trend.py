"""How the comparisons of one runbook came out, rehearsal after rehearsal, and the curve of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from checklists.models import Attempt, Cutover

WIDTH, HEIGHT, EDGE = 640, 140, 8  # of the drawing, in units of its SVG
MAX_POINTS = 200  # the newest comparisons of one item


@dataclass(frozen=True)
class TrendPoint:
    """One comparison in the drawing."""

    x: float
    y: float
    attempt: Attempt


@dataclass(frozen=True)
class ComparisonTrend:
    """All comparisons of one item of a runbook, over all cutovers, the oldest first.

    Each of ``attempts`` has the annotations of `with_counts`.
    """

    key: str
    title: str
    attempts: Sequence[Attempt]

    @property
    def first(self) -> Attempt:
        """The oldest comparison."""
        return self.attempts[0]

    @property
    def last(self) -> Attempt:
        """The newest comparison."""
        return self.attempts[-1]

    @property
    def highest(self) -> int:
        """The largest number of rows that ever differed."""
        return max(_differing(attempt) for attempt in self.attempts)

    @cached_property
    def points(self) -> list[TrendPoint]:
        """The position of each comparison: evenly from left to right, no difference at the bottom."""
        apart = (WIDTH - 2 * EDGE) / max(len(self.attempts) - 1, 1)
        scale = (HEIGHT - 2 * EDGE) / (self.highest or 1)
        return [
            TrendPoint(
                round(EDGE + n * apart, 1), round(HEIGHT - EDGE - _differing(attempt) * scale, 1), attempt
            )
            for n, attempt in enumerate(self.attempts)
        ]

    @property
    def line(self) -> str:
        """The points of an SVG polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


def with_counts(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Comparisons that have a result, annotated with its counts.

    The annotations are ``tables``, of which so many are ``alike`` or ``unequal``, ``rows``, ``differing``,
    ``declared``, ``mode``, ``selection`` (in words, empty for everything) and ``equal``: the verdict of the
    engine, whatever the status of the attempt.
    """
    return attempts.filter(parity_results__isnull=False).annotate(
        tables=Count("parity_results"),
        alike=Count("parity_results", filter=Q(parity_results__equal=True)),
        unequal=Count("parity_results", filter=Q(parity_results__equal=False)),
        rows=Sum("parity_results__source_rows"),
        differing=Sum("parity_results__differing"),
        declared=Sum("parity_results__declared"),
        equal=F("evidence__facts__parity__equal"),
        mode=F("evidence__facts__parity__mode"),
        selection=F("evidence__facts__parity__selection"),
    )


def get_trends(runbook: str, visible: QuerySet[Cutover]) -> list[ComparisonTrend]:
    """The trend of each item of the runbook of that name, over its ``visible`` cutovers.

    The item that was compared most often comes first.
    """
    attempts = Attempt.objects.filter(cutover__in=visible.filter(runbook__name=runbook).values("pk"))
    newest = with_counts(attempts).select_related("item", "cutover").order_by("-ended_at", "-queued_at")
    by_item: dict[str, list[Any]] = {}
    for attempt in newest:
        by_item.setdefault(attempt.item.key, []).append(attempt)
    trends = [
        ComparisonTrend(key, found[0].item.title, found[:MAX_POINTS][::-1]) for key, found in by_item.items()
    ]
    return sorted(trends, key=lambda trend: (-len(trend.attempts), trend.key))


def _differing(attempt: Attempt) -> int:
    return int(getattr(attempt, "differing", 0) or 0)
