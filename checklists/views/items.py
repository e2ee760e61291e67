"""One item: its state, its last preview, starting it, its attempts and their logs."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from checklists import services
from checklists.board import (
    Blocker,
    Board,
    ItemView,
    allowed_commands,
    checks_never_seen_red,
    find_resource_holder,
    trouble_of,
    voided_of,
    waits_for_window,
)
from checklists.comparisons.differing_rows import RowFilter, get_row_page
from checklists.curves import read_curves
from checklists.earlier_parameters import built_in_for
from checklists.forecast import make_forecast
from checklists.forms.attempts import ReconcileForm, StartForm
from checklists.forms.ticks import TickForm
from checklists.models import Attempt, Evidence, Item, ItemPreview, Note, Tick
from checklists.states import ChangeKind, ItemKind, ItemState
from checklists.views.access import (
    Visit,
    form_error_status,
    get_item,
    get_view,
    get_visit,
    get_visit_for_command,
    next_url,
    render_page,
    require_sign_in,
    run_command,
    show_refusal,
)
from checklists.views.failure_choices import did_not_work, list_choices, list_successors
from checklists.views.logs import log_context
from checklists.views.parity import mask_for
from integrations.actions import registry

ATTEMPTS_ON_PAGE = 8  # older ones fold out
READY_ON_PAGE = 3
ROWS_ON_PAGE = 3  # of a comparison that found differences; the others have a page of their own
UNDER_WAY = frozenset({ItemState.RUNNING, ItemState.QUEUED})


@require_sign_in
@require_GET
def item(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """The page of a manual item or an action."""
    visit = get_visit(request, slug)
    board = Board.load_for_page(visit.cutover)
    view = get_view(visit, board, key)
    if view.item.kind == ItemKind.GATE:
        return redirect(view.item)
    return _render(request, visit, board, view)


def render_item_page(request: HttpRequest, visit: Visit, found: Item, **forms: Any) -> HttpResponse:
    """The item as it stands; ``forms`` may hold a refused one: ``start_form``, ``tick_form`` …"""
    board = Board.load_for_page(visit.cutover)
    return _render(request, visit, board, board.items[found.key], **forms)


def _render(request: HttpRequest, visit: Visit, board: Board, view: ItemView, **forms: Any) -> HttpResponse:
    context = _item_context(request, visit, board, view)
    if request.method == "POST":  # the page must refresh itself from its own address, not the form's
        context["live_url"] = view.item.get_absolute_url()
    status = form_error_status(request) if forms else 200
    return render_page(request, "item.html", visit, status=status, **context | forms)


def _ready_context(board: Board, view: ItemView) -> dict[str, Any]:
    """Once the item is settled, what people can do now: first what waited for it."""
    if not view.settled or not board.cutover.is_open:
        return {}
    ready = [each for each in board.ready if each.item.pk != view.item.pk and not each.item.optional]
    ready.sort(key=lambda each: view.item.key not in each.item.needs)  # stable: else in the runbook's order
    return {"ready_next": ready[:READY_ON_PAGE], "more_ready": len(ready[READY_ON_PAGE:])}


def _item_context(request: HttpRequest, visit: Visit, board: Board, view: ItemView) -> dict[str, Any]:
    attempts = _list_attempts(view.item)
    selected = _selected_attempt(request, attempts)
    commands = allowed_commands(visit.member, view, board)
    action = registry().get(view.item.action)
    return {
        "board": board,
        "view": view,
        "item": view.item,
        "commands": commands,
        **_time_context(board, view),
        "action": action,
        "effect": action.effect_of(view.item.params) if action else None,
        "built_in": built_in_for(visit.cutover).params_added(view.item.key, view.item.params),
        "needs": [board.items[key] for key in view.item.needs if key in board.items],
        "holds_up": [other for other in board.items.values() if view.item.key in other.item.needs],
        "other_blockers": _blockers_beside_needs(view),
        "undo": board.items.get(view.item.undo),
        **_ready_context(board, view),
        **_window_context(visit, board, view),
        "voided": [void for void in voided_of(board) if view.item.key in void.items],
        "signed_gates": board.signed_gates_on(view),
        "holder": find_resource_holder(attempts[0] if attempts else None),
        "never_red": checks_never_seen_red(board),
        "attempts": attempts[:ATTEMPTS_ON_PAGE],
        "older_attempts": attempts[ATTEMPTS_ON_PAGE:],
        "attempt": selected,
        "latest": attempts[0] if attempts else None,
        "curves": read_curves(selected) if selected else [],
        "under_way": view.state in UNDER_WAY,
        **_evidence_context(visit, selected),
        **_choices_context(visit, board, view, commands),
        "start_form": _start_form(request, visit, view) if "start" in commands else None,
        "reconcile_form": ReconcileForm(request=request) if "reconcile" in commands else None,
        "deciders": [m.person for m in board.members if "reconcile" in allowed_commands(m, view, board)],
        **_notes_context(view),
        "ticks": list(_ticks_of(view.item)),
        "tick_form": _tick_form(view.item),
        **_preview_context(visit, view.item),
        **log_context(selected),
    }


def _time_context(board: Board, view: ItemView) -> dict[str, Any]:
    forecast = make_forecast(board)
    return {"forecast": forecast, "times": forecast.times[view.item.key]}


def _evidence_context(visit: Visit, attempt: Attempt | None) -> dict[str, Any]:
    """What an attempt found, and of a comparison the first rows that differ, masked for this person."""
    evidence = Evidence.objects.filter(attempt=attempt).first() if attempt else None
    if attempt is None or evidence is None or "parity" not in evidence.facts:
        return {"evidence": evidence}
    mask, every_row = mask_for(visit, attempt), RowFilter()
    page = get_row_page(attempt, every_row, mask, size=ROWS_ON_PAGE)
    return {
        "evidence": evidence,
        "mask": mask,
        "filter": every_row,
        "differing": page if page.found else None,
    }


def _choices_context(visit: Visit, board: Board, view: ItemView, commands: set[str]) -> dict[str, Any]:
    """Of an item that did not work: what this person may do now."""
    successors = list_successors(view, board)
    choices = list_choices(visit.member, view, board, commands, successors)
    return {"did_not_work": did_not_work(view), "choices": choices, "successors": successors}


def _blockers_beside_needs(view: ItemView) -> list[Blocker]:
    """Without those that the list of needs shows, and without the one that the line of the state quotes."""
    is_quoted = view.state == ItemState.BLOCKED and not view.request
    others = view.blockers[1:] if is_quoted else view.blockers
    return [b for b in others if b.item is None or b.item.key not in view.item.needs]


def _start_form(request: HttpRequest, visit: Visit, view: ItemView, data: Any = None) -> StartForm:
    return StartForm(data, request=request, view=view, cutover=visit.cutover)


def _preview_context(visit: Visit, item: Item) -> dict[str, Any]:
    """The last answer, and the preview that people wait for. Stakeholders see neither."""
    if item.kind != ItemKind.ACTION or not visit.may_give_commands:
        return {}
    of_item = ItemPreview.objects.filter(item=item).select_related("requested_by")
    latest = of_item.order_by("-requested_at").first()
    return {
        "preview_state": latest.status if latest else "NONE",
        "live_preview": latest if latest and latest.is_live else None,
        "preview": of_item.ended().first() if latest and latest.is_live else latest,
        "asks_previews": bool(visit.member and visit.member.may_act and visit.cutover.is_open),
    }


def _list_attempts(item: Item) -> list[Attempt]:
    people = ("requested_by", "cancel_requested_by", "reconciled_by")
    found = (
        _attempts_of(item).select_related(*people, "item").annotate(warnings=F("evidence__facts__warnings"))
    )
    attempts: list[Any] = list(found.order_by("-number"))
    for attempt in attempts:
        attempt.cutover = attempt.item.cutover = item.cutover  # without this, each link would query it
    return attempts


def _window_context(visit: Visit, board: Board, view: ItemView) -> dict[str, Any]:
    """Whether production waits for its window with this item, and the request to start it earlier."""
    if not waits_for_window(view.item, visit.cutover, board.now, board.rows.production):
        return {}
    asked = visit.cutover.change_requests.waiting().filter(item=view.item, kind=ChangeKind.EARLY_START)
    return {"waits_for_window": True, "early_request": asked.first()}


def _attempts_of(item: Item) -> QuerySet[Attempt]:
    """All attempts of the item, also those under definitions that were amended since."""
    return Attempt.objects.filter(cutover=item.cutover_id, item__key=item.key)


def _notes_on(item: Item) -> QuerySet[Note]:
    noted = Note.objects.filter(item__cutover=item.cutover_id, item__key=item.key)
    return noted.select_related("by").order_by("at")


def _notes_context(view: ItemView) -> dict[str, Any]:
    """The notes, and whether one of them answers what is not as wanted."""
    notes = list(_notes_on(view.item))
    return {"notes": notes, "trouble": trouble_of(view, notes)}


def _ticks_of(item: Item) -> QuerySet[Tick]:
    """What was handed in, the latest first, also under definitions that were amended since."""
    ticks = Tick.objects.filter(item__cutover=item.cutover_id, item__key=item.key)
    return ticks.with_details().select_related("item__cutover").order_by("-id")


def _tick_form(item: Item) -> TickForm | None:
    if item.kind != ItemKind.MANUAL:
        return None
    return TickForm(item=item, members=services.members_who_act(item.cutover))


def _selected_attempt(request: HttpRequest, attempts: list[Attempt]) -> Attempt | None:
    """The attempt that ``?attempt=`` names, else the latest."""
    number = request.GET.get("attempt", "")
    named = [a for a in attempts if str(a.number) == number]
    return next(iter(named or attempts), None)


@require_sign_in
@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Asks a worker what a start would do; its answer appears on the item's page."""
    visit = get_visit_for_command(request, slug)
    found = get_item(visit, key)
    if found.kind != ItemKind.ACTION:
        raise Http404("Only an action has a preview.")
    if request.method != "POST":  # after signing in again, the browser comes back with a GET
        return redirect(found)
    return run_command(
        request,
        lambda: services.request_preview(item=found, by=visit.person),
        done="A worker asks the systems. What it finds appears here in some seconds.",
        back_to=found.get_absolute_url(),
    )


@require_sign_in
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Queues an attempt of an action; a refused form is shown again with what was typed."""
    visit = get_visit_for_command(request, slug)
    found = get_item(visit, key)
    if request.method != "POST":  # after signing in again, the browser comes back with a GET
        return redirect(found)
    form = _start_form(request, visit, Board.load_for_page(visit.cutover).items[key], request.POST)
    if not form.is_valid():
        return render_item_page(request, visit, found, start_form=form)
    try:
        services.start_attempt(item=found, by=visit.person, **form.cleaned_data)
    except services.CommandRefused as refusal:
        show_refusal(request, refusal)
        return render_item_page(request, visit, found, start_form=form)
    messages.success(request, f"{found.number} {found.title} is on its way.")
    return redirect(next_url(request, found.get_absolute_url()))


urlpatterns = [
    path("items/<slug:key>/", item, name="item"),
    path("items/<slug:key>/preview/", preview, name="item-preview"),
    path("items/<slug:key>/start/", start, name="item-start"),
]
