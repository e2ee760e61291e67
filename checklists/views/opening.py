"""Opening a cutover from a runbook, and the people in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_http_methods

from checklists import services
from checklists.forms.opening import OpenForm, PersonForm
from checklists.models import ChangeRequest, Cutover, Member, Runbook
from checklists.services import CommandRefused
from checklists.states import ChangeKind, MemberPart
from checklists.views.access import (
    Visit,
    get_person,
    get_visit,
    render_page,
    require_sign_in,
    show_refusal,
)


@require_sign_in
@require_http_methods(["GET", "POST"])
def open_cutover(request: HttpRequest) -> HttpResponse:
    """Opens a cutover from a runbook; needs the permission ``checklists.add_cutover``."""
    person = get_person(request)
    if not person.has_perm("checklists.add_cutover"):
        raise PermissionDenied("You may not open a cutover. An admin of the panel can give you the right.")
    form = OpenForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            cutover = _open_from_form(form, request)
        except CommandRefused as refusal:
            show_refusal(request, refusal)
        else:
            messages.success(request, f"{cutover.title} is open. Now say who takes part in it.")
            return redirect("people", cutover.slug)
    status = 422 if form.errors else 200
    return render_page(request, "open_cutover.html", status=status, form=form)


def _open_from_form(form: OpenForm, request: HttpRequest) -> Cutover:
    person, data = get_person(request), form.cleaned_data
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


@require_sign_in
@require_http_methods(["GET", "POST"])
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """The people of a cutover; a migration lead adds people and changes their parts, seats and roles."""
    if request.method == "POST":
        return _change_person(request, slug)
    visit = get_visit(request, slug)
    named = request.GET.get("person", "")
    member = visit.cutover.members.filter(person__username=named).first()
    form = PersonForm(request=request, cutover=visit.cutover, member=member)
    return render_page(request, "people.html", visit, **_people_context(visit), form=form)


def _change_person(request: HttpRequest, slug: str) -> HttpResponse:
    visit = get_visit(request, slug)
    if not visit.may_give_commands and not visit.person.is_superuser:
        raise PermissionDenied("You can see this cutover, but you cannot change anything in it.")
    form = PersonForm(request.POST, request=request, cutover=visit.cutover)
    if not form.is_valid():
        return render_page(request, "people.html", visit, status=422, **_people_context(visit), form=form)
    try:
        _show_change(request, form, _carry_out(visit, form))
    except CommandRefused as refusal:
        show_refusal(request, refusal)
    return redirect("people", slug)


def _carry_out(visit: Visit, form: PersonForm) -> Member | ChangeRequest | None:
    if form.removes:
        person, reason = form.cleaned_data["person"], form.cleaned_data["reason"]
        return services.remove_member(cutover=visit.cutover, person=person, reason=reason, by=visit.person)
    return services.add_member(cutover=visit.cutover, by=visit.person, **form.cleaned_data)


def _show_change(request: HttpRequest, form: PersonForm, changed: Member | ChangeRequest | None) -> None:
    person = form.cleaned_data["person"]
    name = person.get_full_name() or str(person)
    if isinstance(changed, ChangeRequest):
        messages.success(request, "Requested. Nothing changes before another migration lead confirms it.")
    else:
        messages.success(request, f"{name} {'takes part' if changed else 'no longer takes part'}.")


#: In which order the people of a cutover are listed.
_PARTS = [MemberPart.LEAD, MemberPart.APPROVER, MemberPart.STAKEHOLDER]


def _say_what_they_do(member: Member, cutover: Cutover, roles: Mapping[str, str]) -> str:
    parts = [member.get_part_display()]
    if member.seats:
        parts.append(f"may sit as {' or '.join(map(cutover.seat_title, member.seats))}")
    if member.roles:
        parts.append(f"owns the items of {', '.join(roles.get(role, role) for role in member.roles)}")
    return ", ".join(parts)


def _people_context(visit: Visit) -> dict[str, Any]:
    may_change = visit.person.is_superuser or (visit.member is not None and visit.member.may_act)
    requests = visit.cutover.change_requests.waiting().filter(kind=ChangeKind.MEMBER)
    members = visit.cutover.members.select_related("person").order_by("person__username")
    roles = visit.cutover.role_titles()
    ordered = sorted(members, key=lambda one: _PARTS.index(MemberPart(one.part)))
    return {
        "members": [(member, _say_what_they_do(member, visit.cutover, roles)) for member in ordered],
        "may_change": may_change and visit.cutover.is_open,
        "needs_two": services.is_set_up(visit.cutover) and not visit.person.is_superuser,
        "change_requests": requests,
        "seat_titles": visit.cutover.seat_titles,
    }


urlpatterns = [path("people/", people, name="people")]
