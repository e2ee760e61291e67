"""When can people write again, when is the window's last item done, and when everything?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from checklists import services
from checklists.board import Board
from checklists.forecast import Forecast, make_forecast
from checklists.models import Attempt, Cutover, Item
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person

pytestmark = pytest.mark.django_db

LATER = """
      - {key: wait, title: Watch it, kind: manual, owner: watchers, needs: [change-it], how: Look,
         planned: 7d}
      - {key: tidy, title: Tidy up, kind: manual, owner: watchers, how: Tidy., planned: 2d}
"""
#: The sample with its marks, with a rollback of four items, and with weeks after the window.
TIMED = (
    RUNBOOK.replace("roles: {lead: Migration lead}", "roles: {lead: Migration lead, watchers: Watchers}")
    .replace("needs: [go], action", "needs: [go], service_restored: true, action")
    .replace("title: Celebrate, kind", "title: Celebrate, ends_window: true, kind")
    .replace("         how: Cake., planned: 20m}\n", "         how: Cake., planned: 20m}" + LATER)
    .replace(
        "action: sample.look, planned: 15m}",
        "action: sample.look, planned: 15m}\n"
        "      - {key: open-old, title: Open the old one, kind: manual, owner: lead, needs: [restore],\n"
        "         service_restored: true, how: Open it., planned: 5m}\n"
        "      - {key: tell, title: Tell them, kind: manual, owner: lead, needs: [open-old],\n"
        "         ends_window: true, how: Tell., planned: 10m}\n"
        "      - {key: causes, title: Find the root causes, kind: manual, owner: lead, needs: [tell],\n"
        "         how: Find., planned: 1d}",
    )
)


def of(cutover: Cutover) -> Forecast:
    return make_forecast(Board.load(Cutover.objects.get(pk=cutover.pk)))


def near(at: datetime | None, expected: datetime) -> bool:
    return at is not None and abs(at - expected) < timedelta(seconds=2)


def timed(at: str = "opened", **more: Any) -> Cutover:
    return make_cutover(at, text=TIMED, **more)


def test_what_is_left_is_the_longest_chain_of_planned_times() -> None:
    assert of(make_cutover()).remaining == timedelta(minutes=36)
    assert of(make_cutover("announced")).remaining == timedelta(minutes=31)
    assert of(make_cutover("changed")).remaining == timedelta(minutes=20)


def test_the_three_moments_are_told_apart_and_the_weeks_after_never_count_in_the_night() -> None:
    found = of(timed())
    assert near(found.writable.at, found.now + timedelta(minutes=16))
    assert near(found.window_done.at, found.now + timedelta(minutes=36))
    assert near(found.all_done.at, found.now + timedelta(days=9))  # the same people watch first, then tidy up
    assert found.remaining == timedelta(minutes=36)


def test_weeks_that_nothing_of_the_window_leads_to_do_not_count_either() -> None:
    """“tidy” needs nothing: only its place in the file says that it comes after the window."""
    now = database_now()
    window = {"window_start": now, "window_end": now + timedelta(hours=1)}
    found = of(timed(**window))
    assert found.late_by is None
    assert found.all_done.late_by is None


def test_what_the_last_item_needs_counts_wherever_it_stands() -> None:
    text = TIMED.replace("needs: [change-it],\n", "needs: [change-it, tidy],\n")
    found = of(make_cutover(text=text))
    assert near(found.window_done.at, found.now + timedelta(days=2, minutes=20))


def test_an_optional_item_that_nothing_waits_for_does_not_hold_up_the_window() -> None:
    slow = (
        "- {key: nice, title: Nice, kind: manual, owner: lead, optional: true, how: Do., planned: 5h}\n      "
    )
    text = TIMED.replace("- {key: celebrate", slow + "- {key: celebrate")
    assert of(make_cutover(text=text)).remaining < timedelta(hours=1)
    needed = text.replace("needs: [change-it],\n", "needs: [change-it, nice],\n")
    assert of(make_cutover(text=needed)).remaining > timedelta(hours=5)


def test_what_was_reached_stays_reached_with_its_time() -> None:
    cutover = timed("changed")
    found = of(cutover)
    assert found.writable.is_reached
    assert near(found.writable.reached_at, found.now)
    services.tick_item(item=item_of(cutover, "celebrate"), by=person("ama"))
    found = of(cutover)
    assert (found.window_done.is_reached, found.remaining) == (True, timedelta())
    assert found.all_done.at is not None


def test_a_window_that_was_ended_late_says_so_afterwards_too() -> None:
    now = database_now()
    cutover = timed("changed", window_start=now - timedelta(hours=2), window_end=now - timedelta(hours=1))
    found = of(cutover)
    assert timedelta(hours=1) <= (found.writable.late_by or timedelta()) < timedelta(hours=1, minutes=1)


def test_a_runbook_without_the_marks_gives_not_known_and_says_why() -> None:
    now = database_now()
    found = of(make_cutover(window_start=now - timedelta(hours=1), window_end=now + timedelta(minutes=1)))
    for moment in (found.writable, found.window_done):
        assert (moment.at, moment.reached_at, moment.is_reached) == (None, None, False)
        assert "The runbook does not mark" in moment.why_unknown
        assert moment.why_unknown not in found.words, "its clock says it"
    assert found.late_by is None
    assert near(found.all_done.at, now + timedelta(minutes=36))


def test_after_the_order_the_moments_are_those_of_the_way_back() -> None:
    cutover = timed("changed")
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It is red.")
    found = of(cutover)
    assert near(found.writable.at, found.now + timedelta(minutes=20))
    assert near(found.window_done.at, found.now + timedelta(minutes=30))  # not the day of the root causes
    assert near(found.all_done.at, found.now + timedelta(days=1, minutes=30))


def test_one_person_does_one_thing_at_a_time_and_two_roles_work_at_once() -> None:
    twice = (
        "- {key: sing, title: Sing, kind: manual, owner: lead, needs: [change-it], how: Sing.,\n"
        "         planned: 30m}\n      "
    )
    one = TIMED.replace("- {key: celebrate", twice + "- {key: celebrate")
    assert of(make_cutover(text=one)).remaining == timedelta(minutes=66)
    two = one.replace("title: Sing, kind: manual, owner: lead", "title: Sing, kind: manual, owner: watchers")
    assert of(make_cutover(text=two)).remaining == timedelta(minutes=46)
    cutover = make_cutover(text=one)
    services.claim_item(item=item_of(cutover, "sing"), by=person("ama"))
    assert timedelta(minutes=45) < of(cutover).remaining <= timedelta(minutes=46)


def test_what_runs_counts_with_the_time_that_it_still_needs() -> None:
    cutover = timed("signed")
    ended(cutover, "change-it", AttemptStatus.RUNNING, ago=timedelta(minutes=4))
    assert timedelta(minutes=25) < of(cutover).remaining < timedelta(minutes=26)
    with by_hand():
        Attempt.objects.filter(status="RUNNING").update(effect_started_at=database_now() - timedelta(hours=1))
    late = of(cutover)
    assert late.remaining == timedelta(minutes=20)
    assert late.times["change-it"].is_running_late
    assert late.times["change-it"].overrun >= timedelta(minutes=50)


def test_the_items_that_decide_the_end_are_named() -> None:
    assert of(timed("announced")).window_done.path == ("look", "go", "change-it", "celebrate")


def test_items_without_a_planned_time_are_said() -> None:
    assert of(timed()).unplanned == 1
    assert "1 of the items that are left has no planned time and was never measured." in of(timed()).words


def test_a_window_that_will_be_passed_is_said() -> None:
    now = database_now()
    cutover = timed(window_start=now - timedelta(hours=1), window_end=now + timedelta(minutes=30))
    assert of(cutover).late_by > timedelta(minutes=5)


def test_what_waits_for_the_window_of_production_begins_with_it() -> None:
    opens = database_now() + timedelta(hours=5)
    window = {"window_start": opens, "window_end": opens + timedelta(hours=4)}
    answer = of(timed("signed", kind=CutoverKind.PRODUCTION, **window))
    assert abs(answer.finish_at - opens - timedelta(minutes=30)) < timedelta(seconds=1)
    before = of(timed("opened", kind=CutoverKind.PRODUCTION, **window))
    assert before.finish_at == answer.finish_at  # six minutes of preparation fit in before
    assert of(timed("signed", **window)).remaining == timedelta(minutes=30)


RTO = TIMED.replace("timezone: Africa/Accra", "timezone: Africa/Accra\nrto: {from: look, to: change-it}")


class TestTimeWithoutService:
    def test_it_is_not_known_where_the_runbook_names_no_items(self) -> None:
        assert of(timed()).recovery.state == "unknown"

    def test_before_it_begins_it_is_expected_from_the_plan(self) -> None:
        found = of(make_cutover(text=RTO)).recovery
        assert (found.state, found.expected) == ("before", timedelta(minutes=11))

    def test_it_runs_from_the_effect_of_the_first_item_to_the_end_of_the_second(self) -> None:
        cutover = make_cutover("announced", text=RTO)
        ended(cutover, "look", ago=timedelta(minutes=20))
        found = of(cutover).recovery
        assert found.state == "running"
        assert timedelta(minutes=20) <= found.took < timedelta(minutes=21)
        assert timedelta(minutes=30) <= found.expected < timedelta(minutes=31)
        ended(cutover, "change-it", effect="AT_MOST_ONCE", ago=timedelta(minutes=5))
        found = of(cutover).recovery
        assert found.state == "over"
        assert abs(found.took - timedelta(minutes=15)) < timedelta(seconds=5)

    def test_on_the_way_back_it_ends_with_the_old_service(self) -> None:
        cutover = make_cutover("announced", text=RTO)
        ended(cutover, "look", ago=timedelta(minutes=20))
        services.order_rollback(cutover=cutover, by=person("ama"), reason="It is red.")
        assert of(cutover).recovery.state == "running"
        services.tick_item(item=item_of(cutover, "open-old"), by=person("ama"))
        assert of(cutover).recovery.state == "over"


def test_the_late_item_that_costs_most_is_named_and_what_has_time_to_spare_costs_nothing() -> None:
    cutover = timed("signed")
    assert of(cutover).costliest is None
    ended(cutover, "change-it", AttemptStatus.RUNNING, ago=timedelta(minutes=17))
    found = of(cutover).costliest
    assert found.view.item.key == "change-it"
    assert timedelta(minutes=7) <= found.costs < timedelta(minutes=8)
    beside = TIMED.replace("needs: [go], service", "needs: [announce], service").replace(
        "needs: [change-it],\n", "needs: [change-it, long],\n"
    )
    long = "- {key: long, title: Long, kind: manual, owner: watchers, how: Do., planned: 50m}\n      "
    cutover = make_cutover("announced", text=beside.replace("- {key: celebrate", long + "- {key: celebrate"))
    ended(cutover, "change-it", AttemptStatus.RUNNING, ago=timedelta(minutes=17))
    assert of(cutover).costliest is None


def test_what_nothing_takes_back_is_named_with_its_time() -> None:
    gone = "kind: manual, owner: watchers, irreversible: Gone., needs: [change-it], how: Look"
    text = TIMED.replace("kind: manual, owner: watchers, needs: [change-it], how: Look", gone)
    cutover = make_cutover("signed", text=text)
    (point,) = of(cutover).no_return
    assert (point.view.item.key, point.is_reached) == ("wait", False)
    assert near(point.expected_at, of(cutover).now + timedelta(days=2))  # the same people tidy up first
    with by_hand():
        Item.objects.filter(cutover=cutover, key="wait").update(done_at=database_now(), done_by=person("ama"))
    (point,) = of(cutover).no_return
    assert point.is_reached
    assert point.expected_at is None


class TestTimesOfItems:
    def test_the_waiting_for_people_is_apart_from_the_work(self) -> None:
        cutover = timed("opened")
        services.claim_item(item=item_of(cutover, "announce"), by=person("ama"))
        with by_hand():
            begun = database_now() - timedelta(minutes=7)
            Item.objects.filter(cutover=cutover, key="announce").update(claimed_at=begun)
        times = of(cutover).times["announce"]
        assert near(times.began_at, begun)
        assert times.worked >= timedelta(minutes=7)
        assert (times.is_running_late, times.ended_at) == (True, None)
        services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
        times = of(cutover).times["announce"]
        assert timedelta(minutes=7) <= times.worked < timedelta(minutes=8)
        assert times.planned == timedelta(minutes=5)
        assert not times.is_running_late
        assert times.overrun >= timedelta(minutes=2)

    def test_an_action_waits_from_its_last_need_until_its_effect_begins(self) -> None:
        cutover = timed("announced")
        with by_hand():
            ticked = database_now() - timedelta(minutes=10)
            Item.objects.filter(cutover=cutover, key="announce").update(done_at=ticked)
        ended(cutover, "look", ago=timedelta(minutes=4))
        times = of(cutover).times["look"]
        assert near(times.ready_at, ticked)
        assert timedelta(minutes=5) < times.waited < timedelta(minutes=7)
        assert of(cutover).times["go"].waited < timedelta(minutes=5)
        assert (of(cutover).times["change-it"].ready_at, of(cutover).times["change-it"].waited) == (
            None,
            None,
        )

    def test_a_tick_that_nobody_began_has_no_work_time(self) -> None:
        times = of(timed("announced")).times["announce"]
        assert (times.began_at, times.worked) == (None, None)
        assert times.ended_at is not None


class TestMeasuredDurations:
    def test_the_latest_rehearsal_of_the_same_runbook_is_expected_next(self) -> None:
        rehearsal = timed("signed")
        attempt = ended(rehearsal, "change-it", effect="AT_MOST_ONCE", ago=timedelta(hours=1))
        with by_hand():
            took = {"ended_at": attempt.effect_started_at + timedelta(minutes=3)}
            Attempt.objects.filter(pk=attempt.pk).update(**took)
        found = of(timed())
        assert found.times["change-it"].expected == timedelta(minutes=3)
        assert found.times["change-it"].is_measured
        assert found.times["change-it"].planned == timedelta(minutes=10)
        other = make_cutover(text=TIMED.replace("name: sample", "name: another"))
        assert of(other).times["change-it"].expected == timedelta(minutes=10)

    def test_a_failed_attempt_measures_nothing(self) -> None:
        cutover = timed("signed")
        ended(cutover, "change-it", AttemptStatus.FAILED, effect="AT_MOST_ONCE")
        assert not of(cutover).times["change-it"].is_measured
