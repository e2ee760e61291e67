"""Until when may we still go back? Never by the restore alone, and never by a guess."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from checklists import services
from checklists.board import Board
from checklists.forecast import WayBack, make_forecast
from checklists.models import Attempt, AuditEntry, Backup, Cutover, Item
from checklists.models.audit import database_now
from checklists.states import Direction
from tests.by_hand import by_hand
from tests.checklists.forecast.test_completion import TIMED
from tests.checklists.histories import ended, item_of, make_cutover, person, verify

pytestmark = pytest.mark.django_db

PARALLEL = TIMED.replace(
    "  - {key: open-old,",
    "  - {key: point-back, title: Point back, kind: action, owner: lead, action: sample.look, planned: 1m}\n"
    "      - {key: open-old,",
).replace("needs: [restore],\n         service", "needs: [restore, point-back],\n         service")


def of(cutover: Cutover) -> WayBack:
    return make_forecast(Board.load(Cutover.objects.get(pk=cutover.pk))).way_back


def window(hours: float = 2) -> dict[str, Any]:
    now = database_now()
    return {"window_start": now - timedelta(hours=1), "window_end": now + timedelta(hours=hours)}


def rehearse(text: str = TIMED, minutes: dict[str, float] | None = None) -> Cutover:
    """A rehearsal that went back: its actions took so many minutes, and “open-old” five."""
    cutover = make_cutover("changed", text=text)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="Rehearsed.")
    cutover = Cutover.objects.get(pk=cutover.pk)
    end = database_now()
    for key, length in (minutes or {"restore": 8}).items():
        attempt = ended(cutover, key)
        begun = end - timedelta(minutes=5 + length)
        with by_hand():
            times = {"queued_at": begun, "effect_started_at": begun, "ended_at": end - timedelta(minutes=5)}
            Attempt.objects.filter(pk=attempt.pk).update(**times)
    services.tick_item(item=item_of(cutover, "open-old"), by=person("ama"))
    connection.check_constraints()  # the entries are looked for while they are dated now
    with by_hand():
        orders = AuditEntry.objects.filter(cutover=cutover, kind="rollback.ordered")
        orders.update(at=end - timedelta(hours=1))
        Item.objects.filter(cutover=cutover, key="open-old").update(
            claimed_at=end - timedelta(minutes=5), done_at=end
        )
    return cutover


def seconds(length: timedelta | None) -> float:
    assert length is not None
    return length.total_seconds()


def test_it_is_the_end_of_the_window_less_the_measured_rollback_less_the_decision() -> None:
    rehearse()
    cutover = make_cutover("changed", text=TIMED, **window())
    found = of(cutover)
    assert [view.item.key for view in found.steps] == ["restore", "open-old"]
    assert seconds(found.takes) == pytest.approx(13 * 60, abs=2)
    assert found.decision_time == timedelta(minutes=30)
    expected = cutover.window_end - timedelta(minutes=43)
    assert abs(found.last_safe_moment - expected) < timedelta(seconds=2)
    assert found.state == "known"


def test_the_runbooks_decision_time_counts() -> None:
    rehearse()
    text = TIMED.replace("timezone: Africa/Accra", "timezone: Africa/Accra\ndecision_time: 10m")
    cutover = make_cutover("changed", text=text, **window())
    assert abs(of(cutover).last_safe_moment - cutover.window_end + timedelta(minutes=23)) < timedelta(
        seconds=2
    )


def test_what_may_go_on_at_the_same_time_counts_once() -> None:
    rehearse(PARALLEL, {"restore": 8, "point-back": 6})
    assert seconds(of(make_cutover("changed", text=PARALLEL, **window())).takes) == pytest.approx(780, abs=2)


def test_a_needed_item_that_was_never_measured_makes_it_not_known() -> None:
    found = of(make_cutover("changed", text=TIMED, **window()))
    assert (found.state, found.takes, found.last_safe_moment, found.is_red) == ("unknown", None, None, True)
    assert [view.item.key for view in found.unmeasured] == ["restore", "open-old"]
    assert "nobody has measured 3.1 Restore it, 3.2 Open the old one (planned: 20 min" in found.why_unknown


def test_one_unmeasured_item_is_enough() -> None:
    rehearse()  # without “point-back”
    found = of(make_cutover("changed", text=PARALLEL, **window()))
    assert [view.item.key for view in found.unmeasured] == ["point-back"]


def test_only_what_happened_has_to_be_taken_back() -> None:
    found = of(make_cutover("signed", text=TIMED, **window()))
    assert "restore" not in [view.item.key for view in found.unmeasured]  # what it takes back never began
    rehearse()
    before, after = (of(make_cutover(at, text=TIMED, **window())) for at in ("signed", "changed"))
    assert seconds(before.takes) == pytest.approx(300, abs=2)
    assert seconds(after.takes) > seconds(before.takes)
    assert after.last_safe_moment < before.last_safe_moment


def test_a_measured_restore_of_a_backup_is_not_the_way_back() -> None:
    cutover = make_cutover("changed", text=TIMED, **window())
    backup = Backup.objects.create(
        cutover=cutover,
        attempt=ended(cutover, "look"),
        path="/x",
        bytes=1,
        sha256="a" * 64,
        taken_at=database_now(),
    )
    verify(backup, ended(cutover, "look"), seconds=2.5)
    found = of(cutover)
    assert (found.restore_seconds, found.takes, found.state) == (2.5, None, "unknown")
    verify(backup, ended(cutover, "look"), equal=False, reason="The table gifts differs.")
    assert of(cutover).restore_seconds is None
    assert "says of this backup: The table gifts differs." in of(cutover).backup_problem


def test_a_rollback_that_restores_a_backup_needs_one_that_was_restored() -> None:
    rehearse()
    cutover = make_cutover("changed", text=TIMED, **window())
    with by_hand():
        Item.objects.filter(cutover=cutover, key="restore").update(action="rollback.restore")
    assert "no backup was restored yet" in of(cutover).why_unknown


def test_a_runbook_that_does_not_say_where_going_back_ends_is_not_known() -> None:
    text = TIMED.replace("         service_restored: true, how: Open it.", "         how: Open it.")
    assert "service_restored" in of(make_cutover("changed", text=text, **window())).why_unknown
    cutover = make_cutover(text=TIMED)
    with by_hand():
        cutover.phases.filter(direction="ROLLBACK").update(direction="FORWARD")
    assert of(cutover).why_unknown == "The runbook has no items for a rollback."


def test_it_is_soon_and_then_passed() -> None:
    rehearse()
    assert of(make_cutover("changed", text=TIMED, **window(0.8))).state == "soon"
    passed = make_cutover("changed", text=TIMED, **window(0.5))
    assert (of(passed).state, of(passed).is_red) == ("passed", True)
    assert of(passed).sentence == "There is no longer enough of the window left to go back within it."
    assert of(passed).sentence not in make_forecast(Board.load(passed)).words, "its clock says it"


def test_without_a_window_there_is_a_duration_and_no_moment() -> None:
    rehearse()
    found = of(make_cutover("changed", text=TIMED))
    assert (found.state, found.last_safe_moment) == ("none", None)
    assert seconds(found.takes) == pytest.approx(780, abs=2)


def test_once_it_is_ordered_there_is_nothing_left_to_decide() -> None:
    cutover = rehearse()
    assert cutover.direction == Direction.ROLLBACK
    assert (of(cutover).state, of(cutover).sentence) == ("ordered", "")


def test_the_number_of_queries_does_not_grow(django_assert_max_num_queries: Any) -> None:
    for _ in range(3):
        rehearse()
    board = Board.load(make_cutover("changed", text=TIMED, **window()))
    with django_assert_max_num_queries(11):
        make_forecast(board)
