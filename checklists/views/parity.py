"""Comparisons: the history of a cutover's, one of them table by table, one table row by row, one row."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.comparisons.over_time import counted, falls_of
from checklists.comparisons.rows import KINDS, Filter, beside, changed_columns, kinds_of, page_of
from checklists.comparisons.sight import Sight, sight_of
from checklists.comparisons.whole import UNDER_WAY, TableLine, comparison_of, comparisons
from checklists.models import Attempt, Cutover, ParityResult, RowDifference, TableProgress
from checklists.views.access import Visit, enter, page, signed_in

#: Facts of a table that its page says in sentences, or has a place of their own for.
SAID = frozenset({
    "changed", "missing", "extra", "at_least", "places", "declared_by", "unsound", "not_compared", "settled",
    "notes", "key", "examples_cut", "by_column", "repair", "partial", "mode", "pages", "equal", "differing",
    "source_rows", "target_rows", "declared",
})  # fmt: skip
STOPPED_ON_PAGE = 20
#: A number of a row, and no row has a higher one.
HIGHEST = 2**31 - 1


@signed_in
@require_GET
def parity(request: HttpRequest, slug: str) -> HttpResponse:
    """All comparisons of this cutover, the newest first; before them what runs, after them what stopped."""
    visit = enter(request, slug)
    attempts = Attempt.objects.filter(cutover=visit.cutover).select_related("item", "requested_by")
    without = comparisons(attempts).filter(parity_results=None)
    return page(
        request,
        "parity_list.html",
        visit,
        running=without.filter(status__in=UNDER_WAY),
        stopped=without.exclude(status__in=UNDER_WAY).order_by("-queued_at")[:STOPPED_ON_PAGE],
        comparisons=counted(attempts).order_by("-ended_at"),
    )


@signed_in
@require_GET
def parity_history(request: HttpRequest, slug: str) -> HttpResponse:
    """How differences fell from rehearsal to rehearsal: every cutover of this runbook that one may see."""
    visit = enter(request, slug)
    seen = Cutover.objects.visible_to(visit.person)
    return page(request, "parity_history.html", visit, falls=falls_of(visit.cutover.runbook.name, seen))


@signed_in
@require_GET
def parity_attempt(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """One comparison: the first line answers, then the tables, those that differ first."""
    visit = enter(request, slug)
    attempt = attempt_of(visit, attempt_id)
    return page(request, "parity.html", visit, **whole_of(attempt, sight_for(visit, attempt)))


def whole_of(attempt: Attempt, sight: Sight) -> dict[str, Any]:
    """What the page of a comparison and its report show, as far as this person may see it."""
    comparison = comparison_of(attempt)
    whole = sight.whole(comparison.facts)
    return {"attempt": attempt, "comparison": comparison, "whole": whole, "sight": sight}


@signed_in
@require_GET
def parity_table(request: HttpRequest, slug: str, attempt_id: UUID, table: str) -> HttpResponse:
    """One table of a comparison: what differs by kind, and the rows, filtered, searched, page by page."""
    visit = enter(request, slug)
    attempt = attempt_of(visit, attempt_id)
    comparison, sight = comparison_of(attempt), sight_for(visit, attempt)
    line = next((one for one in comparison.lines if one.table == table), None)
    if line is None:
        raise Http404("This comparison has no such table.")
    wanted = Filter.of(request.GET.dict(), table)
    return page(
        request,
        "parity_table.html",
        visit,
        attempt=attempt,
        comparison=comparison,
        line=line,
        sight=sight,
        filter=wanted,
        rows=page_of(
            attempt, wanted, sight, after=_number(request, "after"), before=_number(request, "before")
        ),
        **_of_the_table(attempt, line, sight),
    )


def _of_the_table(attempt: Attempt, line: TableLine, sight: Sight) -> dict[str, Any]:
    """What was said of it once it was over, and what of its rows is kept."""
    result = ParityResult.objects.filter(attempt=attempt, table=line.table).defer("examples").first()
    facts = sight.of_table(line.table, result.facts if result else _told(attempt, line.table))
    kept = kinds_of(attempt, line.table)
    return {
        "facts": facts,
        "digest": result.digest if result else "",
        "kinds": [(kind, word, facts.get(kind, kept.get(kind, 0))) for kind, word in KINDS.items()],
        "columns": _most_first(facts.get("by_column") or changed_columns(attempt, line.table)),
        "unlisted": line.differing - sum(kept.values()),
        "others": {name: value for name, value in facts.items() if value and name not in SAID},
    }


def _told(attempt: Attempt, table: str) -> dict[str, Any]:
    """Its counts as they were told while the comparison ran; {} before there are any."""
    found: dict[str, Any] | None = (
        TableProgress.objects.filter(attempt=attempt, table=table).values_list("found", flat=True).first()
    )
    return found or {}


def _most_first(numbers: dict[str, int]) -> dict[str, int]:
    return dict(sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0])))


@signed_in
@require_GET
def parity_row(request: HttpRequest, slug: str, attempt_id: UUID, number: int) -> HttpResponse:
    """One row that differs, both versions beside each other; the filter it was found by goes along."""
    visit = enter(request, slug)
    attempt = attempt_of(visit, attempt_id)
    found = RowDifference.objects.filter(attempt=attempt, number=min(number, HIGHEST)).first()
    if found is None:
        raise Http404("This comparison has no such row.")
    sight = sight_for(visit, attempt)
    wanted = Filter.of(request.GET.dict(), found.table)
    earlier, later = beside(attempt, wanted, sight, found.number)
    return page(
        request,
        "parity_row.html",
        visit,
        attempt=attempt,
        row=sight.rows([found])[0],
        sight=sight,
        filter=wanted,
        earlier=earlier,
        later=later,
    )


def sight_for(visit: Visit, attempt: Attempt) -> Sight:
    """Who works on the cutover sees everything; who only watches nothing that is personal."""
    return sight_of(attempt, everything=visit.may_touch)


def attempt_of(visit: Visit, attempt_id: UUID) -> Attempt:
    """A comparison of this cutover; 404 otherwise."""
    attempts = Attempt.objects.filter(cutover=visit.cutover, pk=attempt_id).select_related("item__phase")
    attempt = comparisons(attempts).first()
    if attempt is None:
        raise Http404("This cutover has no such comparison.")
    attempt.cutover = attempt.item.cutover = visit.cutover
    return attempt


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return min(int(text), HIGHEST) if text.isdecimal() and len(text) < 12 else 0


urlpatterns = [
    path("parity/", parity, name="parity"),
    path("parity/history/", parity_history, name="parity_history"),
    path("parity/row/<uuid:attempt_id>/<int:number>/", parity_row, name="parity_row"),
    path("parity/<uuid:attempt_id>/", parity_attempt, name="parity_attempt"),
    path("parity/<uuid:attempt_id>/<path:table>/", parity_table, name="parity_table"),
]
