"""The list of cutovers, one cutover's overview, ordering its rollback, closing it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from checklists import services
from checklists.board import Board, PhaseView, PreflightCounts, WindowState, allowed_commands
from checklists.comparisons.trend import with_counts
from checklists.forecast import Forecast, find_outcomes, find_rollback_costs, make_forecast
from checklists.forms.items import CloseForm, RollbackForm
from checklists.models import Attempt, Cutover, Item
from checklists.overview.main_clocks import find_main_clocks
from checklists.overview.mission_control import (
    find_next_gate,
    find_running,
    find_waits,
    next_points_of_no_return,
)
from checklists.services import CommandRefused
from checklists.states import ChangeKind, ItemState, MemberPart
from checklists.status import headline, plain_status
from checklists.timeline import PAGE, WALL, draw_timeline
from checklists.views.access import (
    Visit,
    get_person,
    get_visit,
    get_visit_for_command,
    load_board,
    render_page,
    require_sign_in,
    show_refusal,
)
from checklists.views.overview_rows import gate_row, phase_row

RECENT_ENTRIES = 8  # of the record, on the overview


@require_sign_in
@require_GET
def cutovers(request: HttpRequest) -> HttpResponse:
    """The cutovers that the person may see; the open ones with headline and progress.

    Who only watches one open cutover is led to its page for everyone; ``?all`` shows the list to them, too.
    """
    person = get_person(request)
    if "all" not in request.GET and (watched := _only_watched(person)):
        return redirect("status", watched.slug)
    seen = Cutover.objects.visible_to(person).order_by("-created_at")
    boards = [
        load_board(cutover, person) for cutover in seen.filter(closed_at=None).select_related("runbook")
    ]
    return render_page(
        request,
        "cutover_list.html",
        open=[
            {
                "cutover": b.cutover,
                "headline": headline.headline(b),
                "only_watches": _is_stakeholder(b, request),
                **_progress(headline.forward_phases(b)),
            }
            for b in boards
        ],
        closed=seen.exclude(closed_at=None),
    )


def _only_watched(person: User) -> Cutover | None:
    """The one open cutover that the person sees, if they are a stakeholder there."""
    open_ones = list(Cutover.objects.visible_to(person).filter(closed_at=None)[:2])
    if len(open_ones) != 1:
        return None
    watches = open_ones[0].members.filter(person=person, part=MemberPart.STAKEHOLDER)
    return open_ones[0] if watches.exists() else None


def _is_stakeholder(board: Board, request: HttpRequest) -> bool:
    member = board.member(request.user)
    return member is not None and member.part == MemberPart.STAKEHOLDER


def _progress(phases: list[PhaseView]) -> dict[str, int]:
    return {"done": sum(phase.done for phase in phases), "total": sum(phase.total for phase in phases)}


@require_sign_in
@require_GET
def cutover(request: HttpRequest, slug: str) -> HttpResponse:
    """Mission control: the clocks, the timeline, what runs, who is waited for, what is true now.

    ``?wall`` is the same for a screen that people read from across a room.
    """
    visit = get_visit(request, slug)
    board = Board.load_for_page(visit.cutover)
    forecast = make_forecast(board)
    on_wall = "wall" in request.GET
    shown = {
        "board": board,
        "headline": headline.headline(board),
        "forecast": forecast,
        "clocks": find_main_clocks(board, forecast),
        "timeline": draw_timeline(board, forecast, WALL if on_wall else PAGE),
        "people_waited_for": find_waits(board, forecast, visit.person),
        "running": find_running(board, forecast, with_logs=visit.sees_logs and not on_wall),
        "next_gate": find_next_gate(board, forecast),
        "window": WindowState.at(visit.cutover, board.now),
        "frozen_since": plain_status.frozen_since(board),
        **_current_facts(board),
    }
    if on_wall:
        return render_page(request, "wall.html", visit, **shown)
    return render_page(request, "cutover.html", visit, **shown, **_rest_of_overview(visit, board, forecast))


def _current_facts(board: Board) -> dict[str, Any]:
    """What is true now: each with its age."""
    return {
        "costs": find_rollback_costs(board),
        "backup": board.cutover.backups.select_related("attempt").first(),
        "parity": _latest_parity(board.cutover),
        "preflight": PreflightCounts.load(board.cutover),
        "service": plain_status.service_health(board),
    }


def _rest_of_overview(visit: Visit, board: Board, forecast: Forecast) -> dict[str, Any]:
    """What is needed less often, and has no room on the wall."""
    waiting = list(visit.cutover.change_requests.waiting())
    ended = not visit.cutover.is_open
    return {
        "no_return": next_points_of_no_return(board, forecast),
        "phases": [phase_row(phase, board.cutover) for phase in headline.ordered_phases(board)],
        "gates": [gate_row(view, board.cutover) for view in board.gates],
        "outcomes": find_outcomes(board, forecast.times, forecast.measurements) if ended else [],
        "change_requests": waiting,
        "runbook_unconfirmed": _is_unconfirmed(board),
        "ask_for_confirmation": not any(one.kind == ChangeKind.RUNBOOK for one in waiting),
        "recent": visit.cutover.record.order_by("-seq")[:RECENT_ENTRIES],
    }


def _done_for_good(board: Board) -> list[Item]:
    """What was done and nothing takes back: the old service may find it gone after a rollback."""
    return [
        view.item for view in board.items.values() if view.item.irreversible and view.state == ItemState.DONE
    ]


def _is_unconfirmed(board: Board) -> bool:
    production = board.rows.production
    return board.cutover.is_open and production is not None and not production.is_confirmed


def _latest_parity(cutover: Cutover) -> Attempt | None:
    """The latest attempt that compared tables, with the annotations of `with_counts`."""
    compared = with_counts(Attempt.objects.filter(cutover=cutover))
    return compared.order_by("-ended_at", "-queued_at").first()


@require_sign_in
@require_http_methods(["GET", "POST"])
def rollback(request: HttpRequest, slug: str) -> HttpResponse:
    """Orders the rollback; the form asks for the reason and the password, the page says what it would do."""
    visit = get_visit_for_command(request, slug)
    form = RollbackForm(request.POST if request.method == "POST" else None, request=request)
    if request.method == "POST" and form.is_valid():
        try:
            still_held = services.order_rollback(
                cutover=visit.cutover, by=visit.person, reason=form.cleaned_data["reason"]
            )
        except CommandRefused as refusal:
            show_refusal(request, refusal)
            return redirect("cutover", slug)
        done = "The rollback is ordered. Nothing forward starts any more."
        if still_held:
            done += f" {len(still_held)} attempts still hold what they work on; wait for them."
        messages.success(request, done)
        return redirect("cutover", slug)
    board = Board.load_for_page(visit.cutover)
    costs = [
        {"cost": cost, "may_start": "start" in allowed_commands(visit.member, cost.view, board)}
        for cost in find_rollback_costs(board)
    ]
    steps = board.rollback_steps()
    context = {
        "board": board,
        "form": form,
        "plan": [view for view, why in steps if not why],
        "not_needed": [(view, why) for view, why in steps if why],
        "stays": _done_for_good(board),
        "forecast": make_forecast(board),
        "costs": costs,
    }
    return render_page(request, "rollback.html", visit, status=422 if form.errors else 200, **context)


@require_sign_in
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, slug: str) -> HttpResponse:
    """Closes the cutover as completed, rolled back or abandoned; asks for the password."""
    visit = get_visit_for_command(request, slug)
    _require_lead(visit)
    form = CloseForm(request.POST if request.method == "POST" else None, request=request)
    if request.method == "POST" and form.is_valid():
        try:
            services.close_cutover(
                cutover=visit.cutover,
                status=form.cleaned_data["status"],
                by=visit.person,
                reason=form.cleaned_data["reason"],
            )
        except CommandRefused as refusal:
            show_refusal(request, refusal)
            return redirect("cutover-close", slug)
        messages.success(request, "The cutover is closed.")
        return redirect("cutover", slug)
    return render_page(request, "close.html", visit, status=422 if form.errors else 200, form=form)


def _require_lead(visit: Visit) -> None:
    if visit.member is None or not visit.member.may_act:
        raise PermissionDenied("Only a migration lead closes a cutover.")


urlpatterns = [
    path("", cutover, name="cutover"),
    path("rollback/", rollback, name="cutover-rollback"),
    path("close/", close, name="cutover-close"),
]
