"""Ending a no-go from the page of its gate: withdrawing one's own, answering another person's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods

from checklists import services
from checklists.forms.gates import AnswerForm, WithdrawForm
from checklists.models import SignOff
from checklists.views.access import Visit, get_item, get_visit_for_command, require_sign_in
from checklists.views.gates import show_gate


@dataclass(frozen=True)
class _Ending:
    """One way to end a no-go: the form, the service with its argument for the text, and the notice."""

    form: type[AnswerForm] | type[WithdrawForm]
    service: Callable[..., object]
    argument: str
    done: str


WITHDRAWAL = _Ending(WithdrawForm, services.withdraw_no_go, "reason", "Your no-go is withdrawn.")
ANSWER = _Ending(AnswerForm, services.answer_no_go, "text", "Your answer stands beside the no-go.")


@require_sign_in
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, slug: str, key: str, number: int) -> HttpResponse:
    """Withdraws the person's own no-go."""
    return _end_no_go(request, slug, key, number, WITHDRAWAL)


@require_sign_in
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, slug: str, key: str, number: int) -> HttpResponse:
    """Answers another person's no-go in writing."""
    return _end_no_go(request, slug, key, number, ANSWER)


def _end_no_go(request: HttpRequest, slug: str, key: str, number: int, ending: _Ending) -> HttpResponse:
    visit = get_visit_for_command(request, slug)
    found = get_item(visit, key)
    no_go = _find_no_go(visit, key, number)
    if request.method != "POST":  # after signing in again, the browser comes back with a GET
        return redirect(found)
    form = ending.form(request.POST, request=request, auto_id=f"id_{number}_%s")
    if not form.is_valid():
        return show_gate(request, visit, found, ending_form=form, ending_of=number)
    try:
        ending.service(no_go=no_go, by=visit.person, **{ending.argument: form.cleaned_data["text"]})
    except services.CommandRefused as refusal:
        form.add_error(None, str(refusal))
        return show_gate(request, visit, found, ending_form=form, ending_of=number)
    messages.success(request, ending.done)
    return redirect(found)


def _find_no_go(visit: Visit, key: str, number: int) -> SignOff:
    of_gate = SignOff.objects.filter(gate__cutover=visit.cutover, gate__key=key, decision="NO_GO")
    found = of_gate.select_related("gate").filter(pk=number).first() if number < 2**63 else None
    if found is None:
        raise Http404("This gate has no such no-go.")
    return found


urlpatterns = [
    path("gates/<slug:key>/no-gos/<int:number>/withdraw/", withdraw, name="no-go-withdraw"),
    path("gates/<slug:key>/no-gos/<int:number>/answer/", answer, name="no-go-answer"),
]
