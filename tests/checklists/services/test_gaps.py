"""A skip is never green: each is a line of its own, and a go accepts each by name."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from checklists import services
from checklists.models import Cutover, Member, SignOff
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, Decision, ItemState, Reconciliation
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db


def skipped_evidence() -> Cutover:
    cutover = make_cutover("announced")
    services.skip_item(item=item_of(cutover, "look"), by=person("ama"), reason="no time")
    return cutover


def skipped_need() -> Cutover:
    cutover = make_cutover()
    services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="no time")
    ended(cutover, "look")
    return cutover


def reconciled_by_word() -> Cutover:
    cutover = make_cutover("announced")
    done = {"reconciled_by": person("ama"), "reconciliation": Reconciliation.DONE}
    ended(cutover, "look", AttemptStatus.RECONCILED, summary="It was done, as ama decided: no time", **done)
    return cutover


GAPS = [(skipped_evidence, "look"), (skipped_need, "announce"), (reconciled_by_word, "look")]


def signed(cutover: Cutover, by: str, seat: str, *accepted: str, decision: str = "GO") -> SignOff:
    return services.sign_gate(
        gate=item_of(cutover, "go"),
        by=person(by),
        seat=seat,
        decision=Decision(decision),
        reason="x",
        digest=view_of(cutover, "go").gate.digest,
        nonce=uuid.uuid4(),
        accepted_gaps=accepted,
    )


@pytest.mark.parametrize(("history", "key"), GAPS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_go_accepts_each_gap_by_name(history: Callable[[], Cutover], key: str) -> None:
    cutover = history()
    gate = view_of(cutover, "go").gate
    assert [(gap.item.key, gap.by) for gap in gate.gaps] == [(key, "ama")]
    with pytest.raises(CommandRefused, match="did not accept that"):
        signed(cutover, "efua", "technical")
    with pytest.raises(DatabaseError, match="accepts every skip by name"), transaction.atomic():
        SignOff.objects.create(
            gate=gate.item,
            seat="technical",
            person=person("efua"),
            decision="GO",
            digest=gate.digest,
            at=cutover.created_at,
        )
    signed(cutover, "efua", "technical", key)
    signed(cutover, "kofi", "finance", key)
    assert view_of(cutover, "go").state == ItemState.DONE


@pytest.mark.parametrize(("history", "key"), GAPS, ids=lambda value: getattr(value, "__name__", ""))
def test_who_made_the_gap_does_not_sign(history: Callable[[], Cutover], key: str) -> None:
    cutover = history()
    with by_hand():
        Member.objects.filter(cutover=cutover, person=person("ama")).update(seats=["data"])
    with pytest.raises(CommandRefused, match="four eyes"):
        signed(cutover, "ama", "data", key)
    with pytest.raises(DatabaseError, match="acted on this evidence"), transaction.atomic():
        SignOff.objects.create(
            gate=item_of(cutover, "go"),
            seat="data",
            person=person("ama"),
            decision="GO",
            digest="d" * 64,
            accepted_gaps=[key],
            at=cutover.created_at,
        )


def test_a_no_go_needs_to_accept_nothing() -> None:
    signed(skipped_evidence(), "efua", "technical", decision="NO_GO")


def test_a_skip_behind_what_was_signed_voids_the_signature() -> None:
    cutover = make_cutover("signed_once")
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="not yet")
    services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="no time")
    gate = view_of(cutover, "go").gate
    assert gate.given == 0
    assert "1.1 Announce it" in gate.voided[0].why


def test_a_gate_accepts_its_own_gaps_and_not_those_before_an_earlier_gate() -> None:
    text = RUNBOOK.replace(
        "      - {key: celebrate,",
        "      - {key: again, title: Again?, kind: gate, owner: lead, needs: [change-it], seats: [data],\n"
        "         quorum: 1, evidence: [{item: change-it}]}\n      - {key: celebrate,",
    )
    cutover = make_cutover(text=text)
    services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="no time")
    assert [gap.item.key for gap in view_of(cutover, "go").gate.gaps] == ["announce"]
    assert view_of(cutover, "again").gate.gaps == []
