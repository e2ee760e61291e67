"""Comparisons: all of a cutover, their history, one comparison, one of its tables, one row."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.comparisons.differing_rows import (
    KINDS,
    RowFilter,
    count_changed_columns,
    count_kinds,
    get_neighbours,
    get_row_page,
)
from checklists.comparisons.masking import PersonalMask, get_mask
from checklists.comparisons.summary import UNDER_WAY, TableSummary, filter_comparisons, get_comparison_summary
from checklists.comparisons.trend import get_trends, with_counts
from checklists.models import Attempt, Cutover, ParityResult, RowDifference, TableProgress
from checklists.states import AttemptStatus
from checklists.views.access import Visit, get_visit, render_page, require_sign_in

#: Facts of a table that its page shows in a sentence or a section of their own.
FACTS_SHOWN_ELSEWHERE = frozenset({
    "at_least", "by_column", "changed", "declared", "declared_by", "differing", "equal", "examples_cut",
    "extra", "key", "missing", "mode", "notes", "not_compared", "pages", "partial", "places", "repair",
    "settled", "source_rows", "target_rows", "unsound",
})  # fmt: skip
STOPPED_ON_PAGE = 20
#: An attempt that ended so has its result, also where it compared nothing, as a fingerprint.
WITH_RESULT = frozenset({AttemptStatus.SUCCEEDED, AttemptStatus.FAILED, AttemptStatus.RECONCILED})
#: The largest number that a row can have: the column is a 32-bit integer.
MAX_ROW_NUMBER = 2**31 - 1


@require_sign_in
@require_GET
def parity(request: HttpRequest, slug: str) -> HttpResponse:
    """All comparisons of this cutover, newest first; running ones before them, stopped ones after them."""
    visit = get_visit(request, slug)
    attempts = Attempt.objects.filter(cutover=visit.cutover).select_related("item", "requested_by")
    without = filter_comparisons(attempts).filter(parity_results=None)
    return render_page(
        request,
        "parity_list.html",
        visit,
        running=without.filter(status__in=UNDER_WAY),
        other_results=without.filter(status__in=WITH_RESULT).order_by("-ended_at"),
        stopped=without.exclude(status__in=UNDER_WAY | WITH_RESULT).order_by("-queued_at")[:STOPPED_ON_PAGE],
        comparisons=with_counts(attempts).order_by("-ended_at"),
    )


@require_sign_in
@require_GET
def parity_history(request: HttpRequest, slug: str) -> HttpResponse:
    """The differences of all comparisons, in every cutover of this runbook that the person may see."""
    visit = get_visit(request, slug)
    seen = Cutover.objects.visible_to(visit.person)
    return render_page(
        request, "parity_history.html", visit, trends=get_trends(visit.cutover.runbook.name, seen)
    )


@require_sign_in
@require_GET
def parity_attempt(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """One comparison: the result, then its tables, those that differ first."""
    visit = get_visit(request, slug)
    attempt = get_comparison(visit, attempt_id)
    return render_page(request, "parity.html", visit, **comparison_context(attempt, mask_for(visit, attempt)))


def comparison_context(attempt: Attempt, mask: PersonalMask) -> dict[str, Any]:
    """What the page of a comparison and its report show, masked as the person's permission requires."""
    comparison = get_comparison_summary(attempt)
    whole = mask.mask_summary(comparison.facts)
    return {"attempt": attempt, "comparison": comparison, "whole": whole, "mask": mask}


@require_sign_in
@require_GET
def parity_table(request: HttpRequest, slug: str, attempt_id: UUID, table: str) -> HttpResponse:
    """One table of a comparison: differences by kind, and the rows, filtered and in pages."""
    visit = get_visit(request, slug)
    attempt = get_comparison(visit, attempt_id)
    comparison, mask = get_comparison_summary(attempt), mask_for(visit, attempt)
    line = next((one for one in comparison.tables if one.table == table), None)
    if line is None:
        raise Http404("This comparison has no such table.")
    wanted = RowFilter.from_query(request.GET.dict(), table)
    return render_page(
        request,
        "parity_table.html",
        visit,
        attempt=attempt,
        comparison=comparison,
        line=line,
        mask=mask,
        filter=wanted,
        rows=get_row_page(
            attempt, wanted, mask, after=_row_number(request, "after"), before=_row_number(request, "before")
        ),
        **_table_context(attempt, line, mask),
    )


def _table_context(attempt: Attempt, line: TableSummary, mask: PersonalMask) -> dict[str, Any]:
    """The result of the table (while it runs: its progress) and the counts of the rows that are kept."""
    result = ParityResult.objects.filter(attempt=attempt, table=line.table).defer("examples").first()
    facts = mask.mask_table(line.table, result.facts if result else _progress_facts(attempt, line.table))
    kept = count_kinds(attempt, line.table)
    return {
        "facts": facts,
        "digest": result.digest if result else "",
        "kinds": [(kind, word, facts.get(kind, kept.get(kind, 0))) for kind, word in KINDS.items()],
        "columns": _sort_by_count(facts.get("by_column") or count_changed_columns(attempt, line.table)),
        "unlisted": line.differing - sum(kept.values()),
        "others": {
            name: value for name, value in facts.items() if value and name not in FACTS_SHOWN_ELSEWHERE
        },
    }


def _progress_facts(attempt: Attempt, table: str) -> dict[str, Any]:
    """The counts that the running comparison reported so far; {} before the first report."""
    found: dict[str, Any] | None = (
        TableProgress.objects.filter(attempt=attempt, table=table).values_list("found", flat=True).first()
    )
    return found or {}


def _sort_by_count(numbers: dict[str, int]) -> dict[str, int]:
    return dict(sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0])))


@require_sign_in
@require_GET
def parity_row(request: HttpRequest, slug: str, attempt_id: UUID, number: int) -> HttpResponse:
    """One row that differs, both versions side by side; the filter leads on to its neighbours."""
    visit = get_visit(request, slug)
    attempt = get_comparison(visit, attempt_id)
    found = RowDifference.objects.filter(attempt=attempt, number=min(number, MAX_ROW_NUMBER)).first()
    if found is None:
        raise Http404("This comparison has no such row.")
    mask = mask_for(visit, attempt)
    wanted = RowFilter.from_query(request.GET.dict(), found.table)
    earlier, later = get_neighbours(attempt, wanted, mask, found.number)
    return render_page(
        request,
        "parity_row.html",
        visit,
        attempt=attempt,
        row=mask.mask_rows([found])[0],
        mask=mask,
        filter=wanted,
        earlier=earlier,
        later=later,
    )


def mask_for(visit: Visit, attempt: Attempt) -> PersonalMask:
    """Stakeholders see only values of columns that are declared harmless."""
    return get_mask(attempt, sees_personal=visit.may_give_commands)


def get_comparison(visit: Visit, attempt_id: UUID) -> Attempt:
    """A comparison of this cutover; 404 otherwise."""
    attempts = Attempt.objects.filter(cutover=visit.cutover, pk=attempt_id).select_related("item__phase")
    attempt = filter_comparisons(attempts).first()
    if attempt is None:
        raise Http404("This cutover has no such comparison.")
    attempt.cutover = attempt.item.cutover = visit.cutover
    return attempt


def _row_number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return min(int(text), MAX_ROW_NUMBER) if text.isdecimal() and len(text) < 12 else 0


urlpatterns = [
    path("parity/", parity, name="parity"),
    path("parity/history/", parity_history, name="parity_history"),
    path("parity/row/<uuid:attempt_id>/<int:number>/", parity_row, name="parity_row"),
    path("parity/<uuid:attempt_id>/", parity_attempt, name="parity_attempt"),
    path("parity/<uuid:attempt_id>/<path:table>/", parity_table, name="parity_table"),
]
