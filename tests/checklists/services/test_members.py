"""The people of a cutover: named while it is set up, later changed by an admin or by two leads."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction

from checklists import services
from checklists.models import ChangeRequest, Cutover, Member, MemberChange
from checklists.services import CommandRefused
from checklists.states import CutoverKind, MemberPart
from tests.checklists.histories import admin, item_of, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db
APPROVER, LEAD, STAKEHOLDER = MemberPart.APPROVER, MemberPart.LEAD, MemberPart.STAKEHOLDER


def begun(at: str = "looked", kind: CutoverKind = CutoverKind.REHEARSAL) -> Cutover:
    """A cutover in which work has begun, with a second lead, Esi."""
    cutover = make_cutover(at, kind=kind)
    services.add_member(cutover=cutover, person=person("esi"), part=LEAD, by=admin())
    return cutover


def member(cutover: Cutover, name: str) -> Member:
    return cutover.members.get(person=person(name))


def reseat(cutover: Cutover, name: str, *seats: str, by: User | None = None) -> Member | ChangeRequest:
    return services.add_member(
        cutover=cutover,
        person=person(name),
        part=APPROVER,
        seats=seats,
        by=by or person("ama"),
        reason="Ill.",
    )


class TestSetUp:
    def test_a_lead_names_people_alone(self) -> None:
        cutover = make_cutover()
        assert isinstance(reseat(cutover, "esi", "data"), Member)
        assert MemberChange.objects.later_assigners(cutover) == {}

    def test_it_ends_when_work_begins_and_when_the_runbook_is_confirmed(self) -> None:
        assert not services.is_set_up(make_cutover())
        assert services.is_set_up(make_cutover("announced"))
        assert services.is_set_up(make_cutover(kind=CutoverKind.PRODUCTION))


class TestLater:
    @pytest.mark.parametrize("kind", list(CutoverKind))
    def test_a_lead_alone_takes_no_seat_demotes_nobody_and_appoints_nobody(self, kind: CutoverKind) -> None:
        cutover = make_cutover("looked", kind=kind)
        ama, was = person("ama"), list(cutover.members.values())
        for name, part, seats in (("ama", LEAD, ["data"]), ("efua", STAKEHOLDER, []), ("esi", APPROVER, [])):
            with pytest.raises(CommandRefused, match="only lead here"):
                services.add_member(
                    cutover=cutover, person=person(name), part=part, seats=seats, by=ama, reason="Why."
                )
        with pytest.raises(CommandRefused, match="only lead here"):
            services.remove_member(cutover=cutover, person=person("efua"), by=ama, reason="Why.")
        assert list(cutover.members.values()) == was

    def test_two_leads_change_a_seat(self) -> None:
        cutover = begun()
        asked = reseat(cutover, "efua", "finance")
        assert isinstance(asked, ChangeRequest)
        assert member(cutover, "efua").seats == ["technical", "data"]
        for name in ("ama", "kofi"):  # who asked, and an approver
            with pytest.raises(CommandRefused):
                services.confirm_change(request=asked, by=person(name))
        services.confirm_change(request=asked, by=person("esi"))
        assert member(cutover, "efua").seats == ["finance"]
        assert MemberChange.objects.later_assigners(cutover) == {
            (person("efua").pk, "finance"): frozenset({person("ama").pk, person("esi").pk})
        }
        entry = cutover.record.last()
        assert entry is not None
        assert (entry.kind, entry.actor, entry.payload["requested_by"]) == ("member.changed", "esi", "ama")
        assert entry.payload["before"]["seats"] == ["technical", "data"]
        assert entry.payload["seats"] == ["finance"]

    def test_an_admin_changes_people_alone(self) -> None:
        cutover = begun()
        assert isinstance(reseat(cutover, "efua", "finance", by=admin()), Member)
        entry = cutover.record.last()
        assert entry is not None
        assert (entry.kind, entry.actor) == ("member.changed", "admin")

    def test_a_request_of_somebody_who_lost_the_part_is_not_carried_out(self) -> None:
        cutover = begun()
        asked = reseat(cutover, "efua", "finance", by=person("esi"))
        assert isinstance(asked, ChangeRequest)
        services.add_member(cutover=cutover, person=person("esi"), part=STAKEHOLDER, by=admin())
        with pytest.raises(CommandRefused, match="may not change people"):
            services.confirm_change(request=asked, by=person("ama"))

    def test_a_change_that_another_one_overtook_is_refused(self) -> None:
        cutover = begun()
        asked = reseat(cutover, "efua", "finance")
        assert isinstance(asked, ChangeRequest)
        reseat(cutover, "efua", "data", by=admin())
        with pytest.raises(CommandRefused, match="changed since this was requested"):
            services.confirm_change(request=asked, by=person("esi"))

    def test_the_only_lead_stays(self) -> None:
        cutover = make_cutover("looked")
        with pytest.raises(CommandRefused, match="only migration lead"):
            services.remove_member(cutover=cutover, person=person("ama"), by=admin())


class TestRemoval:
    def test_a_person_is_gone_and_their_acts_remain(self) -> None:
        cutover = begun("signed_once")
        services.claim_item(item=item_of(cutover, "change-it"), by=person("esi"))
        acts = cutover.record.count()
        services.remove_member(cutover=cutover, person=person("esi"), by=admin(), reason="Left.")
        assert not cutover.members.filter(person=person("esi")).exists()
        assert item_of(cutover, "change-it").claimed_by is None
        entry = cutover.record.last()
        assert entry is not None
        assert (entry.kind, entry.payload["before"]["part"]) == ("member.removed", "LEAD")
        assert entry.payload["released"] == ["change-it"]
        assert cutover.record.count() == acts + 1
        with pytest.raises(CommandRefused, match="no part"):
            services.tick_item(item=item_of(cutover, "celebrate"), by=person("esi"))


class TestSignatures:
    def test_a_go_in_a_seat_that_was_taken_away_no_longer_counts(self) -> None:
        cutover = begun("signed_once")
        before = view_of(cutover, "go").gate
        assert before.given == 1
        signer = next(seat.sign_off.person for seat in before.seats if seat.sign_off)
        services.add_member(cutover=cutover, person=signer, part=APPROVER, seats=[], by=admin())
        gate = view_of(cutover, "go").gate
        assert gate.given == 0
        assert "no longer holds this seat" in gate.voided[0].why

    def test_a_pass_that_nothing_used_yet_is_void_and_another_signer_restores_it(self) -> None:
        cutover = begun("signed")
        assert view_of(cutover, "go").gate.passed
        services.remove_member(cutover=cutover, person=person("efua"), by=admin())
        gate = view_of(cutover, "go").gate
        assert not gate.passed
        assert view_of(cutover, "change-it").blockers
        services.add_member(
            cutover=cutover, person=person("abena"), part=APPROVER, seats=["technical"], by=admin()
        )
        sign(cutover, "abena", "technical")
        assert view_of(cutover, "go").gate.passed
        assert not view_of(cutover, "change-it").blockers


@pytest.mark.parametrize("statement", ["UPDATE {} SET is_later = false", "DELETE FROM {}", "TRUNCATE {}"])
def test_changes_of_people_are_only_added(statement: str) -> None:
    make_cutover()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format("checklists_memberchange"))
