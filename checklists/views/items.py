"""One item: what it is, whether it may start, what it would do, what it did."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from checklists import services
from checklists.curves import curves_of
from checklists.forms.attempts import ReconcileForm, StartForm
from checklists.gates import Board, ItemView, may
from checklists.models import Attempt, Evidence, Item
from checklists.states import ItemKind
from checklists.views.access import (
    Visit,
    enter,
    enter_to_act,
    item_of,
    page,
    signed_in,
    tell,
    where_from,
)
from integrations.actions import registry

logger = logging.getLogger(__name__)
LINES_ON_PAGE = 500  # the page opens with the last ones; the whole log is one link away
TRIES_ON_PAGE = 8  # older ones fold out


@signed_in
@require_GET
def item(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """The page of a manual item or an action."""
    visit = enter(request, slug)
    found = item_of(visit, key)
    if found.kind == ItemKind.GATE:
        return redirect(found)
    return item_page(request, visit, found)


def item_page(request: HttpRequest, visit: Visit, found: Item, **forms: Any) -> HttpResponse:
    """The item as it stands; ``forms`` has one that is shown again (``start_form``, ``reconcile_form``)."""
    board = Board.of(visit.cutover)
    context = _shown(request, visit, board, board.items[found.key])
    if request.method == "POST":  # the page keeps itself up to date from its own address, not the form's
        context["live_url"] = found.get_absolute_url()
    # htmx shows no answer with an error's status
    status = 422 if forms and not request.headers.get("HX-Request") else 200
    return page(request, "item.html", visit, status=status, **context | forms)


def _shown(request: HttpRequest, visit: Visit, board: Board, view: ItemView) -> dict[str, Any]:
    attempts = _attempts_of(view.item)
    chosen = _chosen(request, attempts)
    return {
        "board": board,
        "view": view,
        "item": view.item,
        "may": may(visit.member, view, board),
        "action": registry().get(view.item.action),
        "needs": [board.items[key] for key in view.item.needs if key in board.items],
        "other_blockers": [b for b in view.blockers if b.item is None or b.item.key not in view.item.needs],
        "undo": board.items.get(view.item.undo),
        "attempts": attempts[:TRIES_ON_PAGE],
        "older_attempts": attempts[TRIES_ON_PAGE:],
        "attempt": chosen,
        "latest": attempts[0] if attempts else None,
        "curves": curves_of(chosen) if chosen else [],
        "evidence": Evidence.objects.filter(attempt=chosen).first() if chosen else None,
        "start_form": StartForm(view=view, cutover=visit.cutover),
        "reconcile_form": ReconcileForm(),
        "notes": list(view.item.notes.select_related("by")),
        **_log_of(chosen),
    }


def _attempts_of(item: Item) -> list[Attempt]:
    people = ("requested_by", "cancel_requested_by", "reconciled_by")
    attempts = list(item.attempts.select_related(*people).order_by("-number"))
    for attempt in attempts:
        attempt.cutover, attempt.item = item.cutover, item  # spares a query for each link
    return attempts


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
    if found.kind != ItemKind.ACTION:
        raise Http404("Only what a machine does has a preview.")
    context = {"visit": visit, "item": found, "cutover": visit.cutover, **_preview_of(found)}
    template = "item_preview.html#preview" if request.headers.get("HX-Request") else "item_preview.html"
    answer = render(request, template, context)
    answer["Cache-Control"] = "no-store, private"
    return answer


def _preview_of(item: Item) -> dict[str, Any]:
    try:
        return {"preview": services.preview_item(item=item)}
    except services.Refused as refusal:
        return {"refused": refusal}
    except Exception:  # somebody's action: its mistake must not take the page with it
        logger.exception("The preview of %s failed", item)
        refused = services.Refused(
            "The preview failed in itself, so it is not known what starting would do.",
            means="Nothing was changed.",
            next="Do not start it before somebody has read the log of the web process.",
        )
        return {"refused": refused}


@signed_in
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Queues an attempt of an action; what is refused is shown with all that was typed."""
    visit = enter_to_act(request, slug)
    found = item_of(visit, key)
    if request.method != "POST":  # somebody signed in again on the way here
        return redirect(found)
    form = StartForm(request.POST, view=Board.of(visit.cutover).items[key], cutover=visit.cutover)
    if not form.is_valid():
        return item_page(request, visit, found, start_form=form)
    try:
        services.start_attempt(item=found, by=visit.person, **form.cleaned_data)
    except services.Refused as refusal:
        tell(request, refusal)
        return item_page(request, visit, found, start_form=form)
    messages.success(request, f"{found.number} {found.title} is on its way.")
    return redirect(where_from(request, found.get_absolute_url()))


@signed_in
@require_GET
def log(request: HttpRequest, slug: str, key: str, number: int) -> HttpResponse:
    """The whole log of an attempt as plain text, for search, mail and safekeeping."""
    visit = enter(request, slug)
    found = item_of(visit, key)
    attempt = found.attempts.filter(number=number).first() if number < 2**31 else None
    if attempt is None:
        raise Http404("This item has no such attempt.")
    lines = attempt.lines.order_by("number").iterator()
    text = "".join(f"{line.number}\t{line.at.isoformat()}\t{line.text}\n" for line in lines)
    answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.key}-{number}.log"'
    answer["Cache-Control"] = "no-store, private"
    return answer


urlpatterns = [
    path("items/<slug:key>/", item, name="item"),
    path("items/<slug:key>/preview/", preview, name="item-preview"),
    path("items/<slug:key>/start/", start, name="item-start"),
    path("items/<slug:key>/attempts/<int:number>/log.txt", log, name="attempt-log"),
]
