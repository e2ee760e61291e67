"""Comparisons as files: rows and tables as CSV, the whole comparison as one HTML page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.comparisons.differing_rows import RowFilter, get_row_page
from checklists.comparisons.export import ROW_COLUMNS, csv_line, csv_rows_after, csv_tables
from checklists.comparisons.masking import PersonalMask
from checklists.comparisons.summary import get_comparison_summary
from checklists.live.hub_reader import run_in_thread
from checklists.models import Attempt
from checklists.views.access import get_visit, require_sign_in
from checklists.views.parity import comparison_context, get_comparison, mask_for

#: Icons refer to a file of the panel, which is not there when the report is opened elsewhere.
ICON_SVG = re.compile(r"<svg class=\"icon .*?</svg>", re.DOTALL)
ROWS_IN_REPORT = 100  # of one table; the CSV has all that are kept
TABLES_IN_REPORT = 50  # whose rows are shown


@require_sign_in
@require_GET
def rows_csv(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponseBase:
    """Rows that differ, one line per column, filtered as the address says; streamed."""
    visit = get_visit(request, slug)
    attempt = get_comparison(visit, attempt_id)
    wanted = RowFilter.from_query(request.GET.dict(), request.GET.get("table", "").replace("\0", ""))
    lines = _stream_rows(attempt, wanted, mask_for(visit, attempt))
    name = f"{visit.cutover.slug}-{attempt.item.key}-{attempt.number}-rows.csv"
    return _as_download(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), name)


async def _stream_rows(attempt: Attempt, wanted: RowFilter, mask: PersonalMask) -> AsyncIterator[str]:
    """Yields CSV text; between two parts it holds no database connection, however slow the reader is."""
    yield csv_line(ROW_COLUMNS)
    number: int | None = 0
    while number is not None:
        at = number
        text, number = await run_in_thread(lambda at=at: csv_rows_after(attempt, wanted, mask, at))  # type: ignore[misc]  # mypy cannot infer a default of a lambda
        yield text


@require_sign_in
@require_GET
def tables_csv(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponseBase:
    """The comparison table by table."""
    visit = get_visit(request, slug)
    attempt = get_comparison(visit, attempt_id)
    text = "".join(csv_tables(get_comparison_summary(attempt).tables))
    name = f"{visit.cutover.slug}-{attempt.item.key}-{attempt.number}-tables.csv"
    return _as_download(HttpResponse(text, content_type="text/csv; charset=utf-8"), name)


@require_sign_in
@require_GET
def report(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponseBase:
    """The whole comparison as one page without other files, for mail and for the archive."""
    visit = get_visit(request, slug)
    attempt = get_comparison(visit, attempt_id)
    mask = mask_for(visit, attempt)
    shown = comparison_context(attempt, mask)
    context: dict[str, Any] = {
        "visit": visit,
        **shown,
        "tables": _rows_by_table(shown, mask),
        "panel_url": request.build_absolute_uri("/"),  # links in the file lead back here
    }
    name = f"{visit.cutover.slug}-{attempt.item.key}-{attempt.number}.html"
    html = ICON_SVG.sub("", render_to_string("parity_report.html", context))
    return _as_download(HttpResponse(html), name)


def _rows_by_table(shown: dict[str, Any], mask: PersonalMask) -> list[dict[str, Any]]:
    differ = [one for one in shown["comparison"].tables if one.differing][:TABLES_IN_REPORT]
    return [
        {"line": one, "rows": get_row_page(shown["attempt"], RowFilter(one.table), mask, size=ROWS_IN_REPORT)}
        for one in differ
    ]


def _as_download(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


urlpatterns = [
    path("parity/export/<uuid:attempt_id>/rows.csv", rows_csv, name="parity_rows_csv"),
    path("parity/export/<uuid:attempt_id>/tables.csv", tables_csv, name="parity_tables_csv"),
    path("parity/export/<uuid:attempt_id>/report.html", report, name="parity_report"),
]
