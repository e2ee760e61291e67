"""A gate: the evidence, what stands in the way, the seats, and the sign-off."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from checklists import services
from checklists.forms.gates import SignForm
from checklists.gates import Board, ItemView, seats_for, why_not_sign
from checklists.models import SignOff
from checklists.states import ItemKind
from checklists.views.access import Visit, carry_out, enter, enter_to_act, item_of, page, signed_in


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
    member = visit.member
    why_not = why_not_sign(member, view) if member and member.may_sign and board.cutover.is_open else ""
    form = None
    if member and member.may_sign and board.cutover.is_open and not why_not:
        form = SignForm(request=request, view=view, member=member)
    return {
        "board": board,
        "view": view,
        "item": view.item,
        "gate": view.gate,
        "form": form,
        "why_not": why_not,
        "my_seats": seats_for(member, view) if member else [],
        "behind": [v for v in board.items.values() if view.item.key in v.item.needs],
        "history": SignOff.objects.filter(gate=view.item).select_related("person").order_by("-id"),
    }


@signed_in
@require_POST
def sign(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Signs in one seat, after the password was given again."""
    visit = enter_to_act(request, slug)
    found = item_of(visit, key)
    if visit.member is None or found.kind != ItemKind.GATE:
        raise Http404("This is no gate.")
    board = Board.of(visit.cutover)
    view = board.items[found.key]
    form = SignForm(request.POST, request=request, view=view, member=visit.member)
    if not form.is_valid():  # shown again with what was written; only the password is gone
        shown = _shown(request, visit, board, view) | {"form": form}
        return page(request, "gate.html", visit, status=422, **shown)
    return carry_out(
        request,
        lambda: services.sign_gate(gate=found, by=visit.person, **form.signed()),
        done="Signed.",
        back_to=reverse("gate", args=[slug, key]),
    )


urlpatterns = [
    path("gates/<slug:key>/", gate, name="gate"),
    path("gates/<slug:key>/sign/", sign, name="gate-sign"),
]
