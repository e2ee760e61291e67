"""Comparisons as files to take away: rows and tables as CSV, the whole as one HTML page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.comparisons.export import OF_ROWS, line, rows_after, table_lines
from checklists.comparisons.rows import Filter, page_of
from checklists.comparisons.sight import Sight
from checklists.comparisons.whole import comparison_of
from checklists.hub import in_thread
from checklists.models import Attempt
from checklists.views.access import enter, signed_in
from checklists.views.parity import attempt_of, sight_for, whole_of

#: They lie in a file of the panel, which a page that was taken away has not got.
ICONS = re.compile(r"<svg class=\"icon .*?</svg>", re.DOTALL)
ROWS_IN_REPORT = 100  # of one table; all that are kept are in the CSV
TABLES_IN_REPORT = 50  # whose rows are shown


@signed_in
@require_GET
def rows_csv(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponseBase:
    """Rows that differ, one line a column, with the filter of the address; streamed, however many."""
    visit = enter(request, slug)
    attempt = attempt_of(visit, attempt_id)
    wanted = Filter.of(request.GET.dict(), request.GET.get("table", "").replace("\0", ""))
    lines = _streamed(attempt, wanted, sight_for(visit, attempt))
    name = f"{visit.cutover.slug}-{attempt.item.key}-{attempt.number}-rows.csv"
    return _as_file(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), name)


async def _streamed(attempt: Attempt, wanted: Filter, sight: Sight) -> AsyncIterator[str]:
    """Reads on only as fast as somebody takes it, and holds no connection in between."""
    yield line(OF_ROWS)
    number: int | None = 0
    while number is not None:
        at = number
        text, number = await in_thread(lambda at=at: rows_after(attempt, wanted, sight, at))  # type: ignore[misc]
        yield text


@signed_in
@require_GET
def tables_csv(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponseBase:
    """The comparison table by table."""
    visit = enter(request, slug)
    attempt = attempt_of(visit, attempt_id)
    text = "".join(table_lines(comparison_of(attempt).lines))
    name = f"{visit.cutover.slug}-{attempt.item.key}-{attempt.number}-tables.csv"
    return _as_file(HttpResponse(text, content_type="text/csv; charset=utf-8"), name)


@signed_in
@require_GET
def report(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponseBase:
    """The whole comparison as one page that needs nothing else, for mail and for the archive."""
    visit = enter(request, slug)
    attempt = attempt_of(visit, attempt_id)
    sight = sight_for(visit, attempt)
    shown = whole_of(attempt, sight)
    panel = request.build_absolute_uri("/")  # so that links in the file lead back here
    context: dict[str, Any] = {
        "visit": visit,
        **shown,
        "tables": _rows_by_table(shown, sight),
        "panel": panel,
    }
    name = f"{visit.cutover.slug}-{attempt.item.key}-{attempt.number}.html"
    page = ICONS.sub("", render_to_string("parity_report.html", context))
    return _as_file(HttpResponse(page), name)


def _rows_by_table(shown: dict[str, Any], sight: Sight) -> list[dict[str, Any]]:
    differ = [one for one in shown["comparison"].lines if one.differing][:TABLES_IN_REPORT]
    return [
        {"line": one, "rows": page_of(shown["attempt"], Filter(one.table), sight, size=ROWS_IN_REPORT)}
        for one in differ
    ]


def _as_file(answer: HttpResponseBase, name: str) -> HttpResponseBase:
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store, private"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


urlpatterns = [
    path("parity/export/<uuid:attempt_id>/rows.csv", rows_csv, name="parity_rows_csv"),
    path("parity/export/<uuid:attempt_id>/tables.csv", tables_csv, name="parity_tables_csv"),
    path("parity/export/<uuid:attempt_id>/report.html", report, name="parity_report"),
]
