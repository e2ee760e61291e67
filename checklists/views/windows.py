"""What production asks a second person for: its runbook, its window, an earlier start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST

from checklists import services
from checklists.forms.changes import ChangeForm, WindowForm
from checklists.models import ChangeRequest
from checklists.services import CommandRefused
from checklists.states import ChangeKind
from checklists.views.access import (
    Visit,
    get_item,
    get_visit_for_command,
    render_page,
    require_sign_in,
    run_command,
)


def request_from_form(
    request: HttpRequest,
    visit: Visit,
    form: ChangeForm,
    command: Callable[..., ChangeRequest | None],
    *,
    done: str,
    **page: Any,
) -> HttpResponse:
    """Shows the form of a change or, when it was sent, requests the change and goes to the request.

    ``done`` is said when the change was carried out at once, in a rehearsal. ``page``: ``title``,
    ``explanation``, ``risk``, ``button`` and ``back_to``; ``nothing_to_do`` stands in place of the form.
    """
    if request.method == "POST" and form.is_valid():
        fields = {name: value for name, value in form.cleaned_data.items() if name != "password"}
        try:
            asked = command(**fields, by=visit.person)
        except CommandRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            second = "Requested. Nothing changes before a second person confirms it."
            messages.success(request, second if asked else done)
            return redirect(asked or page["back_to"])
    status = 422 if form.errors else 200
    return render_page(request, "change_form.html", visit, status=status, form=form, **page)


@require_sign_in
@require_http_methods(["GET", "POST"])
def window(request: HttpRequest, slug: str) -> HttpResponse:
    """Moves the window: in production when a second person confirms it."""
    visit = get_visit_for_command(request, slug)
    data = request.POST if request.method == "POST" else None
    return request_from_form(
        request,
        visit,
        WindowForm(data, request=request, cutover=visit.cutover),
        partial(services.move_window, cutover=visit.cutover),
        done="The window is moved.",
        title="Move the window",
        explanation="Forecast, checks and the refusal of early work use the new window.",
        button="Move the window" if visit.cutover.is_rehearsal else "Ask a second person",
        back_to=visit.cutover.get_absolute_url(),
    )


@require_sign_in
@require_http_methods(["GET", "POST"])
def start_early(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Requests that this one item may start before the window of production."""
    visit = get_visit_for_command(request, slug)
    found = get_item(visit, key)
    return request_from_form(
        request,
        visit,
        ChangeForm(request.POST if request.method == "POST" else None, request=request),
        partial(services.start_early, item=found),
        done="It may start.",
        title=f"Start {found.number} {found.title} before the window",
        explanation="It names this item alone, and it ends when the window is moved or the item is amended.",
        risk=services.get_rule(ChangeKind.EARLY_START).risk,
        button="Ask a second person",
        back_to=found.get_absolute_url(),
    )


@require_sign_in
@require_POST
def ask_confirmation(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks a second person to confirm the runbook's text, where opening the cutover did not."""
    visit = get_visit_for_command(request, slug)
    return run_command(
        request,
        lambda: services.request_runbook_confirmation(
            cutover=visit.cutover, reason="It is to run in production.", by=visit.person
        ),
        done="Requested. Nothing of this runbook runs before a second person confirms it.",
        back_to=visit.cutover.get_absolute_url(),
    )


urlpatterns = [
    path("runbook/confirmation/", ask_confirmation, name="change-ask-runbook"),
    path("window/", window, name="window"),
    path("items/<slug:key>/before-window/", start_early, name="item-start-early"),
]
