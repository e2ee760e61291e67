"""Amending the runbook of an open cutover, and the changes that wait for a second person."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from checklists import services
from checklists.forms.amending import AmendForm, ConfirmForm, RejectForm, sha256_of
from checklists.models import ChangeRequest, Runbook, Tick
from checklists.runbook import FieldChange, compare_documents, read_definitions
from checklists.services import Amendment, CommandRefused
from checklists.states import ChangeKind
from checklists.views.access import (
    Visit,
    get_visit,
    get_visit_for_command,
    render_page,
    require_sign_in,
    show_refusal,
)
from checklists.views.field_diff import DiffLine, diff_of


@dataclass(frozen=True)
class ShownItem:
    """One item that differs, as the page shows it."""

    number: str
    title: str
    change: str
    fields: list[tuple[str, list[DiffLine]]]
    again: bool  # it was done, and has to be done again


@dataclass(frozen=True)
class ShownAmendment:
    """The differences between the present runbook and another text."""

    items: list[ShownItem]
    settings: list[tuple[str, list[DiffLine]]]
    voided_gates: list[str]  # “3.9 Go or no-go for the schema”
    obstacles: list[str]


@require_sign_in
@require_http_methods(["GET", "POST"])
def amend(request: HttpRequest, slug: str) -> HttpResponse:
    """Compares a new text with the runbook and, on the second press, amends it or requests that."""
    visit = get_visit_for_command(request, slug)
    if visit.member is None or not visit.member.may_act:
        raise PermissionDenied("Only a migration lead amends the runbook.")
    if request.method != "POST":
        form = AmendForm(initial={"text": visit.cutover.runbook.text})
        return render_page(request, "amend.html", visit, form=form)
    form = AmendForm(request.POST, request.FILES)
    if not form.is_valid():
        return render_page(request, "amend.html", visit, status=422, form=form)
    try:
        if "amend" in request.POST and form.was_compared:
            return _amend(request, visit, form)
        return _show_comparison(request, visit, form)
    except CommandRefused as refusal:
        form.add_error("text", str(refusal))
        return render_page(request, "amend.html", visit, status=422, form=form)


def _amend(request: HttpRequest, visit: Visit, form: AmendForm) -> HttpResponse:
    text, reason = form.cleaned_data["text"], form.cleaned_data["reason"]
    asked = services.amend_runbook(cutover=visit.cutover, text=text, reason=reason, by=visit.person)
    if asked is None:
        messages.success(request, "The runbook is amended. What changed has to be done again.")
        return redirect("runbook", visit.cutover.slug)
    messages.success(request, "Requested. Nothing changes before a second person confirms it.")
    return redirect(asked)


def _show_comparison(request: HttpRequest, visit: Visit, form: AmendForm) -> HttpResponse:
    """The form again, with the text that was compared and its differences above it."""
    text = form.cleaned_data["text"]
    plan = services.plan_amendment(cutover=visit.cutover, text=text)
    shown = AmendForm(
        initial={"text": text, "reason": form.cleaned_data["reason"], "compared": sha256_of(text)}
    )
    return render_page(request, "amend.html", visit, form=shown, amendment=_show(visit, plan))


def _show(visit: Visit, plan: Amendment) -> ShownAmendment:
    numbers = {item.key: item.number for item in plan.document.items}
    numbers |= dict(visit.cutover.items.current().values_list("key", "number"))
    titles = {item.key: item.title for item in plan.document.items}
    return ShownAmendment(
        items=[
            ShownItem(
                number=numbers[change.key],
                title=change.title,
                change=change.change,
                fields=_show_fields(change.fields),
                again=change.key in plan.again,
            )
            for change in plan.changes.items
        ],
        settings=_show_fields(plan.changes.settings),
        voided_gates=sorted(f"{numbers[key]} {titles[key]}" for key in plan.voided_gates),
        obstacles=plan.obstacles,
    )


def _show_since_confirmed(found: ChangeRequest) -> ShownAmendment:
    """What differs from the text that was confirmed last."""
    texts = [Runbook.objects.get(sha256=found.payload[name]).text for name in ("before", "after")]
    before, after = map(read_definitions, texts)
    numbers = {item.key: item.number for document in (before, after) for item in document.items}
    changes = compare_documents(before, after)
    items = [
        ShownItem(numbers[one.key], one.title, one.change, _show_fields(one.fields), again=False)
        for one in changes.items
    ]
    return ShownAmendment(items, _show_fields(changes.settings), voided_gates=[], obstacles=[])


def _show_fields(changes: tuple[FieldChange, ...]) -> list[tuple[str, list[DiffLine]]]:
    return [(change.name.replace("_", " "), diff_of(change)) for change in changes]


def _get_request(visit: Visit, pk: int) -> ChangeRequest:
    found = visit.cutover.change_requests.select_related("requested_by", "decided_by").filter(pk=pk).first()
    if found is None:
        raise Http404("This cutover has no such request.")
    found.cutover = visit.cutover
    return found


@require_sign_in
@require_GET
def change_request(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """One requested change: what it would do, who requested it, and what this person may decide."""
    visit = get_visit(request, slug)
    return _render_request(request, visit, _get_request(visit, pk))


def _render_request(
    request: HttpRequest, visit: Visit, found: ChangeRequest, *, status: int = 200, **forms: object
) -> HttpResponse:
    amendment = None
    if found.is_open and found.kind == ChangeKind.AMENDMENT:
        runbook = Runbook.objects.get(sha256=found.payload["after"])
        amendment = _show(visit, services.plan_amendment(cutover=visit.cutover, text=runbook.text))
    if found.is_open and found.kind == ChangeKind.RUNBOOK and found.payload["before"]:
        amendment = _show_since_confirmed(found)
    context = {
        "change": found,
        "details": services.describe_change(found) if found.is_open else [],
        "risk": services.get_rule(found.kind).risk,
        "amendment": amendment,
        "tick": Tick.objects.with_details().select_related("item__cutover").filter(request=found).first(),
        "may": services.may_decide(found, visit.member) if visit.cutover.is_open else "",
        "confirm_form": ConfirmForm(request=request),
        "reject_form": RejectForm(),
        "live_url": found.get_absolute_url(),
    }
    return render_page(request, "change_request.html", visit, status=status, **(context | forms))


@require_sign_in
@require_POST
def confirm(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Confirms a requested change, which is carried out at once."""
    visit = get_visit_for_command(request, slug)
    found = _get_request(visit, pk)
    form = ConfirmForm(request.POST, request=request)
    if not form.is_valid():
        return _render_request(request, visit, found, status=422, confirm_form=form)
    try:
        services.confirm_change(request=found, by=visit.person)
    except CommandRefused as refusal:
        show_refusal(request, refusal)
        return redirect(found)
    if found.kind == ChangeKind.TICK:
        messages.success(request, f"Confirmed. {found.summary} is done.")
    else:
        messages.success(request, services.get_rule(found.kind).done)
    return redirect("runbook", slug)


@require_sign_in
@require_POST
def reject(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Declines a requested change, or withdraws it; nothing is changed."""
    visit = get_visit_for_command(request, slug)
    found = _get_request(visit, pk)
    form = RejectForm(request.POST)
    if not form.is_valid():
        return _render_request(request, visit, found, status=422, reject_form=form)
    try:
        services.reject_change(request=found, by=visit.person, reason=form.cleaned_data["reason"])
    except CommandRefused as refusal:
        show_refusal(request, refusal)
    else:
        messages.success(request, "Nothing was changed, and everybody can see why.")
    return redirect(found)


urlpatterns = [
    path("runbook/amend/", amend, name="amend"),
    path("changes/<int:pk>/", change_request, name="change-request"),
    path("changes/<int:pk>/confirm/", confirm, name="change-confirm"),
    path("changes/<int:pk>/reject/", reject, name="change-reject"),
]
