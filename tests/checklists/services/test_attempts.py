"""Starting, cancelling and reconciling; a double click does one thing."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from checklists import services
from checklists.models import Attempt, Evidence
from checklists.services import Refused
from checklists.states import AttemptStatus, ItemState, Kind, Reconciliation
from tests.checklists.histories import ended, item_of, make_cutover, person, view_of


@pytest.mark.django_db
class TestStarting:
    def test_a_start_queues_an_attempt_with_everything_it_needs(self):
        cutover = make_cutover("signed")
        attempt = services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"), after=0)
        assert (attempt.status, attempt.number, attempt.epoch) == ("QUEUED", 1, 1)
        assert (attempt.effect, attempt.resource) == ("AT_MOST_ONCE", "sample:resource")

    def test_nothing_starts_before_its_gate(self):
        cutover = make_cutover("signed_once")
        with pytest.raises(Refused, match="1 of 2 signatures"):
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

    def test_what_may_run_at_most_once_is_not_started_when_done(self):
        cutover = make_cutover("changed")
        with pytest.raises(Refused):
            services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"), after=1)

    def test_an_approver_does_not_start(self):
        cutover = make_cutover("announced")
        with pytest.raises(Refused, match="only a migration lead may start"):
            services.start_attempt(item=item_of(cutover, "look"), by=person("efua"))

    def test_production_asks_for_the_target_by_hand(self):
        cutover = make_cutover("signed", kind=Kind.PRODUCTION)
        with pytest.raises(Refused, match="name of the target"):
            services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"), typed_target="here")
        services.start_attempt(
            item=item_of(cutover, "change-it"), by=person("ama"), typed_target="nowhere/sample"
        )

    def test_parameters_that_do_not_fit_are_named(self):
        cutover = make_cutover("announced")
        item = item_of(cutover, "look")
        item.params = {"color": "red"}
        item.save()
        with pytest.raises(Refused, match="no parameter “color”"):
            services.preview_item(item=item)


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
        with pytest.raises(Refused, match="proven yet that the old executor is dead"):
            self.decide(self.lost(cutover), Reconciliation.NOT_DONE)

    def test_nothing_is_decided_while_the_probe_sees_it_running(self):
        cutover = make_cutover("announced")
        finding = {"dead": "pid 7 is gone", "seen": "STILL_RUNNING"}
        with pytest.raises(Refused, match="still running"):
            self.decide(self.lost(cutover, finding=finding), Reconciliation.DONE)

    def test_what_was_done_leaves_the_evidence_that_the_probe_saw(self):
        cutover = make_cutover("announced")
        finding = {"dead": "pid 7 is gone", "seen": "DONE", "facts": {"rows": 3}}
        attempt = self.decide(self.lost(cutover, finding=finding), Reconciliation.DONE)
        assert attempt.status == AttemptStatus.RECONCILED
        assert Evidence.objects.get(attempt=attempt).facts == {"rows": 3}
        assert view_of(cutover, "look").state == ItemState.DONE

    def test_what_was_not_done_can_be_started_again(self):
        cutover = make_cutover("announced")
        finding = {"dead": "pid 7 is gone", "seen": "NOT_DONE"}
        self.decide(self.lost(cutover, finding=finding), Reconciliation.NOT_DONE)
        assert services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=1).number == 2

    def test_in_production_somebody_else_decides_what_runs_at_most_once(self):
        cutover = make_cutover("announced", kind=Kind.PRODUCTION)
        finding = {"dead": "pid 7 is gone", "seen": "DONE"}
        attempt = self.lost(cutover, finding=finding, effect="AT_MOST_ONCE")
        with pytest.raises(Refused, match="four eyes"):
            self.decide(attempt, Reconciliation.DONE)
        assert self.decide(attempt, Reconciliation.DONE, by="efua").reconciled_by == person("efua")

    def test_a_decision_says_what_was_looked_at(self):
        cutover = make_cutover("announced")
        with pytest.raises(Refused, match="what you looked at"):
            self.decide(self.lost(cutover), Reconciliation.DONE, note=" ")


@pytest.mark.django_db
def test_evidence_has_its_age_from_the_databases_clock():
    cutover = make_cutover("announced")
    ended(cutover, "look", ago=timedelta(minutes=61))
    assert view_of(cutover, "look").stale
