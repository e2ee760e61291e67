"""Four eyes: nobody approves evidence that they made, decided or skipped; the database refuses it, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from checklists import services
from checklists.board import why_not_sign
from checklists.models import ChangeRequest, Cutover, GatePass, Member, SignOff
from checklists.services import CommandRefused
from checklists.services.ticks import HandedIn
from checklists.states import AttemptStatus, ItemState, MemberPart, Reconciliation
from tests.checklists.histories import RUNBOOK, admin, ended, item_of, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db

#: The gate rests on a check and on a manual item that a second person confirms.
TEXT = RUNBOOK.replace(
    "      - {key: go,",
    "      - {key: agree, title: Agree on it, kind: manual, owner: lead, how: x, needs: [announce],\n"
    "         requires: [second_person]}\n      - {key: go,",
).replace("{item: look, fresh_for: 30m}]", "{item: look, fresh_for: 30m}, {item: agree}]")
TEXT = TEXT.replace("kind: gate, owner: lead, needs: [look]", "kind: gate, owner: lead, needs: [look, agree]")


def with_leads(at: str = "announced") -> Cutover:
    """Efua and Kofi may also act; Ama and Esi are leads without a seat."""
    cutover = make_cutover(at, text=TEXT)
    for name, seats in (("efua", ["technical", "data"]), ("kofi", ["finance", "data"]), ("esi", [])):
        services.add_member(
            cutover=cutover, person=person(name), part=MemberPart.LEAD, seats=seats, by=admin()
        )
    return cutover


def agreed(cutover: Cutover, by: str = "ama", confirmed_by: str = "esi", on_behalf_of: str = "") -> None:
    given = HandedIn(on_behalf_of=person(on_behalf_of) if on_behalf_of else None)
    services.tick_item(item=item_of(cutover, "agree"), by=person(by), given=given)
    request = cutover.change_requests.waiting().get()
    services.confirm_change(request=request, by=person(confirmed_by))


def cancelled(cutover: Cutover) -> None:
    ended(cutover, "look", AttemptStatus.CANCELLED, cancel_requested_by=person("efua"))
    ended(cutover, "look")
    agreed(cutover)


def started_an_earlier_try(cutover: Cutover) -> None:
    ended(cutover, "look", AttemptStatus.FAILED, by="efua")
    ended(cutover, "look")
    agreed(cutover)


def reconciled(cutover: Cutover) -> None:
    ended(
        cutover,
        "look",
        AttemptStatus.RECONCILED,
        reconciled_by=person("efua"),
        reconciliation=Reconciliation.DONE,
    )
    agreed(cutover)


def skipped(cutover: Cutover) -> None:
    services.skip_item(item=item_of(cutover, "look"), by=person("efua"), reason="no time")
    agreed(cutover)


def started(cutover: Cutover) -> None:
    ended(cutover, "look", by="efua")
    agreed(cutover)


def ticked(cutover: Cutover) -> None:
    ended(cutover, "look")
    agreed(cutover, by="efua")


def confirmed(cutover: Cutover) -> None:
    ended(cutover, "look")
    agreed(cutover, confirmed_by="efua")


def did(cutover: Cutover) -> None:
    ended(cutover, "look")
    agreed(cutover, on_behalf_of="efua")


ACTS = [
    (started, "You started 1.2 Look at it"),
    (started_an_earlier_try, "You started 1.2 Look at it"),
    (cancelled, "You cancelled 1.2 Look at it"),
    (reconciled, "You decided what 1.2 Look at it had done"),
    (skipped, "You skipped 1.2 Look at it"),
    (ticked, "You ticked 1.3 Agree on it"),
    (confirmed, "You confirmed 1.3 Agree on it"),
    (did, "You did 1.3 Agree on it (ticked on behalf)"),
]


@pytest.mark.parametrize(("act", "sentence"), ACTS, ids=lambda value: getattr(value, "__name__", ""))
def test_an_actor_of_the_evidence_is_refused_by_the_service_and_by_the_database(
    act: Callable[[Cutover], None], sentence: str
) -> None:
    cutover = with_leads()
    act(cutover)
    assert view_of(cutover, "go").state == ItemState.READY
    with pytest.raises(CommandRefused):
        sign(cutover, "efua", "technical")
    with pytest.raises(DatabaseError, match="acted on this evidence"), transaction.atomic():
        sign_past_the_service(cutover, "efua", "technical")
    member = Member.objects.get(cutover=cutover, person=person("efua"))
    why_not = why_not_sign(member, view_of(cutover, "go"))
    assert why_not == f"{sentence}, so someone else has to approve it (four eyes)."
    sign(cutover, "kofi", "finance", accepted_gaps=["look"])  # who did nothing with it may


def sign_past_the_service(cutover: Cutover, by: str, seat: str) -> SignOff:
    gate = view_of(cutover, "go")
    return SignOff.objects.create(
        gate=gate.item,
        seat=seat,
        person=person(by),
        decision="GO",
        digest=gate.gate.digest,
        attempts=[],  # what the writer says of the attempts decides nothing
        at=cutover.created_at,
    )


def test_who_starts_the_check_again_after_signing_no_longer_counts() -> None:
    cutover = with_leads()
    ended(cutover, "look")
    agreed(cutover)
    sign(cutover, "efua", "technical")
    services.untick_item(item=item_of(cutover, "agree"), by=person("efua"), reason="once more")
    agreed(cutover, by="efua")
    gate = view_of(cutover, "go").gate
    assert gate.given == 0
    sign(cutover, "kofi", "finance")
    with pytest.raises(DatabaseError, match="gate refused"), transaction.atomic():
        GatePass.objects.create(gate=item_of(cutover, "go"), digest=gate.digest, at=cutover.created_at)


def test_a_seat_given_by_an_actor_after_work_had_begun_signs_nothing() -> None:
    cutover = make_cutover("looked")  # Ama started the check
    services.add_member(cutover=cutover, person=person("abena"), part=MemberPart.LEAD, by=admin())
    asked = services.add_member(
        cutover=cutover,
        person=person("esi"),
        part=MemberPart.APPROVER,
        seats=["data"],
        by=person("ama"),
        reason="Efua is ill.",
    )
    assert isinstance(asked, ChangeRequest)
    services.confirm_change(request=asked, by=person("abena"))
    with pytest.raises(CommandRefused, match=r"ama gave this seat, and started 1.2 Look at it"):
        sign(cutover, "esi", "data")
    with pytest.raises(DatabaseError, match="the seat was given by a person who acted"), transaction.atomic():
        sign_past_the_service(cutover, "esi", "data")
    services.add_member(
        cutover=cutover, person=person("akua"), part=MemberPart.APPROVER, seats=["data"], by=admin()
    )
    sign(cutover, "akua", "data")
