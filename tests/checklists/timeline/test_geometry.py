"""Where times lie in a drawing: in proportion, cut off at its edges, and in the night when clocks change."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from checklists.states import ItemState
from checklists.timeline.bars import THINNEST, describe_item, draw_bars, end_of, place
from checklists.timeline.items import TimelineItem
from checklists.timeline.marks import lay_out_labels
from checklists.timeline.scale import TimeScale, choose_scale
from checklists.timeline.shapes import TimelineBar, TimelineMark
from checklists.timeline.sizes import PAGE, WALL

ONE = datetime(2026, 11, 30, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ACCRA = ZoneInfo("Africa/Accra")
NIGHT = TimeScale(ONE, ONE + 4 * HOUR, ACCRA)


def item(state: ItemState = ItemState.DONE, **more: Any) -> TimelineItem:
    nothing = dict.fromkeys(
        ("planned", "rehearsed", "ready_at", "began_at", "ended_at", "begins", "ends", "worked", "over")
    )
    known: dict[str, Any] = {
        "key": "k",
        "number": "3.4",
        "title": "Fresh backup",
        "cutover": "c",
        "phase": "p",
    }
    flags = dict.fromkeys(("is_gate", "is_critical", "is_irreversible", "is_after_window"), False)
    return TimelineItem(**known | nothing | flags | {"state": state} | more)


def bars(one: TimelineItem, now: datetime = ONE + HOUR) -> dict[str, TimelineBar]:
    return {bar.kind: bar for bar in draw_bars(one, NIGHT, now, 0, PAGE)}


# ── the scale ────────────────────────────────────────────────────────────────


def test_positions_are_proportional_to_time() -> None:
    assert [NIGHT.x(ONE + n * HOUR) for n in range(5)] == [0, 25, 50, 75, 100]
    assert place(ONE + HOUR, ONE + 2 * HOUR, NIGHT) == (25, 25)


def test_what_is_outside_lies_on_the_edge_and_seconds_stay_visible() -> None:
    assert (NIGHT.x(ONE - HOUR), NIGHT.x(ONE + 9 * HOUR)) == (0, 100)
    assert place(ONE - HOUR, ONE + HOUR, NIGHT) == (0, 25)
    assert place(ONE + HOUR, ONE + HOUR + timedelta(seconds=1), NIGHT) == (25, THINNEST)
    assert place(ONE + 4 * HOUR, ONE + 5 * HOUR, NIGHT) == (100 - THINNEST, THINNEST)


def test_hours_are_written_by_the_clock_of_the_cutover() -> None:
    kolkata = TimeScale(ONE, ONE + 3 * HOUR, ZoneInfo("Asia/Kolkata"))  # 06:30 there
    assert [tick.label for tick in kolkata.ticks(4)] == ["07:00", "08:00", "09:00"]
    assert kolkata.ticks(4)[0].x == pytest.approx(100 / 6, abs=0.01)
    late = TimeScale(ONE - 3 * HOUR, ONE, ACCRA)
    assert [tick.label for tick in late.ticks(4)] == ["22:00", "23:00", "30 Nov", "01:00"]


@pytest.mark.parametrize(
    ("begins", "labels"),
    [
        (datetime(2026, 3, 29, 0, tzinfo=UTC), ["01:00", "03:00", "04:00", "05:00"]),  # 02:00 does not exist
        (datetime(2026, 10, 25, 0, tzinfo=UTC), ["02:00", "02:00", "03:00", "04:00"]),  # 02:00 comes twice
    ],
)
def test_in_the_night_when_clocks_change_hours_stay_as_far_apart(begins: datetime, labels: list[str]) -> None:
    scale = TimeScale(begins, begins + 3 * HOUR, ZoneInfo("Europe/Berlin"))
    ticks = scale.ticks(4)
    assert [tick.label for tick in ticks] == labels
    steps = [b.x - a.x for a, b in itertools.pairwise(ticks)]
    assert steps == pytest.approx([100 / 3] * 3, abs=0.02)


def test_days_of_preparation_and_weeks_after_do_not_squeeze_the_night() -> None:
    window = (ONE, ONE + 4 * HOUR)
    scale = choose_scale(window, [ONE - 90 * HOUR], [ONE + 500 * HOUR], ONE + HOUR, ACCRA)
    assert scale.begins == ONE - HOUR
    assert scale.ends <= ONE + 13 * HOUR
    on_time = choose_scale(window, [ONE], [ONE + 3 * HOUR], ONE + HOUR, ACCRA)
    assert on_time.begins == ONE
    assert on_time.holds(ONE + 4 * HOUR)
    assert not on_time.holds(ONE + 5 * HOUR)


def test_without_a_window_and_without_anything_done_there_is_a_drawing() -> None:
    scale = choose_scale((None, None), [], [], ONE, ACCRA)
    assert scale.ends > scale.begins
    assert scale.ticks(12)


# ── the bars of an item ──────────────────────────────────────────────────────


def test_what_took_longer_than_planned_has_a_part_of_another_kind() -> None:
    times = {"began_at": ONE, "ended_at": ONE + HOUR, "worked": HOUR, "over": 20 * MINUTE}
    late = item(planned=40 * MINUTE, rehearsed=HOUR / 2, **times)
    drawn = bars(late)
    assert (drawn["done"].x, drawn["done"].width) == (0, 25)
    assert drawn["late"].x + drawn["late"].width == pytest.approx(25, abs=0.02)
    assert drawn["late"].width == pytest.approx(25 / 3, abs=0.02)
    assert drawn["planned"].width == pytest.approx(25 * 2 / 3, abs=0.02)
    assert (drawn["rehearsed"].x, drawn["rehearsed"].width) == (0, 12.5)
    assert drawn["rehearsed"].y > drawn["done"].y + drawn["done"].height
    assert drawn["late"].fill, "a pattern, for people who do not see the colour"


def test_what_runs_ends_now_and_goes_on_as_expected() -> None:
    drawn = bars(item(ItemState.RUNNING, began_at=ONE, begins=ONE + HOUR, ends=ONE + 2 * HOUR))
    assert (drawn["running"].x, drawn["running"].width) == (0, 25)
    assert (drawn["expected"].x, drawn["expected"].width) == (25, 25)


def test_an_unknown_duration_is_drawn_as_unknown_and_never_as_nothing() -> None:
    ahead = item(ItemState.BLOCKED, begins=ONE + 2 * HOUR)
    assert bars(ahead).keys() == {"guessed"}
    assert "nobody knows for how long" in describe_item(ahead, NIGHT)
    ticked = item(ended_at=ONE + HOUR)
    drawn = bars(ticked)
    assert drawn.keys() == {"ticked"}
    assert drawn["ticked"].is_point


def test_waiting_for_people_is_apart_from_work() -> None:
    drawn = bars(item(ready_at=ONE, began_at=ONE + HOUR, ended_at=ONE + 2 * HOUR))
    assert (drawn["waited"].width, drawn["done"].width) == (25, 25)
    assert "waited" not in bars(item(ItemState.BLOCKED, ready_at=ONE, begins=ONE + 2 * HOUR))


@pytest.mark.parametrize(
    ("state", "kind"), [(ItemState.DONE, "passed"), (ItemState.BLOCKED, "gate"), (ItemState.NO_GO, "no-go")]
)
def test_a_gate_is_a_shape_at_its_moment(state: ItemState, kind: str) -> None:
    at = {"ended_at": ONE + HOUR} if state == ItemState.DONE else {"begins": ONE + HOUR}
    drawn = bars(item(state, is_gate=True, **at))
    assert drawn[kind].is_point
    assert drawn[kind].x == 25


@pytest.mark.parametrize(("state", "kind"), [(ItemState.UNKNOWN, "unknown"), (ItemState.FAILED, "failed")])
def test_what_was_lost_or_failed_is_neither_done_nor_expected(state: ItemState, kind: str) -> None:
    drawn = bars(item(state, began_at=ONE, ended_at=ONE + HOUR, over=10 * MINUTE))
    assert drawn.keys() == {kind}


def test_what_lies_outside_draws_nothing() -> None:
    assert not bars(item(began_at=ONE - 9 * HOUR, ended_at=ONE - 8 * HOUR))
    assert end_of(item(), ONE) is None


# ── labels of moments ────────────────────────────────────────────────────────


@pytest.mark.parametrize("sizes", [PAGE, WALL], ids=["page", "wall"])
def test_no_label_of_a_moment_covers_another_or_leaves_the_drawing(sizes: Any) -> None:
    words = ("now 02:14", "window ends 05:00", "go back until 03:48", "no way back from 04:05")
    marks = [TimelineMark("m", words[n % 4], ONE, x) for n, x in enumerate((0, 1, 40, 41, 97, 99, 100))]
    laid_out, height = lay_out_labels(marks, 0, sizes)
    taken: dict[int, list[tuple[float, float]]] = {}
    for mark in laid_out:
        wide = len(mark.label) * sizes.char / sizes.narrow * 100
        begins = mark.label_x if mark.anchor == "start" else mark.label_x - wide
        assert begins >= 0
        assert begins + wide <= 101
        taken.setdefault(mark.y, []).append((begins, begins + wide))
    assert height == len(taken) * sizes.mark
    for line in taken.values():
        for (_, ends), (begins, _) in itertools.pairwise(sorted(line)):
            assert ends <= begins
