"""The cutovers, one cutover, what everybody may see of it, and turning it round or closing it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from checklists import services, situation
from checklists.forecast import forecast
from checklists.forms.items import CloseForm, RollbackForm
from checklists.gates import Board, PhaseView
from checklists.models import Attempt, Cutover
from checklists.services import Refused
from checklists.states import Part
from checklists.views.access import Visit, enter, enter_to_act, page, person_of, signed_in, tell

#: How many entries of the record a cutover's page shows.
LATELY = 8


@signed_in
@require_GET
def cutovers(request: HttpRequest) -> HttpResponse:
    """The cutovers that the person may see; the open ones with where they are."""
    person = person_of(request)
    seen = Cutover.objects.visible_to(person).order_by("-created_at")
    boards = [Board.of(cutover) for cutover in seen.filter(closed_at=None).select_related("runbook")]
    return page(
        request,
        "cutover_list.html",
        open=[
            {"cutover": b.cutover, "headline": situation.headline(b), "watches": _only_watches(b, request)}
            | _done(situation.forward_phases(b))
            for b in boards
        ],
        closed=seen.exclude(closed_at=None),
    )


def _only_watches(board: Board, request: HttpRequest) -> bool:
    member = board.member(request.user)
    return member is not None and member.part == Part.STAKEHOLDER


def _done(phases: list[PhaseView]) -> dict[str, int]:
    return {"done": sum(phase.done for phase in phases), "total": sum(phase.total for phase in phases)}


@signed_in
@require_GET
def cutover(request: HttpRequest, slug: str) -> HttpResponse:
    """Where are we, what runs, what waits for whom, what do we know."""
    visit = enter(request, slug)
    board = Board.of(visit.cutover)
    return page(
        request,
        "cutover.html",
        visit,
        board=board,
        headline=situation.headline(board),
        phases=situation.shown_phases(board),
        waits=situation.by_people(situation.waits(board), visit.person),
        forecast=forecast(board),
        backup=visit.cutover.backups.select_related("attempt").first(),
        parity=_latest_parity(visit.cutover),
        frozen_since=situation.frozen_since(board),
        lately=visit.cutover.record.order_by("-seq")[:LATELY],
    )


def _latest_parity(cutover: Cutover) -> Attempt | None:
    """The latest attempt that compared tables, with how many there were and how many are equal."""
    compared = Attempt.objects.filter(cutover=cutover, parity_results__isnull=False)
    counted = compared.annotate(
        tables=Count("parity_results"), equal=Count("parity_results", filter=Q(parity_results__equal=True))
    )
    return counted.order_by("-ended_at", "-queued_at").first()


@signed_in
@require_GET
def status(request: HttpRequest, slug: str) -> HttpResponse:
    """For everybody who watches: no jargon, no buttons."""
    visit = enter(request, slug)
    board = Board.of(visit.cutover)
    return page(
        request,
        "stakeholder.html",
        visit,
        board=board,
        sentence=situation.plainly(board),
        phases=situation.shown_phases(board),
        now_in=situation.phase_now(board),
        forecast=forecast(board),
        service=situation.service(board),
        frozen_since=situation.frozen_since(board),
    )


@signed_in
@require_http_methods(["GET", "POST"])
def rollback(request: HttpRequest, slug: str) -> HttpResponse:
    """Ordering the rollback: what it does, why, and the password again."""
    visit = enter_to_act(request, slug)
    form = RollbackForm(request.POST if request.method == "POST" else None, request=request)
    if request.method == "POST" and form.is_valid():
        try:
            still = services.order_rollback(
                cutover=visit.cutover, by=visit.person, reason=form.cleaned_data["reason"]
            )
        except Refused as refusal:
            tell(request, refusal)
            return redirect("cutover", slug)
        words = f" {len(still)} attempts still hold what they work on; wait for them." if still else ""
        messages.success(request, f"The rollback is ordered. Nothing forward starts any more.{words}")
        return redirect("cutover", slug)
    board = Board.of(visit.cutover)
    context = {"board": board, "form": form, "plan": board.plan_back(), "forecast": forecast(board)}
    return page(request, "rollback.html", visit, status=422 if form.errors else 200, **context)


@signed_in
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, slug: str) -> HttpResponse:
    """Declaring the cutover completed, rolled back or abandoned, with the password again."""
    visit = enter_to_act(request, slug)
    _only_leads(visit)
    form = CloseForm(request.POST if request.method == "POST" else None, request=request)
    if request.method == "POST" and form.is_valid():
        try:
            services.close_cutover(
                cutover=visit.cutover,
                status=form.cleaned_data["status"],
                by=visit.person,
                reason=form.cleaned_data["reason"],
            )
        except Refused as refusal:
            tell(request, refusal)
            return redirect("cutover-close", slug)
        messages.success(request, "The cutover is closed.")
        return redirect("cutover", slug)
    return page(request, "close.html", visit, status=422 if form.errors else 200, form=form)


def _only_leads(visit: Visit) -> None:
    if visit.member is None or not visit.member.may_act:
        raise PermissionDenied("Only a migration lead closes a cutover.")


urlpatterns = [
    path("", cutover, name="cutover"),
    path("status/", status, name="status"),
    path("rollback/", rollback, name="cutover-rollback"),
    path("close/", close, name="cutover-close"),
]
