"""Opening a cutover from a runbook, and the people in it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods

from checklists import services
from checklists.forms.opening import OpenForm, PersonForm
from checklists.models import Cutover, Runbook
from checklists.services import Refused
from checklists.views.access import Visit, enter, enter_to_act, page, person_of, signed_in, tell


@signed_in
@require_http_methods(["GET", "POST"])
def open_cutover(request: HttpRequest) -> HttpResponse:
    """A new cutover from a runbook file; for those whom an admin gave the right to add cutovers."""
    person = person_of(request)
    if not person.has_perm("checklists.add_cutover"):
        raise PermissionDenied("You may not open a cutover. An admin of the panel can give you the right.")
    form = OpenForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            cutover = _open(form, request)
        except Refused as refusal:
            tell(request, refusal)
        else:
            messages.success(request, f"{cutover.title} is open. Now say who takes part in it.")
            return redirect("people", cutover.slug)
    status = 422 if form.errors else 200
    return page(request, "open_cutover.html", status=status, form=form)


def _open(form: OpenForm, request: HttpRequest) -> Cutover:
    person, data = person_of(request), form.cleaned_data
    runbook: Runbook = data["runbook"] or services.load_runbook(text=form.text, by=person)
    start, end = form.window()
    return services.open_cutover(
        runbook=runbook,
        kind=data["kind"],
        title=data["title"],
        slug=data["slug"],
        by=person,
        window_start=start,
        window_end=end,
        rehearsal_quorum=data["rehearsal_quorum"],
    )


@signed_in
@require_http_methods(["GET", "POST"])
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Who takes part, in which seats; a lead adds people and changes their parts."""
    if request.method == "POST":
        return _add_person(request, slug)
    visit = enter(request, slug)
    named = request.GET.get("person", "")
    member = visit.cutover.members.filter(person__username=named).first()
    form = PersonForm(cutover=visit.cutover, member=member)
    return page(request, "people.html", visit, **_people(visit), form=form)


def _add_person(request: HttpRequest, slug: str) -> HttpResponse:
    visit = enter_to_act(request, slug)
    form = PersonForm(request.POST, cutover=visit.cutover)
    if not form.is_valid():
        return page(request, "people.html", visit, status=422, **_people(visit), form=form)
    try:
        member = services.add_member(cutover=visit.cutover, by=visit.person, **form.cleaned_data)
    except Refused as refusal:
        tell(request, refusal)
    else:
        messages.success(request, f"{member.person.get_full_name() or member.person} takes part.")
    return redirect("people", slug)


def _people(visit: Visit) -> dict[str, Any]:
    return {
        "members": visit.cutover.members.select_related("person").order_by("part", "person__username"),
        "may_change": visit.member is not None and visit.member.may_act and visit.cutover.is_open,
        "seat_titles": visit.cutover.seat_titles,
    }


urlpatterns = [path("people/", people, name="people")]
