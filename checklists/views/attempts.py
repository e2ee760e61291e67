"""Commands about a running or lost attempt: cancel it, probe it, decide what it did."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods

from checklists import services
from checklists.forms.attempts import ReconcileForm
from checklists.models import Attempt
from checklists.views.access import (
    Visit,
    get_visit_for_command,
    next_url,
    require_sign_in,
    run_command,
    show_refusal,
)
from checklists.views.items import render_item_page


def _get_attempt(visit: Visit, attempt_id: UUID) -> Attempt:
    found = Attempt.objects.filter(cutover=visit.cutover, pk=attempt_id).select_related("item__phase").first()
    if found is None:
        raise Http404("This cutover has no such attempt.")
    found.cutover = found.item.cutover = visit.cutover
    return found


@require_sign_in
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """Asks a queued or running attempt to stop."""
    return _run_attempt_command(
        request, slug, attempt_id, services.cancel_attempt, done="Asked {item} to stop."
    )


@require_sign_in
@require_http_methods(["GET", "POST"])
def probe(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """Asks a worker to find out what an attempt of unknown outcome did; changes nothing."""
    return _run_attempt_command(
        request,
        slug,
        attempt_id,
        services.ask_probe,
        done="Probing. What the probe finds appears here in a few seconds.",
    )


def _run_attempt_command(
    request: HttpRequest, slug: str, attempt_id: UUID, service: Callable[..., object], *, done: str
) -> HttpResponse:
    visit = get_visit_for_command(request, slug)
    attempt = _get_attempt(visit, attempt_id)
    if request.method != "POST":
        # The session had ended: after signing in, the browser comes back to this address with a GET.
        return redirect(attempt)
    return run_command(
        request,
        lambda: service(attempt=attempt, by=visit.person),
        done=done.format(item=f"{attempt.item.number} {attempt.item.title}"),
        back_to=attempt.item.get_absolute_url(),
    )


@require_sign_in
@require_http_methods(["GET", "POST"])
def reconcile(request: HttpRequest, slug: str, attempt_id: UUID) -> HttpResponse:
    """Records a person's decision on what an attempt of unknown outcome did."""
    visit = get_visit_for_command(request, slug)
    attempt = _get_attempt(visit, attempt_id)
    if request.method != "POST":
        return redirect(attempt)
    form = ReconcileForm(request.POST, request=request)
    if not form.is_valid():
        return render_item_page(request, visit, attempt.item, reconcile_form=form)
    try:
        services.reconcile_attempt(attempt=attempt, by=visit.person, **form.cleaned_data)
    except services.CommandRefused as refusal:
        show_refusal(request, refusal)
        return render_item_page(request, visit, attempt.item, reconcile_form=form)
    messages.success(request, f"{attempt.item.number} {attempt.item.title} is reconciled.")
    return redirect(next_url(request, attempt.item.get_absolute_url()))


urlpatterns = [
    path("attempts/<uuid:attempt_id>/cancel/", cancel, name="attempt-cancel"),
    path("attempts/<uuid:attempt_id>/probe/", probe, name="attempt-probe"),
    path("attempts/<uuid:attempt_id>/reconcile/", reconcile, name="attempt-reconcile"),
]
