"""A gate: what a go allows, the evidence, the blockers, the seats and the sign-off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from checklists import services
from checklists.board import (
    Board,
    Dissent,
    Fact,
    ItemView,
    Trouble,
    answering_seats,
    checks_never_seen_red,
    compare_with_signed,
    items_decided_by,
    read_trouble,
    why_not_sign,
)
from checklists.board.gate_changes import MARK_WORDS, describe_changes, mark_of, snapshot_of
from checklists.forecast import find_rollback_costs, make_forecast
from checklists.forms.gates import AnswerForm, SignForm, WithdrawForm
from checklists.models import Evidence, Item, SignOff
from checklists.states import ItemKind
from checklists.status.pending_tasks import possible_signers
from checklists.views.access import (
    Visit,
    form_error_status,
    get_item,
    get_view,
    get_visit,
    get_visit_for_command,
    render_page,
    require_sign_in,
)


@require_sign_in
@require_GET
def gate(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """The gate as it stands, with an empty form for a person who may sign."""
    visit = get_visit(request, slug)
    board = Board.load_for_page(visit.cutover)
    view = get_view(visit, board, key)
    if view.item.kind != ItemKind.GATE:
        return redirect(view.item.get_absolute_url())
    return render_page(request, "gate.html", visit, **_gate_context(request, visit, board, view))


def _gate_context(request: HttpRequest, visit: Visit, board: Board, view: ItemView) -> dict[str, Any]:
    member = visit.member if board.cutover.is_open and visit.member and visit.member.may_sign else None
    why_not = why_not_sign(member, view) if member else ""
    form = (
        SignForm(request=request, gate=view.item, member=member, view=view)
        if member and not why_not
        else None
    )
    assert view.gate is not None
    with_evidence = {fact.item.pk for fact in view.gate.facts}
    mine = _my_signature(visit, view)
    return {
        "board": board,
        "view": view,
        "item": view.item,
        "gate": view.gate,
        "facts": _fact_rows(view, board),
        "forecast": make_forecast(board),
        "costs": find_rollback_costs(board),
        "changed": _changes_since_last_look(visit, view, board.now),
        "my_state": _my_state(visit, view, mine, form, why_not),
        "never_red": checks_never_seen_red(board),
        "other_blockers": [b for b in view.gate.blockers if b.item is None or b.item.pk not in with_evidence],
        "open_seats": [seat for seat in view.gate.seats if seat.sign_off is None],
        "waits_for": possible_signers(view, board),
        "my_signature": mine,
        "my_seat": board.cutover.seat_title(mine.seat) if mine else "",
        "irreversible": items_decided_by(view.item, board.items),
        "other_gaps": [gap for gap in view.gate.gaps if gap.item.pk not in with_evidence],
        "dissents": [_dissent_row(request, visit, board, view, one) for one in view.gate.dissents],
        "voided": compare_with_signed(view.gate),
        "form": form,
        "why_not": why_not,
        "opens_items": [v for v in board.items.values() if view.item.key in v.item.needs],
        "history": list(SignOff.objects.filter(gate=view.item).select_related("person").order_by("-id")),
        "live_url": view.item.get_absolute_url(),
    }


def _my_signature(visit: Visit, view: ItemView) -> SignOff | None:
    """The person's own sign-off, as far as it counts."""
    assert view.gate is not None
    counted = (seat.sign_off for seat in view.gate.seats if seat.sign_off)
    return next((one for one in counted if one.person_id == visit.person.pk), None)


@dataclass(frozen=True)
class DissentRow:
    """A no-go with the form by which this person may end it, and who else may answer it."""

    dissent: Dissent
    form: AnswerForm | WithdrawForm | None
    may_answer: list[User]


def _dissent_row(
    request: HttpRequest, visit: Visit, board: Board, view: ItemView, dissent: Dissent
) -> DissentRow:
    form: AnswerForm | WithdrawForm | None = None
    if board.cutover.is_open and visit.member and dissent.stands:
        auto_id = f"id_{dissent.no_go.pk}_%s"
        if dissent.no_go.person_id == visit.person.pk:
            form = WithdrawForm(request=request, auto_id=auto_id)
        elif answering_seats(visit.member, view, dissent):
            form = AnswerForm(request=request, auto_id=auto_id)
    may_answer = [m.person for m in board.members if answering_seats(m, view, dissent)]
    return DissentRow(dissent, form, may_answer)


@dataclass(frozen=True)
class ChangedSince:
    """What differs from the person's last visit, at that time."""

    at: datetime
    sentences: list[str]


def _changes_since_last_look(visit: Visit, view: ItemView, now: datetime) -> ChangedSince | None:
    """None on the first visit. What this visit shows is kept for the next one."""
    seen = snapshot_of(view)
    look = services.remember_look(gate=view.item, by=visit.person, seen=seen, now=now)
    if look.before_at is None:
        return None
    return ChangedSince(look.before_at, describe_changes(look.before, seen))


def _my_state(visit: Visit, view: ItemView, mine: SignOff | None, form: SignForm | None, why_not: str) -> str:
    """How the gate stands for this person: “signed”, “asked”, “asked again”, “cannot” or “watching”."""
    gate = view.gate
    assert gate is not None
    if mine:
        return "signed"
    if form:
        voided = any(void.sign_off.person_id == visit.person.pk for void in gate.voided)
        return "asked again" if voided else "asked"
    return "cannot" if why_not and not gate.passed and not gate.blockers else "watching"


@dataclass(frozen=True)
class GateFactRow:
    """One fact as the page shows it: with its mark, the words of it, what was found, and who answered it."""

    fact: Fact
    mark: str
    words: str
    evidence: dict[str, Any]
    trouble: Trouble | None


def _fact_rows(view: ItemView, board: Board) -> list[GateFactRow]:
    """Each fact with the evidence of its attempt and the notes on it, read with one query each for all."""
    gate = view.gate
    assert gate is not None
    ids = [fact.evidence.pk for fact in gate.facts if fact.evidence]
    found = {one.pk: one.facts for one in Evidence.objects.filter(pk__in=ids)}
    views = [board.items[fact.item.key] for fact in gate.facts]
    trouble = {one.view.item.key: one for one in read_trouble(board, views)}
    rows = []
    for fact in gate.facts:
        mark = mark_of(fact, has_passed=gate.passed is not None)
        evidence = found.get(fact.evidence.pk, {}) if fact.evidence else fact.handed_in
        rows.append(GateFactRow(fact, mark, MARK_WORDS[mark], evidence, trouble.get(fact.item.key)))
    return rows


@require_sign_in
@require_http_methods(["GET", "POST"])
def sign(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Signs in one seat after checking the password; a refused form is shown again with what was typed."""
    visit = get_visit_for_command(request, slug)
    found = get_item(visit, key)
    if visit.member is None or found.kind != ItemKind.GATE:
        raise Http404("This is no gate.")
    if request.method != "POST":  # after signing in again, the browser comes back with a GET
        return redirect(found)
    form = SignForm(request.POST, request=request, gate=found, member=visit.member)
    if not form.is_valid():
        return _show_form_again(request, visit, found, form)
    try:
        services.sign_gate(gate=found, by=visit.person, **form.sign_off_fields())
    except services.CommandRefused as refusal:
        form.add_error(None, str(refusal))
        return _show_form_again(request, visit, found, form)
    messages.success(request, "Signed.")
    return redirect(found)


def _show_form_again(request: HttpRequest, visit: Visit, found: Item, form: SignForm) -> HttpResponse:
    """The gate as it is now, with the form as it was typed.

    The form is bound to the evidence shown now: a signature must not count for evidence that nobody saw.
    """
    board = Board.load_for_page(visit.cutover)
    view = board.items[found.key]
    context = _gate_context(request, visit, board, view)
    if context["form"] is not None:
        context["form"] = form.rebind(view)
    else:  # meanwhile the person may not sign any more
        context["refused_form"] = form
    return render_page(request, "gate.html", visit, status=form_error_status(request), **context)


def show_gate(request: HttpRequest, visit: Visit, found: Item, **forms: Any) -> HttpResponse:
    """The gate as it is now, with a refused form of a no-go's ending."""
    board = Board.load_for_page(visit.cutover)
    context = _gate_context(request, visit, board, board.items[found.key])
    return render_page(request, "gate.html", visit, status=form_error_status(request), **context | forms)


urlpatterns = [
    path("gates/<slug:key>/", gate, name="gate"),
    path("gates/<slug:key>/sign/", sign, name="gate-sign"),
]
