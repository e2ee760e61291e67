"""When do we finish, and how long may we still go back?"""

from datetime import timedelta

import pytest

from checklists.board import Board
from checklists.forecast import make_forecast
from checklists.models import Backup, Item
from checklists.models.audit import database_now
from checklists.states import CutoverKind
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover, verify

pytestmark = pytest.mark.django_db


def of(cutover):
    return make_forecast(Board.load(cutover))


def test_what_is_left_is_the_longest_chain_of_planned_times():
    assert of(make_cutover()).remaining == timedelta(minutes=36)
    assert of(make_cutover("announced")).remaining == timedelta(minutes=31)
    assert of(make_cutover("changed")).remaining == timedelta(minutes=20)


def test_items_without_a_planned_time_are_said():
    assert "1 of the items that are left have no planned time." in of(make_cutover()).words


def test_a_window_that_will_be_passed_is_said():
    now = database_now()
    cutover = make_cutover(window_start=now - timedelta(hours=1), window_end=now + timedelta(minutes=30))
    assert of(cutover).late_by > timedelta(minutes=5)


def test_what_waits_for_the_window_of_production_begins_with_it():
    opens = database_now() + timedelta(hours=5)
    window = {"window_start": opens, "window_end": opens + timedelta(hours=4)}
    answer = of(make_cutover("signed", kind=CutoverKind.PRODUCTION, **window))
    assert abs(answer.finish_at - opens - timedelta(minutes=30)) < timedelta(seconds=1)
    before = of(make_cutover("opened", kind=CutoverKind.PRODUCTION, **window))
    assert before.finish_at == answer.finish_at  # six minutes of preparation fit in before
    rehearsal = of(make_cutover("signed", **window))
    assert rehearsal.remaining == timedelta(minutes=30)


def test_how_long_going_back_takes_is_unknown_without_a_restored_backup():
    cutover = make_cutover(window_end=database_now() + timedelta(hours=2), window_start=database_now())
    with by_hand():
        Item.objects.filter(cutover=cutover, key="restore").update(action="backup.verify")
    answer = of(cutover)
    assert (answer.go_back_seconds, answer.last_moment_back) == (None, None)
    assert "not known: no backup was restored yet" in " ".join(answer.words)


def test_a_way_back_without_a_backup_takes_what_its_items_are_planned_to_take():
    end = database_now() + timedelta(hours=2)
    answer = of(make_cutover(window_start=end - timedelta(hours=4), window_end=end))
    assert "Going back is planned to take 15 min; it was not measured." in answer.words
    assert answer.last_moment_back == end - timedelta(minutes=15)


def test_a_runbook_without_a_way_back_is_said():
    cutover = make_cutover()
    with by_hand():
        cutover.phases.filter(direction="ROLLBACK").update(direction="FORWARD")
    assert "The runbook has no items for a rollback." in of(cutover).words


def test_the_last_moment_to_go_back_rests_on_the_measured_restore():
    end = database_now() + timedelta(hours=2)
    cutover = make_cutover("announced", window_start=end - timedelta(hours=4), window_end=end)
    attempt = ended(cutover, "look")
    backup = Backup.objects.create(
        cutover=cutover,
        attempt=attempt,
        path="/x",
        bytes=1,
        sha256="a" * 64,
        taken_at=end,
    )
    verify(backup, attempt, seconds=240.0)
    assert of(cutover).last_moment_back == end - timedelta(minutes=15, seconds=240)
    verify(backup, ended(cutover, "look"), equal=False, reason="The table gifts differs.")
    assert of(cutover).go_back_seconds is None
    assert "says of this backup: The table gifts differs." in " ".join(of(cutover).words)
