"""Starting, cancelling and reconciling; a double click does one thing."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from checklists import services
from checklists.models import Attempt, Evidence
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, CutoverKind, ItemState, Reconciliation
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person, previewed, view_of
from tests.released import release


@pytest.mark.django_db
class TestStarting:
    def test_a_start_queues_an_attempt_with_everything_it_needs(self):
        cutover = make_cutover("signed")
        attempt = services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"), after=0)
        assert (attempt.status, attempt.number, attempt.epoch) == ("QUEUED", 1, 1)
        assert (attempt.effect, attempt.resource) == ("AT_MOST_ONCE", "sample:resource")

    def test_nothing_starts_before_its_gate(self):
        cutover = make_cutover("signed_once")
        with pytest.raises(CommandRefused, match="1 of 2 signatures"):
            services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"))

    def test_a_second_click_gives_the_first_attempt_back(self):
        cutover = make_cutover("announced")
        first = services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=0)
        assert services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=0) == first

    def test_a_late_second_click_starts_nothing_though_the_first_attempt_has_ended(self):
        cutover = make_cutover("announced")
        first = ended(cutover, "look")
        assert services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=0) == first
        again = services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=1)
        assert again.number == 2

    def test_a_done_at_most_once_action_cannot_be_started_again(self):
        cutover = make_cutover("changed")
        with pytest.raises(CommandRefused):
            services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"), after=1)

    def test_an_approver_does_not_start(self):
        cutover = make_cutover("announced")
        with pytest.raises(CommandRefused, match="only a migration lead may start"):
            services.start_attempt(item=item_of(cutover, "look"), by=person("efua"))

    def test_production_needs_the_target_typed_by_hand(self):
        cutover = make_cutover("signed", kind=CutoverKind.PRODUCTION)
        long_ago = database_now() - timedelta(minutes=16)
        previewed(item_of(cutover, "change-it"), requested_at=long_ago, ended_at=long_ago)
        with pytest.raises(CommandRefused, match="Nobody has asked in the last 15 minutes"):
            services.start_attempt(
                item=item_of(cutover, "change-it"), by=person("ama"), typed_target="nowhere/sample"
            )
        previewed(item_of(cutover, "change-it"))
        with pytest.raises(CommandRefused, match="name of the target"):
            services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"), typed_target="here")
        services.start_attempt(
            item=item_of(cutover, "change-it"), by=person("ama"), typed_target="nowhere/sample"
        )

    def test_parameters_that_do_not_fit_are_named(self):
        cutover = make_cutover("announced")
        item = item_of(cutover, "look")
        item.params = {"color": "red"}
        with by_hand():
            item.save()
        with pytest.raises(CommandRefused, match="no parameter “color”"):
            services.start_attempt(item=item, by=person("ama"))

    def test_a_variable_that_a_parameter_needs_and_that_is_not_set_is_named(self):
        cutover = make_cutover("announced")
        item = item_of(cutover, "look")
        item.params = {"thing": "${NOT_SET_ANYWHERE}"}
        with by_hand():
            item.save()
        with pytest.raises(CommandRefused, match="NOT_SET_ANYWHERE is not released"):
            services.start_attempt(item=item, by=person("ama"))
        release("${NOT_SET_ANYWHERE}")
        with pytest.raises(CommandRefused, match="NOT_SET_ANYWHERE is not set"):
            services.start_attempt(item=item, by=person("ama"))


@pytest.mark.django_db(transaction=True)
def test_ten_clicks_at_once_start_one_attempt():
    cutover = make_cutover("announced")
    start, seen = threading.Barrier(10), []

    def click():
        try:
            start.wait()
            attempt = services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=0)
            seen.append(attempt.pk)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(10)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert len(seen) == 10
    assert len(set(seen)) == Attempt.objects.count() == 1


@pytest.mark.django_db
class TestStopping:
    def test_a_queued_attempt_stops_at_once(self):
        cutover = make_cutover("announced")
        attempt = services.start_attempt(item=item_of(cutover, "look"), by=person("ama"))
        assert services.cancel_attempt(attempt=attempt, by=person("ama")).status == AttemptStatus.CANCELLED
        assert view_of(cutover, "look").state == ItemState.READY

    def test_a_running_attempt_is_asked(self):
        cutover = make_cutover("announced")
        attempt = ended(cutover, "look", AttemptStatus.RUNNING)
        asked = services.cancel_attempt(attempt=attempt, by=person("ama"))
        assert (asked.status, asked.cancel_requested_by) == (AttemptStatus.RUNNING, person("ama"))


@pytest.mark.django_db
class TestReconciling:
    def lost(self, cutover, **more):
        return ended(cutover, "look", AttemptStatus.UNKNOWN, **more)

    def decide(self, attempt, found, by="ama", note="looked at the table"):
        return services.reconcile_attempt(attempt=attempt, by=person(by), found=found, note=note)

    def test_nothing_is_decided_before_the_old_executor_is_proven_dead(self):
        cutover = make_cutover("announced")
        with pytest.raises(CommandRefused, match="proven yet that the old executor is dead"):
            self.decide(self.lost(cutover), Reconciliation.NOT_DONE)

    def test_nothing_is_decided_while_the_probe_sees_it_running(self):
        cutover = make_cutover("announced")
        finding = {"dead": "pid 7 is gone", "seen": "STILL_RUNNING"}
        with pytest.raises(CommandRefused, match="still running"):
            self.decide(self.lost(cutover, finding=finding), Reconciliation.DONE)

    def test_an_attempt_reconciled_as_done_gets_the_facts_of_the_probe(self):
        cutover = make_cutover("announced")
        finding = {"dead": "pid 7 is gone", "seen": "DONE", "facts": {"rows": 3}}
        attempt = self.decide(self.lost(cutover, finding=finding), Reconciliation.DONE)
        assert attempt.status == AttemptStatus.RECONCILED
        assert Evidence.objects.get(attempt=attempt).facts == {"rows": 3}
        assert view_of(cutover, "look").state == ItemState.DONE

    def test_an_item_whose_attempt_was_not_done_can_be_started_again(self):
        cutover = make_cutover("announced")
        finding = {"dead": "pid 7 is gone", "seen": "NOT_DONE"}
        self.decide(self.lost(cutover, finding=finding), Reconciliation.NOT_DONE)
        assert services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=1).number == 2

    def test_in_production_the_starter_does_not_reconcile_an_at_most_once_action(self):
        cutover = make_cutover("announced", kind=CutoverKind.PRODUCTION)
        finding = {"dead": "pid 7 is gone", "seen": "DONE"}
        attempt = self.lost(cutover, finding=finding, effect="AT_MOST_ONCE")
        with pytest.raises(CommandRefused, match="four eyes"):
            self.decide(attempt, Reconciliation.DONE)
        assert self.decide(attempt, Reconciliation.DONE, by="efua").reconciled_by == person("efua")

    def test_a_reconciliation_needs_a_note(self):
        cutover = make_cutover("announced")
        with pytest.raises(CommandRefused, match="what you checked"):
            self.decide(self.lost(cutover), Reconciliation.DONE, note=" ")


@pytest.mark.django_db
def test_evidence_has_its_age_from_the_databases_clock():
    cutover = make_cutover("announced")
    ended(cutover, "look", ago=timedelta(minutes=61))
    assert view_of(cutover, "look").stale
