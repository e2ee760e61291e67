"""What an attempt wrote and found: the last lines of its log on a page; log and evidence as files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.live.hub_reader import run_in_thread
from checklists.models import Attempt, Evidence, LogLine, ShownLine
from checklists.views.access import get_item, get_visit, require_sign_in

LINES_ON_PAGE = 500  # the last ones; the whole log is one link away
TEXT_ON_PAGE = 200_000  # characters of all these lines
PART = 1_000_000  # characters of a download that are read at once, about
LINES_AT_ONCE = 5000


def log_context(attempt: Attempt | None) -> dict[str, Any]:
    """The last lines of an attempt, as many as a page can show."""
    if attempt is None:
        return {"lines": [], "last_line": 0, "earlier_lines": 0}
    newest = ShownLine.read(attempt.lines.order_by("-number"), LINES_ON_PAGE)
    room, shown = TEXT_ON_PAGE, list[ShownLine]()
    for line in newest:
        room -= len(line.text)
        if room < 0:
            break
        shown.append(line)
    first, last = (shown[-1].number, shown[0].number) if shown else (1, 0)
    return {"lines": shown[::-1], "last_line": last, "earlier_lines": first - 1}


@require_sign_in
@require_GET
def log(request: HttpRequest, slug: str, key: str, number: int) -> HttpResponseBase:
    """The whole log of an attempt as a text file: number, time, line."""
    visit = get_visit(request, slug)
    if not visit.sees_logs:
        raise PermissionDenied("Logs are shown to the people who work on this cutover.")
    found = get_item(visit, key)
    # Also an attempt under a definition that was amended since.
    of_item = Attempt.objects.filter(cutover=visit.cutover, item__key=key, number=number)
    attempt = of_item.first() if number < 2**31 else None
    if attempt is None:
        raise Http404("This item has no such attempt.")
    response = StreamingHttpResponse(_stream_log(attempt.pk), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.key}-{number}.log"'
    response["Cache-Control"] = "no-store, private"
    return response


@require_sign_in
@require_GET
def evidence_file(request: HttpRequest, slug: str, key: str, number: int) -> HttpResponse:
    """What an attempt found, as a JSON file; values are masked as on the pages of this person."""
    visit = get_visit(request, slug)
    found = get_item(visit, key)
    of_item = Evidence.objects.filter(attempt__cutover=visit.cutover, attempt__item__key=key)
    evidence = of_item.filter(attempt__number=number).first() if number < 2**31 else None
    if evidence is None:
        raise Http404("This item has no such evidence.")
    content = {"item": str(found), "attempt": number, "observed_at": evidence.observed_at.isoformat()}
    response = JsonResponse(
        {**content, "digest": evidence.digest, "facts": evidence.facts},
        json_dumps_params={"indent": 1, "ensure_ascii": False},
    )
    response["Content-Disposition"] = f'attachment; filename="{found.key}-{number}.json"'
    response["Cache-Control"] = "no-store, private"
    return response


async def _stream_log(attempt: UUID) -> AsyncIterator[str]:
    """Yields the text; between two parts it holds no database connection, however slow the reader is."""
    after, count = 0, 50
    while lines := await run_in_thread(partial(_read_lines, attempt, after, count)):
        text = "".join(f"{line.number}\t{line.at.isoformat()}\t{line.text}\n" for line in lines)
        after, count = lines[-1].number, min(LINES_AT_ONCE, PART * len(lines) // len(text) + 1)
        yield text


def _read_lines(attempt: UUID, after: int, count: int) -> list[LogLine]:
    return list(LogLine.objects.filter(attempt=attempt, number__gt=after).order_by("number")[:count])


urlpatterns = [
    path("items/<slug:key>/attempts/<int:number>/log.txt", log, name="attempt-log"),
    path("items/<slug:key>/attempts/<int:number>/evidence.json", evidence_file, name="attempt-evidence"),
]
