"""The drawing of a cutover in its states: what it shows, what it leaves out, and what it says in words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from checklists import services
from checklists.board import Board
from checklists.forecast import make_forecast
from checklists.models import Attempt, Cutover, Item
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind, Decision, ItemState
from checklists.timeline import PAGE, WALL, Timeline, draw_timeline
from checklists.timeline.items import floor
from checklists.timeline.shapes import DrawnItem
from tests.by_hand import by_hand
from tests.checklists.forecast.test_completion import TIMED
from tests.checklists.histories import ended, make_cutover, person, sign

pytestmark = pytest.mark.django_db


def drawing(cutover: Cutover, sizes: Any = PAGE) -> Timeline:
    board = Board.load(Cutover.objects.get(pk=cutover.pk))
    found = draw_timeline(board, make_forecast(board), sizes)
    assert found is not None
    return found


def drawn(timeline: Timeline) -> dict[str, DrawnItem]:
    return {one.item.key: one for lane in timeline.lanes for one in lane.items}


def kinds(timeline: Timeline, key: str) -> set[str]:
    return {bar.kind for bar in drawn(timeline)[key].bars}


def marks(timeline: Timeline) -> dict[str, str]:
    return {mark.kind: mark.edge for mark in timeline.marks}


def timed(at: str = "opened", *, text: str = TIMED, **window: timedelta) -> Cutover:
    """``opens`` and ``closes`` are from now; by default half an hour ago and in two hours."""
    now = database_now()
    opens = now + window.get("opens", -timedelta(minutes=30))
    closes = now + window.get("closes", timedelta(hours=2))
    return make_cutover(at, text=text, window_start=opens, window_end=closes)


def moved(cutover: Cutover, key: str, **times: datetime) -> None:
    with by_hand():
        Attempt.objects.filter(cutover=cutover, item__key=key).update(**times)


def test_before_the_window_now_is_on_the_edge_and_everything_is_expected() -> None:
    timeline = drawing(timed(opens=timedelta(days=2), closes=timedelta(days=2, hours=3)))
    assert marks(timeline)["now"] == "before"
    assert marks(timeline)["opens"] == ""
    assert timeline.label.startswith("Timeline of ")
    assert "nothing runs" in timeline.label


def test_what_decides_the_end_is_marked_in_its_order() -> None:
    timeline = drawing(timed())
    path = [item.key for item in timeline.critical]
    assert path == ["announce", "look", "go", "change-it", "celebrate"]
    assert all(drawn(timeline)[key].item.is_critical for key in path)
    assert "tidy" not in drawn(timeline), "weeks after the window are not part of the night"


def test_what_runs_and_is_late_has_its_name() -> None:
    cutover = timed("announced")
    ended(cutover, "look", AttemptStatus.RUNNING, ago=timedelta(minutes=9))
    timeline = drawing(cutover)
    label = drawn(timeline)["look"].label
    assert label is not None
    assert label.is_needed
    assert label.text.startswith("1.2 Look")
    assert label.text.endswith(", late")
    assert {"running", "late", "planned"} <= kinds(timeline, "look")
    assert "running: 1.2 Look at it" in timeline.label


def test_a_lost_attempt_a_no_go_and_what_comes_after_them() -> None:
    cutover = timed("announced")
    ended(cutover, "look", AttemptStatus.UNKNOWN, unknown_reason="Its worker died.")
    assert "unknown" in kinds(drawing(cutover), "look")
    stopped = timed("looked")
    sign(stopped, "kofi", "finance", Decision.NO_GO, "the totals are off")
    timeline = drawing(stopped)
    assert "no-go" in kinds(timeline, "go")
    assert "expected" in kinds(timeline, "change-it"), "what comes after it is still drawn"


def test_the_points_of_no_return_are_a_line() -> None:
    text = TIMED.replace("undo: restore, planned: 10m", "irreversible: It is final., planned: 10m")
    assert text != TIMED
    assert "no-return" in marks(drawing(timed("signed", text=text)))
    assert "no-return-reached" in marks(drawing(timed("changed", text=text)))


def test_during_a_rollback_what_was_passed_stays_and_the_way_back_is_expected() -> None:
    cutover = timed("changed")
    services.order_rollback(cutover=cutover, by=person("ama"), reason="The totals are off.")
    timeline = drawing(cutover)
    found = drawn(timeline)
    assert {"announce", "look", "go", "change-it", "restore"} <= found.keys()
    assert "celebrate" not in found, "nobody will do it"
    assert (found["go"].item.state, kinds(timeline, "go") & {"passed"}) == (ItemState.DONE, {"passed"})
    assert "expected" in kinds(timeline, "restore")
    assert "ordered" in marks(timeline)
    assert [lane.key for lane in timeline.lanes][-1] == "back", "as time goes, from top to bottom"


def test_a_closed_cutover_expects_nothing() -> None:
    cutover = timed("changed")
    with by_hand():
        Cutover.objects.filter(pk=cutover.pk).update(status="ABANDONED", closed_at=database_now())
    timeline = drawing(cutover)
    drawn_kinds = {bar.kind for one in drawn(timeline).values() for bar in one.bars}
    assert drawn_kinds.isdisjoint({"expected", "guessed", "gate"})
    assert "now" not in marks(timeline)
    assert "ended" in marks(timeline)
    assert not timeline.critical


def test_the_last_rehearsal_lies_underneath() -> None:
    rehearsal = make_cutover("signed", text=TIMED)
    ended(rehearsal, "change-it", effect="AT_MOST_ONCE")
    now = database_now()
    moved(rehearsal, "change-it", effect_started_at=now - timedelta(minutes=25), ended_at=now)
    timeline = drawing(timed())
    assert drawn(timeline)["change-it"].item.rehearsed == timedelta(minutes=25)
    assert "rehearsed" in kinds(timeline, "change-it")
    assert drawn(timeline)["celebrate"].item.rehearsed is None


def test_an_item_without_any_duration_is_drawn_as_not_known() -> None:
    timeline = drawing(timed(text=TIMED.replace(", planned: 20m}", "}")))
    assert "guessed" in kinds(timeline, "celebrate")
    row = timeline.table.split('id="time-celebrate"')[1].split("</tr>")[0]
    assert "not known" in row


def test_a_hundred_short_items_stay_visible_without_a_hundred_labels() -> None:
    items = "".join(
        f"      - {{key: s{n}, title: Short {n}, kind: manual, owner: lead, how: Do., planned: 2s}}\n"
        for n in range(100)
    )
    text = TIMED.replace(
        "  - key: change\n", f"  - key: many\n    title: Many\n    items:\n{items}  - key: change\n"
    )
    lane = next(lane for lane in drawing(timed(text=text)).lanes if lane.key == "many")
    assert len(lane.items) == 100
    assert min(bar.width for one in lane.items for bar in one.bars if bar.kind == "expected") >= 0.5
    assert sum(one.label is not None for one in lane.items) <= PAGE.rows * 12
    assert lane.height <= PAGE.title + PAGE.rows * PAGE.row + 10


def test_equal_drawings_are_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board.load(timed("looked"))
    forecast = make_forecast(board)
    one, other = (draw_timeline(board, forecast, PAGE) for _ in range(2))
    assert one == other
    assert one is not None
    assert other is not None
    assert one.svg is other.svg


def test_a_second_later_what_runs_makes_no_other_drawing() -> None:
    """Else each page would draw every item anew while anything runs."""
    cutover = timed("announced")
    ended(cutover, "look", AttemptStatus.RUNNING, ago=timedelta(minutes=9))
    board = Board.load(cutover)
    begins = floor(board.now + timedelta(seconds=10))  # nine seconds in which nothing expected moves on

    def drawing_at(at: datetime) -> Timeline | None:
        there = replace(board, rows=replace(board.rows, now=at))
        return draw_timeline(there, make_forecast(there), PAGE)

    one, other = drawing_at(begins + timedelta(seconds=1)), drawing_at(begins + timedelta(seconds=3))
    assert one == other
    assert one != drawing_at(begins + timedelta(seconds=11))


def test_what_a_runbook_says_is_never_markup() -> None:
    timeline = drawing(timed(text=TIMED.replace("title: Celebrate", """title: '<b>&"x"' """)))
    assert "&lt;b&gt;&amp;&quot;x&quot;" in timeline.svg
    assert "&lt;b&gt;&amp;&quot;x&quot;" in timeline.table
    assert "<b>" not in timeline.svg + timeline.table


def test_the_table_gives_the_date_of_what_is_on_another_day() -> None:
    timeline = drawing(timed("looked", opens=-timedelta(hours=60), closes=-timedelta(hours=50)))
    row = timeline.table.split('id="time-tidy"')[1].split("</tr>")[0]
    assert re.search(r"<td>about \d+ [A-Z][a-z]{2} \d\d:\d\d</td>", row)


def test_the_wall_draws_the_lanes_around_the_work_of_now() -> None:
    timeline = drawing(timed("changed"), WALL)
    assert len(timeline.lanes) <= 5
    assert all(one.label is None for lane in timeline.lanes for one in lane.items)


def test_the_drawing_of_production_is_that_of_its_window() -> None:
    now = database_now()
    cutover = make_cutover(
        kind=CutoverKind.PRODUCTION,
        text=TIMED,
        window_start=now + timedelta(hours=1),
        window_end=now + timedelta(hours=3),
    )
    change = drawn(drawing(cutover))["change-it"].item
    assert change.begins is not None
    assert change.begins >= now, "what changes production waits for its window"
    assert not Item.objects.filter(cutover=cutover, key="gone")
