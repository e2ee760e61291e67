"""The runbook as a list: one row per item with one button, and the commands behind the buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from checklists import services
from checklists.board import Board, ItemView, PhaseView, allowed_commands, checks_never_seen_red
from checklists.forms.items import NoteForm, ReasonForm
from checklists.headline import ordered_phases
from checklists.models import Note
from checklists.pending_tasks import is_mine
from checklists.states import SETTLED, ItemKind, ItemState
from checklists.views.access import (
    Visit,
    get_item,
    get_visit,
    get_visit_for_command,
    next_url,
    render_page,
    require_sign_in,
    run_command,
)

NOW: frozenset[ItemState] = frozenset(set(ItemState) - {ItemState.BLOCKED} - SETTLED)
#: ``?show=`` → title of the filter, and which items it keeps.
FILTERS: dict[str, tuple[str, Callable[[ItemView, Visit, Board], bool]]] = {
    "all": ("All", lambda view, visit, board: True),
    "mine": ("Mine", lambda view, visit, board: is_mine(board, visit.member, view)),
    "now": ("Now", lambda view, visit, board: view.state in NOW),
    "blocked": ("Blocked", lambda view, visit, board: view.state == ItemState.BLOCKED),
    "done": ("Done", lambda view, visit, board: view.settled),
}
#: The label of an action's start button, by the state of its item.
START_LABELS = {
    ItemState.READY: "Start",
    ItemState.FAILED: "Try again",
    ItemState.UNDONE: "Do again",
    ItemState.CONTRADICTED: "Do again",
}


@dataclass(frozen=True)
class RowButton:
    """The one button of a row. With ``post`` it gives the command; otherwise it is a link to ``url``."""

    label: str
    url: str
    icon: str
    post: bool = False
    primary: bool = False


@dataclass(frozen=True)
class ItemRow:
    """One item of the list; ``commands`` are those that this person may give now."""

    view: ItemView
    button: RowButton | None
    open: bool = False
    commands: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class PhaseRows:
    """One phase with the rows that the filter keeps."""

    view: PhaseView
    rows: list[ItemRow]


@require_sign_in
@require_GET
def runbook(request: HttpRequest, slug: str) -> HttpResponse:
    """All phases; ``?show=`` filters the items, ``?open=`` expands one of them in place."""
    visit = get_visit(request, slug)
    board = Board.load(visit.cutover)
    show = request.GET.get("show", "all")
    show = show if show in FILTERS else "all"
    opened = request.GET.get("open", "")
    phases = [
        _phase_rows(phase, visit, board, show, opened)
        for phase in ordered_phases(board, include_rollback=True)
    ]
    return render_page(
        request,
        "runbook.html",
        visit,
        board=board,
        show=show,
        filters=[(key, title, _count(key, board, visit)) for key, (title, _) in FILTERS.items()],
        phases=[phase for phase in phases if phase.rows or show == "all"],
        notes=Note.objects.filter(item__cutover=visit.cutover, item__key=opened).select_related("by"),
        never_red=checks_never_seen_red(visit.cutover),
        change_requests=visit.cutover.change_requests.waiting(),
        may_amend=visit.member is not None and visit.member.may_act and visit.cutover.is_open,
        list_url=f"{reverse('runbook', args=[slug])}?show={show}",
    )


def _count(show: str, board: Board, visit: Visit) -> int:
    keep = FILTERS[show][1]
    return sum(keep(view, visit, board) for view in board.items.values())


def _phase_rows(phase: PhaseView, visit: Visit, board: Board, show: str, opened: str) -> PhaseRows:
    keep = FILTERS[show][1]
    views = [view for view in phase.items if keep(view, visit, board) or view.item.key == opened]
    return PhaseRows(phase, [_item_row(view, visit, board, opened) for view in views])


def _item_row(view: ItemView, visit: Visit, board: Board, opened: str) -> ItemRow:
    commands = allowed_commands(visit.member, view, board)
    return ItemRow(view, row_button(view, commands), view.item.key == opened, commands)


def row_button(view: ItemView, commands: set[str]) -> RowButton | None:
    """The button of a row. Only a tick that asks for nothing is given here; other buttons lead to a page."""
    item_url = view.item.get_absolute_url()
    if "tick" in commands and view.item.requires:
        return RowButton("Tick…", f"{item_url}#tick", "check", primary=True)
    if "tick" in commands:
        tick_url = reverse("item-tick", args=[view.item.cutover.slug, view.item.key])
        return RowButton("Tick", tick_url, "check", post=True, primary=True)
    if "reconcile" in commands:
        return RowButton("Find out", item_url, "eye", primary=True)
    if "sign" in commands:
        return RowButton("Decide", item_url, "signature", primary=True)
    if "start" in commands and view.state in START_LABELS:
        return RowButton(START_LABELS[view.state], item_url, "play", primary=True)
    if view.state in (ItemState.RUNNING, ItemState.QUEUED):
        return RowButton("Watch", item_url, "eye")
    if view.item.kind == ItemKind.GATE and not view.settled and commands:
        return RowButton("Open", item_url, "eye")
    return None


# ── commands ─────────────────────────────────────────────────────────────────


def _item_command(
    service: Callable[..., object], *, form: type[forms.Form] | None = None, done: str
) -> Callable[..., HttpResponseBase]:
    """Makes the view that gives one command about one item; ``form`` validates what it needs to know."""

    @require_sign_in
    @require_POST
    def handle(request: HttpRequest, slug: str, key: str) -> HttpResponse:
        visit = get_visit_for_command(request, slug)
        item = get_item(visit, key)
        fields: dict[str, Any] = {}
        if form is not None:
            bound = form(request.POST)
            if not bound.is_valid():
                return _show_form_errors(request, bound, item.get_absolute_url())
            fields = bound.cleaned_data
        return run_command(
            request,
            lambda: service(item=item, by=visit.person, **fields),
            done=f"{done} {item.number} {item.title}.",
            back_to=reverse("runbook", args=[slug]),
        )

    return handle


def _show_form_errors(request: HttpRequest, form: forms.Form, back_to: str) -> HttpResponse:
    for errors in form.errors.values():
        messages.error(request, " ".join(str(error) for error in errors) + " Nothing was changed.")
    return redirect(next_url(request, back_to))


untick = _item_command(services.untick_item, form=ReasonForm, done="Took the tick back from")
skip = _item_command(services.skip_item, form=ReasonForm, done="Skipped")
unskip = _item_command(services.unskip_item, form=ReasonForm, done="Took the skip back from")
claim = _item_command(services.claim_item, done="You take care of")
release = _item_command(services.release_item, done="Anyone may now do")
add_note = _item_command(services.add_note, form=NoteForm, done="Noted on")

urlpatterns = [
    path("runbook/", runbook, name="runbook"),
    path("items/<slug:key>/untick/", untick, name="item-untick"),
    path("items/<slug:key>/skip/", skip, name="item-skip"),
    path("items/<slug:key>/unskip/", unskip, name="item-unskip"),
    path("items/<slug:key>/claim/", claim, name="item-claim"),
    path("items/<slug:key>/release/", release, name="item-release"),
    path("items/<slug:key>/note/", add_note, name="item-note"),
]
