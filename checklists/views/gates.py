"""A gate: the evidence, what stands in the way, the seats, and the sign-off."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from checklists import services
from checklists.forms.gates import SignForm
from checklists.gates import Board, Fact, ItemView, why_not_sign
from checklists.models import Evidence, Item, SignOff
from checklists.states import ItemKind
from checklists.views.access import Visit, enter, enter_to_act, item_of, page, signed_in


@signed_in
@require_GET
def gate(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """The gate as it stands, with an empty form for whoever may sign."""
    visit = enter(request, slug)
    found = item_of(visit, key)
    if found.kind != ItemKind.GATE:
        return redirect(found.get_absolute_url())
    board = Board.of(visit.cutover)
    view = board.items[found.key]
    return page(request, "gate.html", visit, **_shown(request, visit, board, view))


def _shown(request: HttpRequest, visit: Visit, board: Board, view: ItemView) -> dict[str, Any]:
    member = visit.member if board.cutover.is_open and visit.member and visit.member.may_sign else None
    why_not = why_not_sign(member, view) if member else ""
    form = SignForm(request=request, view=view, member=member) if member and not why_not else None
    assert view.gate is not None
    asked = {fact.item.pk for fact in view.gate.facts}
    return {
        "board": board,
        "view": view,
        "item": view.item,
        "gate": view.gate,
        "facts": _with_evidence(view),
        "other_blockers": [b for b in view.gate.blockers if b.item is None or b.item.pk not in asked],
        "form": form,
        "why_not": why_not,
        "behind": [v for v in board.items.values() if view.item.key in v.item.needs],
        "history": list(SignOff.objects.filter(gate=view.item).select_related("person").order_by("-id")),
        "live_url": view.item.get_absolute_url(),
    }


def _with_evidence(view: ItemView) -> list[tuple[Fact, dict[str, Any]]]:
    """Each fact with what its attempt left, read with one query however many there are."""
    assert view.gate is not None
    wanted = [fact.evidence.pk for fact in view.gate.facts if fact.evidence]
    left = dict(Evidence.objects.filter(pk__in=wanted).values_list("pk", "facts"))
    return [(fact, left.get(fact.evidence.pk, {}) if fact.evidence else {}) for fact in view.gate.facts]


@signed_in
@require_http_methods(["GET", "POST"])
def sign(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Signs in one seat, after the password was given again; what is refused keeps what was written."""
    visit = enter_to_act(request, slug)
    found = item_of(visit, key)
    if visit.member is None or found.kind != ItemKind.GATE:
        raise Http404("This is no gate.")
    if request.method != "POST":  # somebody signed in again on the way here
        return redirect(found)
    view = Board.of(visit.cutover).items[found.key]
    form = SignForm(request.POST, request=request, view=view, member=visit.member)
    if not form.is_valid():
        return _again(request, visit, found, form)
    try:
        services.sign_gate(gate=found, by=visit.person, **form.signed())
    except services.Refused as refusal:
        form.add_error(None, str(refusal))
        return _again(request, visit, found, form)
    messages.success(request, "Signed.")
    return redirect(found)


def _again(request: HttpRequest, visit: Visit, found: Item, form: SignForm) -> HttpResponse:
    """The gate as it is now, with what was written; a signature counts for this evidence, not the former."""
    board = Board.of(visit.cutover)
    view = board.items[found.key]
    shown = _shown(request, visit, board, view)
    if shown["form"] is not None:
        shown["form"] = form.on(view)
    else:
        shown["unsigned"] = form
    status = 200 if request.headers.get("HX-Request") else 422
    return page(request, "gate.html", visit, status=status, **shown)


urlpatterns = [
    path("gates/<slug:key>/", gate, name="gate"),
    path("gates/<slug:key>/sign/", sign, name="gate-sign"),
]
