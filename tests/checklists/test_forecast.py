"""When do we finish, and how long may we still go back?"""

from datetime import timedelta

import pytest

from checklists.forecast import forecast
from checklists.gates import Board
from checklists.models import Backup
from checklists.models.audit import database_now
from tests.checklists.histories import ended, make_cutover

pytestmark = pytest.mark.django_db


def of(cutover):
    return forecast(Board.of(cutover))


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


def test_how_long_going_back_takes_is_unknown_without_a_restored_backup():
    answer = of(make_cutover())
    assert answer.go_back_seconds is None
    assert "not known" in " ".join(answer.words)


def test_the_last_moment_to_go_back_rests_on_the_measured_restore():
    end = database_now() + timedelta(hours=2)
    cutover = make_cutover("announced", window_start=end - timedelta(hours=4), window_end=end)
    attempt = ended(cutover, "look")
    Backup.objects.create(
        cutover=cutover,
        attempt=attempt,
        path="/x",
        bytes=1,
        sha256="a" * 64,
        taken_at=end,
        verified_at=end,
        verified_by=attempt,
        restore_seconds=240.0,
    )
    assert of(cutover).last_moment_back == end - timedelta(minutes=15, seconds=240)
