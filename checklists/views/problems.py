"""The page of what a cutover has found: results of the preflight, and items that ended red."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from checklists import services
from checklists.board import Board, PreflightState, find_dissents, find_problems
from checklists.board.same_findings import group_same
from checklists.views.access import (
    get_visit,
    get_visit_for_command,
    render_page,
    require_sign_in,
    run_command,
)


@require_sign_in
@require_GET
def problems(request: HttpRequest, slug: str) -> HttpResponse:
    """What is known to be wrong: results of the preflight, the items that ended red, and people's notes."""
    visit = get_visit(request, slug)
    board = Board.load_for_page(visit.cutover)
    items = {key: view.item for key, view in board.items.items()}
    preflight = PreflightState.load(visit.cutover, board.now, items)
    found = find_problems(board, preflight)
    dissents = find_dissents(board)
    return render_page(
        request,
        "problems.html",
        visit,
        now=board.now,
        problems=found,
        unsettled=sum(not problem.is_settled for problem in found),
        preflight=preflight,
        findings={"bad": group_same(preflight.bad), "amber": group_same(preflight.amber)},
        dissents=dissents,
        no_gos_open=sum(one.answer is None for one in dissents),
    )


@require_sign_in
@require_POST
def run_preflight(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks for a preflight; the page shows how far it is."""
    visit = get_visit_for_command(request, slug)
    return run_command(
        request,
        lambda: services.request_preflight(cutover=visit.cutover, by=visit.person),
        done="The preflight is asked for. What it finds appears here in some seconds.",
        back_to=reverse("problems", args=[slug]),
    )


urlpatterns = [
    path("problems/", problems, name="problems"),
    path("preflight/", run_preflight, name="preflight-run"),
]
