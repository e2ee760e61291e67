"""One item: what it is, whether it may start, what it would do, what it did."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from checklists import services
from checklists.forms.attempts import StartForm
from checklists.gates import Board, ItemView, may
from checklists.models import Attempt, LogLine
from checklists.states import Reconciliation
from checklists.views.access import Visit, carry_out, enter, enter_to_act, item_of, page, signed_in
from integrations.actions import registry

LINES_ON_PAGE = 500  # the page opens with the last ones; the whole log is one link away


@signed_in
@require_GET
def item(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """The page of a manual item or an action."""
    visit = enter(request, slug)
    found = item_of(visit, key)
    board = Board.of(visit.cutover)
    view = board.items[found.key]
    return page(request, "item.html", visit, **_shown(request, visit, board, view))


def _shown(request: HttpRequest, visit: Visit, board: Board, view: ItemView) -> dict[str, Any]:
    attempts = list(
        view.item.attempts.select_related("requested_by", "cancel_requested_by", "reconciled_by")
        .select_related("evidence")
        .order_by("-number")
    )
    chosen = _chosen(request, attempts)
    verbs = may(visit.member, view, board)
    return {
        "board": board,
        "view": view,
        "item": view.item,
        "may": verbs,
        "action": registry().get(view.item.action),
        "needs": [board.items[key] for key in view.item.needs if key in board.items],
        "undo": board.items.get(view.item.undo),
        "attempts": attempts,
        "attempt": chosen,
        "start_form": StartForm(view=view, cutover=visit.cutover),
        "notes": view.item.notes.select_related("by"),
        "reconciliations": Reconciliation.choices,
        **_log_of(chosen),
    }


def _chosen(request: HttpRequest, attempts: list[Attempt]) -> Attempt | None:
    """The attempt that the address names, else the latest."""
    number = request.GET.get("attempt", "")
    named = [a for a in attempts if str(a.number) == number]
    return next(iter(named or attempts), None)


def _log_of(attempt: Attempt | None) -> dict[str, Any]:
    if attempt is None:
        return {"lines": [], "last_line": 0, "earlier_lines": 0}
    newest = list(attempt.lines.order_by("-number")[:LINES_ON_PAGE])
    first = newest[-1].number if newest else 1
    last = newest[0].number if newest else 0
    return {"lines": newest[::-1], "last_line": last, "earlier_lines": first - 1}


@signed_in
@require_GET
def preview(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """What starting would do, asked from the real systems; by itself, since that can take seconds."""
    visit = enter(request, slug)
    found = item_of(visit, key)
    context: dict[str, Any] = {"visit": visit, "item": found, "cutover": visit.cutover}
    try:
        context["preview"] = services.preview_item(item=found)
    except services.Refused as refused:
        context["refused"] = refused
    template = "item_preview.html#preview" if getattr(request, "htmx", False) else "item_preview.html"
    return render(request, template, context)


@signed_in
@require_POST
def start(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Queues an attempt of an action."""
    visit = enter_to_act(request, slug)
    found = item_of(visit, key)
    return carry_out(
        request,
        lambda: services.start_attempt(
            item=found,
            by=visit.person,
            typed_target=request.POST.get("typed_target", ""),
            after=_number(request.POST.get("after", "")),
        ),
        done=f"{found.number} {found.title} is on its way.",
        back_to=found.get_absolute_url(),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


@signed_in
@require_GET
def log(request: HttpRequest, slug: str, key: str, number: int) -> HttpResponse:
    """The whole log of an attempt as plain text, for search, mail and safekeeping."""
    visit = enter(request, slug)
    found = item_of(visit, key)
    lines = LogLine.objects.filter(attempt__item=found, attempt__number=number).order_by("number")
    text = "".join(f"{line.number}\t{line.at.isoformat()}\t{line.text}\n" for line in lines.iterator())
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.key}-{number}.log"'
    return answer


urlpatterns = [
    path("items/<slug:key>/", item, name="item"),
    path("items/<slug:key>/preview/", preview, name="item-preview"),
    path("items/<slug:key>/start/", start, name="item-start"),
    path("items/<slug:key>/attempts/<int:number>/log.txt", log, name="attempt-log"),
]
