"""The runbook as a list: one row per item with one button, and the commands behind the buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from checklists import services
from checklists.board import Board, checks_never_seen_red, read_notes, voided_of
from checklists.forms.items import HandOverForm, NoteForm, ReasonForm
from checklists.views.access import (
    get_item,
    get_visit,
    get_visit_for_command,
    next_url,
    render_page,
    require_sign_in,
    run_command,
)
from checklists.views.runbook_filter import (
    BoardPeople,
    RunbookFilter,
    list_filters,
    list_people,
    list_roles,
    list_states,
)
from checklists.views.runbook_rows import RowBuilder, find_current_item


@require_sign_in
@require_GET
def runbook(request: HttpRequest, slug: str) -> HttpResponse:
    """All phases; the address filters and searches the items, ``?open=`` expands one of them in place."""
    visit = get_visit(request, slug)
    board = Board.load_for_page(visit.cutover)
    people = BoardPeople.read(board, visit.member)
    chosen = RunbookFilter.read(request.GET, people)
    address = reverse("runbook", args=[slug])
    rows = RowBuilder(
        visit,
        people,
        chosen,
        opened=request.GET.get("open", ""),
        list_url=f"{address}?{chosen.query()}",
        never_red=checks_never_seen_red(board),
        notes=read_notes(visit.cutover),
        void=[one for one in voided_of(board) if not board.items[one.gate.key].settled],
        current=find_current_item(board),
        token=get_token(request),
        page_url=request.get_full_path(),
    )
    return render_page(
        request,
        "runbook.html",
        visit,
        board=board,
        chosen=chosen,
        filters=list_filters(chosen, people, address),
        people=list_people(chosen, people),
        roles=list_roles(chosen, board),
        states=list_states(chosen, board),
        change_requests=visit.cutover.change_requests.waiting(),
        may_amend=visit.member is not None and visit.member.may_act and visit.cutover.is_open,
        **rows.context(),
    )


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
hand_over = _item_command(services.hand_over_item, form=HandOverForm, done="Handed over")
release = _item_command(services.release_item, done="Anyone may now do")
add_note = _item_command(services.add_note, form=NoteForm, done="Noted on")

urlpatterns = [
    path("runbook/", runbook, name="runbook"),
    path("items/<slug:key>/untick/", untick, name="item-untick"),
    path("items/<slug:key>/skip/", skip, name="item-skip"),
    path("items/<slug:key>/unskip/", unskip, name="item-unskip"),
    path("items/<slug:key>/claim/", claim, name="item-claim"),
    path("items/<slug:key>/hand-over/", hand_over, name="item-hand-over"),
    path("items/<slug:key>/release/", release, name="item-release"),
    path("items/<slug:key>/note/", add_note, name="item-note"),
]
