"""How comparisons of one runbook came out, rehearsal after rehearsal, with the curve drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from checklists.models import Attempt, Cutover

WIDTH, HEIGHT, EDGE = 640, 140, 8  # of the drawing, in its own units
MOST = 200  # comparisons of one item that are drawn, the newest


@dataclass(frozen=True)
class Point:
    """One comparison in the drawing."""

    x: float
    y: float
    attempt: Attempt


@dataclass(frozen=True)
class Fall:
    """All comparisons of one item of a runbook, in every cutover that went through it, the oldest first."""

    key: str
    title: str
    attempts: Sequence[Attempt]  # each with the numbers of `counted`

    @property
    def first(self) -> Attempt:
        """The oldest."""
        return self.attempts[0]

    @property
    def last(self) -> Attempt:
        """The newest."""
        return self.attempts[-1]

    @property
    def high(self) -> int:
        """The most rows that ever differed."""
        return max(_differing(one) for one in self.attempts)

    @cached_property
    def points(self) -> list[Point]:
        """Where each comparison stands: evenly from left to right, no difference at the bottom."""
        apart = (WIDTH - 2 * EDGE) / max(len(self.attempts) - 1, 1)
        tall = (HEIGHT - 2 * EDGE) / (self.high or 1)
        return [
            Point(round(EDGE + n * apart, 1), round(HEIGHT - EDGE - _differing(one) * tall, 1), one)
            for n, one in enumerate(self.attempts)
        ]

    @property
    def line(self) -> str:
        """The points of an SVG polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


def counted(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Comparisons that left a result, with ``tables``, ``unequal``, ``rows``, ``differing``, ``declared``,
    and ``equal``: the verdict itself, whatever the item made of it."""
    return attempts.filter(parity_results__isnull=False).annotate(
        tables=Count("parity_results"),
        unequal=Count("parity_results", filter=Q(parity_results__equal=False)),
        rows=Sum("parity_results__source_rows"),
        differing=Sum("parity_results__differing"),
        declared=Sum("parity_results__declared"),
        equal=F("evidence__facts__parity__equal"),
        mode=F("evidence__facts__parity__mode"),
    )


def falls_of(runbook: str, seen: QuerySet[Cutover]) -> list[Fall]:
    """For each item of the runbook of that name its comparisons in the cutovers that are ``seen``; the item
    that was compared most often first."""
    attempts = Attempt.objects.filter(cutover__in=seen.filter(runbook__name=runbook).values("pk"))
    newest = counted(attempts).select_related("item", "cutover").order_by("-ended_at", "-queued_at")
    by_item: dict[str, list[Any]] = {}
    for attempt in newest:
        by_item.setdefault(attempt.item.key, []).append(attempt)
    falls = [Fall(key, few[0].item.title, few[:MOST][::-1]) for key, few in by_item.items()]
    return sorted(falls, key=lambda fall: (-len(fall.attempts), fall.key))


def _differing(attempt: Attempt) -> int:
    return int(getattr(attempt, "differing", 0) or 0)
