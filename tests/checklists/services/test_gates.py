"""Signing: bound to the evidence, four eyes, quorum; and what the database itself refuses."""

import threading
import uuid

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.models import AuditEntry, GatePass, SignOff
from checklists.services import CommandRefused
from checklists.states import Decision, ItemState
from tests.by_hand import by_hand
from tests.checklists.histories import PASSWORD, ended, item_of, make_cutover, person, sign, view_of


@pytest.mark.django_db
class TestByTheService:
    def test_a_signature_keeps_what_was_on_the_screen(self):
        cutover = make_cutover("looked")
        sign_off = sign(cutover, "efua", "technical")
        assert sign_off.evidence[0]["summary"] == "saw it (1)"
        assert sign_off.attempts == [item_of(cutover, "look").attempts.get().pk]

    def test_the_quorum_opens_the_gate_once_and_both_are_recorded(self):
        cutover = make_cutover("signed")
        assert GatePass.objects.filter(gate__cutover=cutover).count() == 1
        kinds = list(AuditEntry.objects.filter(cutover=cutover).values_list("kind", flat=True))
        assert kinds[-3:] == ["gate.signed", "gate.signed", "gate.passed"]

    def test_evidence_that_changed_meanwhile_is_not_signed(self):
        cutover = make_cutover("looked")
        seen = view_of(cutover, "go").gate.digest
        ended(cutover, "look", summary="saw something else")
        with pytest.raises(CommandRefused, match="evidence changed while you were reading"):
            sign(cutover, "efua", "technical", digest=seen)
        assert not SignOff.objects.exists()

    def test_a_no_go_needs_a_reason(self):
        cutover = make_cutover("looked")
        with pytest.raises(CommandRefused, match="no-go needs a reason"):
            sign(cutover, "efua", "technical", Decision.NO_GO)

    def test_the_same_form_sent_twice_is_one_signature(self):
        cutover = make_cutover("looked")
        nonce = uuid.uuid4()
        assert sign(cutover, "efua", "technical", nonce=nonce) == sign(
            cutover, "efua", "technical", nonce=nonce
        )
        assert SignOff.objects.count() == 1

    def test_a_person_may_change_their_mind_until_the_gate_passes(self):
        cutover = make_cutover("looked")
        no_go = sign(cutover, "efua", "technical", Decision.NO_GO, reason="not yet")
        assert view_of(cutover, "go").state == ItemState.NO_GO
        services.withdraw_no_go(no_go=no_go, by=person("efua"), reason="It is done now.")
        sign(cutover, "efua", "technical")
        assert view_of(cutover, "go").gate.given == 1

    def test_one_person_does_not_fill_two_seats(self):
        cutover = make_cutover("signed_once")
        with pytest.raises(CommandRefused, match="cannot fill this seat"):
            sign(cutover, "efua", "data")

    def test_a_lead_without_a_seat_cannot_sign(self):
        with pytest.raises(CommandRefused):
            sign(make_cutover("looked"), "ama", "technical")

    def test_a_person_who_started_the_work_cannot_approve_it(self):
        cutover = make_cutover("announced")
        ended(cutover, "look", by="efua")
        with pytest.raises(CommandRefused):
            sign(cutover, "efua", "technical")


@pytest.mark.django_db
class TestByTheDatabase:
    """What stays forbidden when somebody goes past the services."""

    def raw(self, cutover, by, seat, decision="GO"):
        gate = view_of(cutover, "go").gate
        signed = SignOff.objects.create(
            gate=gate.item,
            seat=seat,
            person=person(by),
            decision=decision,
            reason="x",
            digest=gate.digest,
            evidence=[{**line, "observed_at": str(line["observed_at"])} for line in gate.signed],
            attempts=gate.attempts,
            at=cutover.created_at,
        )
        about = {"gate": "go", "seat": seat, "decision": decision, "digest": gate.digest}
        AuditEntry.objects.append(cutover, "gate.signed", by=person(by), **about)
        return signed

    def refused(self, code, act):
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            act()
        assert caught.value.__cause__.sqlstate == code

    def test_an_inactive_person_cannot_sign(self):
        cutover = make_cutover("looked")
        person("efua").__class__.objects.filter(username="efua").update(is_active=False)
        self.refused("CU001", lambda: self.raw(cutover, "efua", "technical"))

    def test_a_person_cannot_sign_in_a_seat_that_they_do_not_hold(self):
        cutover = make_cutover("looked")
        self.refused("CU002", lambda: self.raw(cutover, "kofi", "technical"))
        self.refused("CU002", lambda: self.raw(cutover, "ama", "technical"))

    def test_a_person_who_started_the_work_cannot_sign(self):
        cutover = make_cutover("announced")
        ended(cutover, "look", by="efua")
        self.refused("CU003", lambda: self.raw(cutover, "efua", "technical"))

    def test_a_taken_seat_cannot_be_taken_again(self):
        cutover = make_cutover("looked")
        self.raw(cutover, "efua", "data")
        self.refused("CU004", lambda: self.raw(cutover, "kofi", "data"))

    def test_a_gate_does_not_pass_without_quorum(self):
        cutover = make_cutover("looked")
        self.raw(cutover, "efua", "technical")
        gate = view_of(cutover, "go").gate
        passed = {"gate": gate.item, "digest": gate.digest, "at": cutover.created_at}
        self.refused("CU005", lambda: GatePass.objects.create(**passed))

    def test_a_gate_does_not_pass_against_a_no_go(self):
        cutover = make_cutover("looked", rehearsal_quorum=1)
        self.raw(cutover, "efua", "technical")
        self.raw(cutover, "kofi", "finance", "NO_GO")
        gate = view_of(cutover, "go").gate
        passed = {"gate": gate.item, "digest": gate.digest, "at": cutover.created_at}
        self.refused("CU005", lambda: GatePass.objects.create(**passed))

    def test_a_lowered_quorum_counts_in_rehearsals_only(self):
        cutover = make_cutover("looked", kind="PRODUCTION")
        refused = pytest.raises(DatabaseError, match="only_rehearsals_lower_quorum")
        with refused, transaction.atomic(), by_hand():
            cutover.__class__.objects.filter(pk=cutover.pk).update(rehearsal_quorum=1)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE checklists_signoff SET decision = 'NO_GO'",
            "DELETE FROM checklists_signoff",
            "TRUNCATE checklists_signoff CASCADE",
            "UPDATE checklists_gatepass SET digest = 'x'",
            "DELETE FROM checklists_gatepass",
            "UPDATE checklists_auditentry SET actor = 'somebody'",
            "DELETE FROM checklists_auditentry",
            "TRUNCATE checklists_auditentry",
            "UPDATE checklists_evidence SET ok = false",
            "DELETE FROM checklists_attempt",
        ],
    )
    def test_sign_offs_and_passes_cannot_be_edited(self, statement):
        make_cutover("signed")
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_two_approvers_at_once_open_the_gate_once():
    cutover = make_cutover("looked")
    digest = view_of(cutover, "go").gate.digest
    start, failures = threading.Barrier(2), []

    def approve(name, seat):
        try:
            start.wait()
            sign(cutover, name, seat, digest=digest)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    people = [
        threading.Thread(target=approve, args=who) for who in (("efua", "technical"), ("kofi", "finance"))
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert failures == []
    assert GatePass.objects.filter(gate__cutover=cutover).count() == 1
    assert view_of(cutover, "go").state == ItemState.DONE


@pytest.mark.django_db
def test_a_posted_signature_reads_the_board_once_under_its_locks(client):
    cutover = make_cutover("signed_once")
    client.force_login(person("kofi"))
    form = {
        "seat": "finance",
        "decision": "GO",
        "reason": "",
        "password": PASSWORD,
        "digest": view_of(cutover, "go").gate.digest,
        "nonce": str(uuid.uuid4()),
    }
    with CaptureQueriesContext(connection) as captured:
        answer = client.post(reverse("gate-sign", args=[cutover.slug, "go"]), form)
    assert answer.status_code == 302
    assert GatePass.objects.filter(gate__cutover=cutover).count() == 1
    statements = [query["sql"] for query in captured.captured_queries]
    phases = [number for number, sql in enumerate(statements) if 'FROM "checklists_phase"' in sql]
    locks = [number for number, sql in enumerate(statements) if "FOR UPDATE" in sql or "FOR SHARE" in sql]
    assert len(phases) == 1  # each board reads them once
    assert phases[0] > locks[1] > locks[0]  # the cutover and the gate are locked before
    assert len(statements) <= 60, "\n".join(statements)
