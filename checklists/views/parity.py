"""Comparisons: the history of a cutover's, one of them table by table, one table row by row."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.models import Attempt, ParityResult
from checklists.views.access import Visit, enter, page, signed_in


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
        totals=_totals(results),
        facts=_comparison(attempt),
    )


@signed_in
@require_GET
def parity_table(request: HttpRequest, slug: str, attempt_id: UUID, table: str) -> HttpResponse:
    """One table of a comparison: rows that differ, both versions beside each other."""
    visit = enter(request, slug)
    attempt = _attempt(visit, attempt_id)
    result = attempt.parity_results.filter(table=table).first()
    if result is None:
        raise Http404("This comparison has no such table.")
    return page(request, "parity_table.html", visit, attempt=attempt, result=result)


def _attempt(visit: Visit, attempt_id: UUID) -> Attempt:
    rows = Attempt.objects.filter(cutover=visit.cutover, pk=attempt_id).select_related("item__phase", "evidence")
    attempt = rows.first()
    if attempt is None:
        raise Http404("This cutover has no such comparison.")
    attempt.cutover = attempt.item.cutover = visit.cutover
    return attempt


def _totals(results: list[ParityResult]) -> dict[str, int]:
    return {
        "tables": len(results),
        "rows": sum(result.source_rows for result in results),
        "differing": sum(result.differing for result in results),
        "unequal": sum(not result.equal for result in results),
        "declared": sum(result.declared for result in results),
    }


def _comparison(attempt: Attempt) -> dict[str, object]:
    """What the engine said of the comparison as a whole, without the tables."""
    evidence = getattr(attempt, "evidence", None)
    whole = evidence.facts.get("parity", {}) if evidence else {}
    return {name: value for name, value in whole.items() if name not in ("tables",) and value}


urlpatterns = [
    path("parity/", parity, name="parity"),
    path("parity/<uuid:attempt_id>/", parity_attempt, name="parity_attempt"),
    path("parity/<uuid:attempt_id>/<str:table>/", parity_table, name="parity_table"),
]
