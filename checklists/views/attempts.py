"""What people do to a running or lost attempt: stop it, look at it, decide what it did."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods

from checklists import services
from checklists.forms.attempts import ReconcileForm
from checklists.models import Attempt
from checklists.views.access import Visit, carry_out, enter_to_act, signed_in, tell, where_from
from checklists.views.items import item_page


def _attempt(visit: Visit, attempt_id: UUID) -> Attempt:
    found = Attempt.objects.filter(cutover=visit.cutover, pk=attempt_id).select_related("item__phase").first()
    if found is None:
        raise Http404("This cutover has no such attempt.")
    found.cutover = found.item.cutover = visit.cutover
    return found


@signed_in
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """Asks a queued or running attempt to stop."""
    visit = enter_to_act(request, slug)
    attempt = _attempt(visit, attempt_id)
    if request.method != "POST":  # somebody signed in again on the way here
        return redirect(attempt)
    return carry_out(
        request,
        lambda: services.cancel_attempt(attempt=attempt, by=visit.person),
        done=f"Asked {attempt.item.number} {attempt.item.title} to stop.",
        back_to=attempt.item.get_absolute_url(),
    )


@signed_in
@require_http_methods(["GET", "POST"])
def probe(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """Has a worker look at what an attempt of unknown ending did; changes nothing."""
    visit = enter_to_act(request, slug)
    attempt = _attempt(visit, attempt_id)
    if request.method != "POST":  # somebody signed in again on the way here
        return redirect(attempt)
    return carry_out(
        request,
        lambda: services.ask_probe(attempt=attempt, by=visit.person),
        done="Looking. What the probe sees appears here in a few seconds.",
        back_to=attempt.item.get_absolute_url(),
    )


@signed_in
@require_http_methods(["GET", "POST"])
def reconcile(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """Decides what an attempt of unknown ending has done."""
    visit = enter_to_act(request, slug)
    attempt = _attempt(visit, attempt_id)
    if request.method != "POST":
        return redirect(attempt)
    form = ReconcileForm(request.POST)
    if not form.is_valid():
        return item_page(request, visit, attempt.item, reconcile_form=form)
    try:
        services.reconcile_attempt(attempt=attempt, by=visit.person, **form.cleaned_data)
    except services.Refused as refusal:
        tell(request, refusal)
        return item_page(request, visit, attempt.item, reconcile_form=form)
    messages.success(request, f"{attempt.item.number} {attempt.item.title} is reconciled.")
    return redirect(where_from(request, attempt.item.get_absolute_url()))


urlpatterns = [
    path("attempts/<uuid:attempt_id>/cancel/", cancel, name="attempt-cancel"),
    path("attempts/<uuid:attempt_id>/probe/", probe, name="attempt-probe"),
    path("attempts/<uuid:attempt_id>/reconcile/", reconcile, name="attempt-reconcile"),
]
