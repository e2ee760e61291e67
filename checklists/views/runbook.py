"""The runbook with ticks: one line an item, one sensible button, and the commands behind it."""

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
from checklists.forms.items import NoteForm, ReasonForm
from checklists.gates import Board, ItemView, PhaseView, may
from checklists.models import Note
from checklists.situation import is_mine, shown_phases
from checklists.states import SETTLED, ItemKind, ItemState
from checklists.views.access import (
    Visit,
    carry_out,
    enter,
    enter_to_act,
    item_of,
    page,
    signed_in,
    where_from,
)

NOW: frozenset[ItemState] = frozenset(set(ItemState) - {ItemState.BLOCKED} - SETTLED)
#: What the filter may say → which items it shows.
FILTERS: dict[str, tuple[str, Callable[[ItemView, Visit, Board], bool]]] = {
    "all": ("All", lambda view, visit, board: True),
    "mine": ("Mine", lambda view, visit, board: is_mine(board, visit.member, view)),
    "now": ("Now", lambda view, visit, board: view.state in NOW),
    "blocked": ("Blocked", lambda view, visit, board: view.state == ItemState.BLOCKED),
    "done": ("Done", lambda view, visit, board: view.settled),
}
#: What the button of an action says, by how the action stands.
START = {ItemState.READY: "Start", ItemState.FAILED: "Try again", ItemState.UNDONE: "Do again"}


@dataclass(frozen=True)
class Button:
    """The one thing that makes sense now. ``post`` does it at once; otherwise it leads to the page for it."""

    label: str
    address: str
    icon: str
    post: bool = False
    strong: bool = False


@dataclass(frozen=True)
class Line:
    """One item as a line of the runbook."""

    view: ItemView
    button: Button | None
    open: bool = False
    may: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Part:
    """One phase with the lines that the filter leaves."""

    view: PhaseView
    lines: list[Line]


@signed_in
@require_GET
def runbook(request: HttpRequest, slug: str) -> HttpResponse:
    """All phases; ``?show=`` filters, ``?open=`` folds one item out in place."""
    visit = enter(request, slug)
    board = Board.of(visit.cutover)
    show = request.GET.get("show", "all")
    show = show if show in FILTERS else "all"
    opened = request.GET.get("open", "")
    parts = [_part(phase, visit, board, show, opened) for phase in shown_phases(board, everything=True)]
    return page(
        request,
        "runbook.html",
        visit,
        board=board,
        show=show,
        filters=[(key, title, _count(key, board, visit)) for key, (title, _) in FILTERS.items()],
        parts=[part for part in parts if part.lines or show == "all"],
        notes=Note.objects.filter(item__cutover=visit.cutover, item__key=opened).select_related("by"),
        here=f"{reverse('runbook', args=[slug])}?show={show}",
    )


def _count(show: str, board: Board, visit: Visit) -> int:
    keep = FILTERS[show][1]
    return sum(keep(view, visit, board) for view in board.items.values())


def _part(phase: PhaseView, visit: Visit, board: Board, show: str, opened: str) -> Part:
    keep = FILTERS[show][1]
    views = [view for view in phase.items if keep(view, visit, board) or view.item.key == opened]
    return Part(phase, [_line(view, visit, board, opened) for view in views])


def _line(view: ItemView, visit: Visit, board: Board, opened: str) -> Line:
    verbs = may(visit.member, view, board)
    return Line(view, button_for(view, verbs), view.item.key == opened, verbs)


def button_for(view: ItemView, verbs: set[str]) -> Button | None:
    """The button of a line: tick at once; start, sign and find out on the page that shows what for."""
    there = view.item.get_absolute_url()
    if "tick" in verbs:
        to = reverse("item-tick", args=[view.item.cutover.slug, view.item.key])
        return Button("Tick", to, "check", post=True, strong=True)
    if "reconcile" in verbs:
        return Button("Find out", there, "eye", strong=True)
    if "sign" in verbs:
        return Button("Decide", there, "signature", strong=True)
    if "start" in verbs and view.state in START:
        return Button(START[view.state], there, "play", strong=True)
    if view.state in (ItemState.RUNNING, ItemState.QUEUED):
        return Button("Watch", there, "eye")
    if view.item.kind == ItemKind.GATE and not view.settled and verbs:
        return Button("Look", there, "eye")
    return None


# ── commands ─────────────────────────────────────────────────────────────────

Command = Callable[..., HttpResponseBase]


def _command(service: Callable[..., object], *, form: type[forms.Form] | None = None, done: str) -> Command:
    """The view that gives one command about one item; ``form`` reads what has to be said with it."""

    @signed_in
    @require_POST
    def give(request: HttpRequest, slug: str, key: str) -> HttpResponse:
        visit = enter_to_act(request, slug)
        item = item_of(visit, key)
        said: dict[str, Any] = {}
        if form is not None:
            typed = form(request.POST)
            if not typed.is_valid():
                return _not_said(request, typed, item.get_absolute_url())
            said = typed.cleaned_data
        return carry_out(
            request,
            lambda: service(item=item, by=visit.person, **said),
            done=f"{done} {item.number} {item.title}.",
            back_to=reverse("runbook", args=[slug]),
        )

    return give


def _not_said(request: HttpRequest, form: forms.Form, back_to: str) -> HttpResponse:
    for errors in form.errors.values():
        messages.error(request, " ".join(str(error) for error in errors) + " Nothing was changed.")
    return redirect(where_from(request, back_to))


urlpatterns = [
    path("runbook/", runbook, name="runbook"),
    path("items/<slug:key>/tick/", _command(services.tick_item, done="Ticked"), name="item-tick"),
    path(
        "items/<slug:key>/untick/",
        _command(services.untick_item, form=ReasonForm, done="Took the tick back from"),
        name="item-untick",
    ),
    path(
        "items/<slug:key>/skip/",
        _command(services.skip_item, form=ReasonForm, done="Skipped"),
        name="item-skip",
    ),
    path(
        "items/<slug:key>/unskip/",
        _command(services.unskip_item, form=ReasonForm, done="Took the skip back from"),
        name="item-unskip",
    ),
    path(
        "items/<slug:key>/claim/", _command(services.claim_item, done="You take care of"), name="item-claim"
    ),
    path(
        "items/<slug:key>/release/",
        _command(services.release_item, done="Anyone may now do"),
        name="item-release",
    ),
    path(
        "items/<slug:key>/note/",
        _command(services.add_note, form=NoteForm, done="Noted on"),
        name="item-note",
    ),
]
