"""A no-go stands: nothing but its withdrawal or a written answer from another seat ends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from checklists import services
from checklists.board import Board
from checklists.models import AuditEntry, Cutover, GatePass, Item, Member, NoGoAnswer, SignOff
from checklists.record.history import read_history
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, Decision, ItemState, MemberPart
from checklists.status.headline import headline
from checklists.status.pending_tasks import pending_tasks_of
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db
WHY = "The donations of last month are not in it"
ANSWER = "They were counted by hand: 412 of 412 are in it."


def dissented(**more: object) -> tuple[Cutover, SignOff]:
    """Efua (technical) said no-go; Kofi (finance) and Esi (data) approve; Ama leads."""
    cutover = make_cutover("opened", **more)
    services.add_member(
        cutover=cutover, person=person("esi"), part=MemberPart.APPROVER, seats=["data"], by=person("ama")
    )
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    ended(cutover, "look")
    return cutover, sign(cutover, "efua", "technical", Decision.NO_GO, WHY)


def same_again(cutover: Cutover) -> None:
    ended(cutover, "look", facts={"seen": 1})


def other_again(cutover: Cutover) -> None:
    ended(cutover, "look", facts={"seen": 99})


def failed_and_again(cutover: Cutover) -> None:
    ended(cutover, "look", AttemptStatus.FAILED)
    ended(cutover, "look", facts={"seen": 1})


def ticked_again(cutover: Cutover) -> None:
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="once more")
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))


def deactivated(cutover: Cutover) -> None:
    User.objects.filter(username="efua").update(is_active=False)


def without_seats(cutover: Cutover) -> None:
    with by_hand():
        Member.objects.filter(cutover=cutover, person=person("efua")).update(seats=["finance"])


def removed(cutover: Cutover) -> None:
    with by_hand():
        Member.objects.filter(cutover=cutover, person=person("efua")).delete()


@pytest.mark.parametrize(
    "attack",
    [same_again, other_again, failed_and_again, ticked_again, deactivated, without_seats, removed],
    ids=lambda attack: attack.__name__,
)
def test_nothing_that_happens_to_evidence_or_people_removes_a_no_go(
    attack: Callable[[Cutover], None],
) -> None:
    cutover, no_go = dissented()
    attack(cutover)
    sign(cutover, "kofi", "finance")
    sign(cutover, "esi", "data")
    view = view_of(cutover, "go")
    assert (view.state, view.gate.no_go, view.gate.given) == (ItemState.NO_GO, no_go, 2)
    assert not GatePass.objects.exists()
    with pytest.raises(DatabaseError, match="said no-go"), transaction.atomic():
        GatePass.objects.create(gate=view.item, digest=view.gate.digest, at=cutover.created_at)


def test_an_amended_gate_keeps_its_no_go() -> None:
    cutover, no_go = dissented()
    old = item_of(cutover, "go")
    asked = list(old.gate_evidence.all())
    with by_hand():
        Item.objects.filter(pk=old.pk).update(superseded_at=cutover.created_at)
        new = old
        new.pk, new.superseded_at, new.runbook_sha256 = None, None, "f" * 64
        new.save(force_insert=True)
        for line in asked:
            line.pk, line.gate = None, new
            line.save(force_insert=True)
    sign(cutover, "kofi", "finance")
    sign(cutover, "esi", "data")
    view = view_of(cutover, "go")
    assert (view.state, view.gate.given) == (ItemState.NO_GO, 2)
    with pytest.raises(DatabaseError, match="said no-go"), transaction.atomic():
        GatePass.objects.create(gate=view.item, digest=view.gate.digest, at=cutover.created_at)
    services.answer_no_go(no_go=no_go, by=person("kofi"), text=ANSWER)
    assert view_of(cutover, "go").state == ItemState.DONE


def test_its_giver_withdraws_it_and_signs_again() -> None:
    cutover, no_go = dissented()
    with pytest.raises(CommandRefused, match="Your no-go stands"):
        sign(cutover, "efua", "technical")
    services.withdraw_no_go(no_go=no_go, by=person("efua"), reason="They are in it now.")
    assert view_of(cutover, "go").state == ItemState.READY
    sign(cutover, "efua", "technical")
    sign(cutover, "kofi", "finance")
    view = view_of(cutover, "go")
    assert view.state == ItemState.DONE
    assert [(d.no_go, d.stands, d.answer.text) for d in view.gate.dissents] == [
        (no_go, False, "They are in it now.")
    ]


def test_an_answer_opens_a_gate_whose_quorum_is_complete_and_both_stay_for_good() -> None:
    cutover, no_go = dissented()
    sign(cutover, "kofi", "finance")
    sign(cutover, "esi", "data")
    services.answer_no_go(no_go=no_go, by=person("kofi"), text=ANSWER)
    view = view_of(cutover, "go")
    assert view.state == ItemState.DONE
    assert [d.answer.text for d in view.gate.dissents] == [ANSWER]
    kinds = list(AuditEntry.objects.filter(cutover=cutover).values_list("kind", flat=True))
    assert kinds[-2:] == ["gate.no_go_answered", "gate.passed"]
    told = next(gate for gate in read_history(cutover)["gates"] if gate["key"] == "go")["dissents"]
    assert [(one["person"], one["reason"], one["ending"], one["text"]) for one in told] == [
        ("efua", WHY, "answered", ANSWER)
    ]


def test_the_quorum_is_needed_without_the_dissenter() -> None:
    cutover, no_go = dissented()
    sign(cutover, "kofi", "finance")
    services.answer_no_go(no_go=no_go, by=person("kofi"), text=ANSWER)
    view = view_of(cutover, "go")
    assert (view.state, view.gate.given, view.gate.needed) == (ItemState.READY, 1, 2)


def lead_with_a_seat(cutover: Cutover) -> User:
    with by_hand():
        Member.objects.filter(cutover=cutover, person=person("ama")).update(seats=["data"])
    return person("ama")


def actor(cutover: Cutover) -> User:
    ended(cutover, "look", by="kofi", facts={"seen": 1})
    return person("kofi")


def same_seat_only(cutover: Cutover) -> User:
    with by_hand():
        Member.objects.filter(cutover=cutover, person=person("kofi")).update(seats=["technical"])
    return person("kofi")


@pytest.mark.parametrize(
    "who",
    [lambda _: person("efua"), lambda _: person("yaw"), lead_with_a_seat, actor, same_seat_only],
    ids=["dissenter", "stakeholder", "lead", "actor", "same-seat"],
)
def test_who_may_not_answer_is_refused_by_the_service_and_by_the_database(
    who: Callable[[Cutover], User],
) -> None:
    cutover, no_go = dissented()
    by = who(cutover)
    with pytest.raises(CommandRefused):
        services.answer_no_go(no_go=no_go, by=by, text=ANSWER)
    for seat in ("technical", "data", "finance"):
        with pytest.raises(DatabaseError, match="a no-go is"), transaction.atomic():
            answer_past_the_service(no_go, by, seat, ANSWER)
    with pytest.raises(DatabaseError, match="a no-go is"), transaction.atomic():
        withdraw_past_the_service(no_go, person("kofi"))


@pytest.mark.parametrize(
    "text", ["", "We looked.", " " * 30, "a" + "\u00a0\u200b \n" * 12 + "b", "\u2800" * 25, "\u200b" * 25]
)
def test_an_answer_has_twenty_characters_that_are_seen(text: str) -> None:
    _, no_go = dissented()
    with pytest.raises(CommandRefused, match="less than 20 characters"):
        services.answer_no_go(no_go=no_go, by=person("kofi"), text=text)
    with pytest.raises(DatabaseError), transaction.atomic():
        answer_past_the_service(no_go, person("kofi"), "finance", text)


def test_a_no_go_ends_once_and_no_ending_is_edited() -> None:
    _, no_go = dissented()
    answer = services.answer_no_go(no_go=no_go, by=person("kofi"), text=ANSWER)
    with pytest.raises(CommandRefused, match="stands no more"):
        services.answer_no_go(no_go=no_go, by=person("esi"), text=ANSWER)
    for change in (lambda: NoGoAnswer.objects.filter(pk=answer.pk).update(text="x"), answer.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_no_go_changes_the_headline_and_asks_people_to_act() -> None:
    cutover, _ = dissented()
    board = Board.load(cutover)
    assert headline(board).startswith(f"No-go at 1.3 Change it?: Efua said “{WHY}”")
    for name, verb in (("kofi", "answer"), ("esi", "answer"), ("efua", "withdraw")):
        tasks = pending_tasks_of(person(name), board)
        assert [task.urgent for task in tasks if task.what.startswith(verb)] == [True], name
    assert [task for task in pending_tasks_of(person("ama"), board) if "no-go" in task.what] == []


def answer_past_the_service(no_go: SignOff, by: User, seat: str, text: str) -> NoGoAnswer:
    return NoGoAnswer.objects.create(no_go=no_go, ending="ANSWERED", by=by, seat=seat, text=text, at=no_go.at)


def withdraw_past_the_service(no_go: SignOff, by: User) -> NoGoAnswer:
    return NoGoAnswer.objects.create(no_go=no_go, ending="WITHDRAWN", by=by, text="x", at=no_go.at)
