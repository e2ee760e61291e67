"""Comparisons: the history of a cutover's, one of them table by table, one table row by row."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.models import Attempt, Evidence
from checklists.views.access import Visit, enter, page, signed_in

#: Facts of a table that its page says in sentences.
SAID = frozenset({
    "changed", "missing", "extra", "at_least", "places", "declared_by", "unsound", "not_compared", "settled",
    "notes", "key", "examples_cut",
})  # fmt: skip


@signed_in
@require_GET
def parity(request: HttpRequest, slug: str) -> HttpResponse:
    """All comparisons of this cutover, the newest first."""
    visit = enter(request, slug)
    comparisons = (
        Attempt.objects.filter(cutover=visit.cutover, parity_results__isnull=False)
        .select_related("item", "requested_by")
        .annotate(
            tables=Count("parity_results"),
            unequal=Count("parity_results", filter=Q(parity_results__equal=False)),
            rows=Sum("parity_results__source_rows"),
            differing=Sum("parity_results__differing"),
            declared=Sum("parity_results__declared"),
        )
        .order_by("-ended_at")
    )
    return page(request, "parity_list.html", visit, comparisons=comparisons)


@signed_in
@require_GET
def parity_attempt(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """One comparison: the first line answers, then the tables, those that differ first."""
    visit = enter(request, slug)
    attempt = _attempt(visit, attempt_id)
    results = list(attempt.parity_results.all())
    if not results:
        raise Http404("This attempt compared nothing.")
    return page(
        request,
        "parity.html",
        visit,
        attempt=attempt,
        results=results,
        whole=_of_the_whole(attempt),
        rows=sum(result.source_rows for result in results),
        differing=sum(result.differing for result in results),
        unequal=sum(not result.equal for result in results),
    )


@signed_in
@require_GET
def parity_table(request: HttpRequest, slug: str, attempt_id: UUID, table: str) -> HttpResponse:
    """One table of a comparison: rows that differ, both versions beside each other."""
    visit = enter(request, slug)
    attempt = _attempt(visit, attempt_id)
    result = next((one for one in attempt.parity_results.all() if one.table == table), None)
    if result is None:
        raise Http404("This comparison has no such table.")
    return page(
        request,
        "parity_table.html",
        visit,
        attempt=attempt,
        result=result,
        unlisted=result.differing - len(result.examples),
        others={name: value for name, value in result.facts.items() if value and name not in SAID},
    )


def _attempt(visit: Visit, attempt_id: UUID) -> Attempt:
    rows = Attempt.objects.filter(cutover=visit.cutover, pk=attempt_id).select_related("item__phase")
    attempt = rows.first()
    if attempt is None:
        raise Http404("This cutover has no such comparison.")
    attempt.cutover = attempt.item.cutover = visit.cutover
    return attempt


def _of_the_whole(attempt: Attempt) -> dict[str, Any]:
    """What the engine said of the comparison as a whole, without the tables."""
    evidence = Evidence.objects.filter(attempt=attempt).first()
    whole = evidence.facts.get("parity", {}) if evidence else {}
    return {"ok": bool(evidence and evidence.ok)} | {n: v for n, v in whole.items() if n != "tables"}


urlpatterns = [
    path("parity/", parity, name="parity"),
    path("parity/<uuid:attempt_id>/", parity_attempt, name="parity_attempt"),
    path("parity/<uuid:attempt_id>/<path:table>/", parity_table, name="parity_table"),
]
