"""The overview as mission control: clocks, timeline, running work, waits, and the table after the end."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.forecast.simulated import refresh_forecasts
from checklists.models import Attempt, Cutover, Item, LogLine, SimulatedForecast
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, Decision
from tests.by_hand import by_hand
from tests.checklists.forecast.test_completion import TIMED
from tests.checklists.histories import ended, make_cutover, person, sign
from tests.checklists.sized import runbook_of
from tests.checklists.views.pages import Page, markup_of, words_of

pytestmark = pytest.mark.django_db


def overview(client, cutover: Cutover) -> Page:
    return Page(client.get(cutover.get_absolute_url()))


def timed(at: str, *, opens: float = -0.5, closes: float = 2, **more) -> Cutover:
    """``opens`` and ``closes``: hours from now."""
    now = database_now()
    window = {
        "window_start": now + timedelta(hours=opens),
        "window_end": now + timedelta(hours=closes),
    }
    return make_cutover(at, text=more.pop("text", TIMED), **window, **more)


def close(cutover: Cutover) -> None:
    with by_hand():
        Cutover.objects.filter(pk=cutover.pk).update(status="ABANDONED", closed_at=database_now())


# ── clocks ───────────────────────────────────────────────────────────────────


def test_the_clocks_say_what_each_time_means(browser_of) -> None:
    page = overview(browser_of("ama"), timed("announced"))
    assert page.states("clock-") == {
        "now": "plain",
        "writable": "plain",
        "window-done": "plain",
        "window-ends": "plain",
        "way-back": "unknown",  # nobody measured it
    }
    assert re.search("30 min( [0-9]+ s)? into the window", page["clock-now"].words)
    assert "is to spare" in page["clock-window-ends"].words


def test_before_and_after_the_window_and_without_one(browser_of) -> None:
    ama = browser_of("ama")
    assert "the window opens in" in overview(ama, timed("opened", opens=1, closes=3))["clock-now"].words
    late = overview(ama, timed("announced", opens=-3, closes=-1))
    assert "the window ended 1 h" in late["clock-now"].words
    assert late["clock-window-ends"].state == "late"
    assert "too short by" in late["clock-window-ends"].words
    without = overview(ama, make_cutover("announced", text=TIMED))
    assert without["clock-window-ends"].state == "plain"


def test_a_runbook_without_marks_says_not_known_once(browser_of) -> None:
    page = browser_of("ama").get(
        timed("announced", text=TIMED.replace("service_restored: true, ", "")).get_absolute_url()
    )
    assert Page(page)["clock-writable"].state == "unknown"
    assert words_of(page).count("does not mark the item after which people can write again") == 1


def test_the_way_back_is_said_once(browser_of) -> None:
    page = browser_of("ama").get(timed("changed").get_absolute_url())
    assert Page(page)["clock-way-back"].state == "unknown"
    assert words_of(page).count("How long going back takes is not known") == 1


# ── the timeline ─────────────────────────────────────────────────────────────


def test_the_timeline_is_a_picture_with_a_sentence_and_a_table(browser_of) -> None:
    page = overview(browser_of("ama"), timed("announced"))
    picture = page["timeline-drawing"].attributes
    assert picture["role"] == "img"
    assert "Timeline of" in picture["aria-label"]
    states = page.states("time-")
    assert states["announce"] == "DONE"
    assert states["tidy"] == "BLOCKED" or states["tidy"] == "READY", "the weeks after are in the table"
    assert "about" in page["time-celebrate"].words


def test_the_timeline_of_a_rollback_keeps_what_was_passed(browser_of) -> None:
    cutover = timed("changed")
    services.order_rollback(cutover=cutover, by=person("ama"), reason="The totals are off.")
    page = overview(browser_of("ama"), cutover)
    assert page["time-go"].state == "DONE"
    assert "time-celebrate" not in page
    assert page["clock-way-back"].words.startswith("Rollback ordered")


# ── running, waiting ─────────────────────────────────────────────────────────


def run_with_lines(cutover: Cutover, *lines: str) -> Attempt:
    attempt = ended(cutover, "look", AttemptStatus.RUNNING, ago=timedelta(minutes=9))
    for number, text in enumerate(lines, 1):
        LogLine.objects.create(attempt=attempt, number=number, at=attempt.queued_at, text=text)
    return attempt


def test_what_runs_shows_its_last_lines_and_that_it_is_late(browser_of) -> None:
    cutover = timed("announced")
    run_with_lines(cutover, *(f"table {n} is equal" for n in range(9)))
    page = overview(browser_of("ama"), cutover)
    assert page["now-look"].state == "late"
    assert "over the plan" in page["now-look"].words
    words = page["now-look"].words
    assert [f"table {n} is equal" in words for n in (5, 6, 7, 8)] == [False, True, True, True]
    assert words.index("table 6") < words.index("table 8")


def test_people_who_only_watch_see_lines_only_where_the_runbook_says_so(browser_of) -> None:
    cutover = timed("announced")
    run_with_lines(cutover, "a line of a program")
    assert "a line of a program" in markup_of(browser_of("efua").get(cutover.get_absolute_url()))
    assert "a line of a program" not in markup_of(browser_of("yaw").get(cutover.get_absolute_url()))
    with by_hand():
        Cutover.objects.filter(pk=cutover.pk).update(logs_for_stakeholders=True)
    assert "a line of a program" in markup_of(browser_of("yaw").get(cutover.get_absolute_url()))


def test_manual_work_that_somebody_took_over_is_under_way(browser_of) -> None:
    cutover = timed("opened")
    services.claim_item(item=cutover.items.get(key="announce"), by=person("ama"))
    page = overview(browser_of("ama"), cutover)
    assert page["now-announce"].state == "running"
    assert "At work" in page["now-announce"].words


def test_people_are_waited_for_since_a_time(browser_of) -> None:
    cutover = timed("announced")
    with by_hand():
        Item.objects.filter(cutover=cutover, key="announce").update(
            done_at=database_now() - timedelta(minutes=7)
        )
    page = overview(browser_of("efua"), cutover)
    assert "7 min ago" in page[f"wait-{person('ama').pk}"].words
    assert "decides the end" in page[f"wait-{person('ama').pk}"].words


def test_what_waits_for_the_reader_comes_before_the_clocks(browser_of) -> None:
    cutover = timed("announced")
    lead, watching = (overview(browser_of(name), cutover) for name in ("ama", "yaw"))
    assert "Waiting for you" in lead["waits-for-you"].words
    assert (
        cutover.items.get(key="look").get_absolute_url()
        in markup_of(browser_of("ama").get(cutover.get_absolute_url())).partition('id="clocks"')[0]
    )
    assert "waits-for-you" not in watching
    close(cutover)
    assert "waits-for-you" not in overview(browser_of("ama"), cutover)


def test_the_next_gate_is_named_with_its_time_its_seats_or_its_no_go(browser_of) -> None:
    ama = browser_of("ama")
    assert "can be signed from about" in overview(ama, timed("announced"))["next-gate"].words
    cutover = timed("signed_once")
    assert "1 of 2 seats signed" in overview(ama, cutover)["next-gate"].words
    sign(cutover, "kofi", "finance", Decision.NO_GO, "the totals are off")
    gate = overview(ama, cutover)["next-gate"]
    assert (gate.state, "Kofi said no-go" in gate.words) == ("NO_GO", True)
    assert "next-gate" not in overview(ama, timed("signed"))


# ── after the end ────────────────────────────────────────────────────────────


def test_after_the_end_each_item_is_held_against_its_forecast_worst_first(browser_of) -> None:
    cutover = timed("changed")
    now = database_now()
    with by_hand():
        for key, minutes in (("look", 9), ("change-it", 4)):
            begun = now - timedelta(minutes=minutes)
            Attempt.objects.filter(cutover=cutover, item__key=key).update(
                effect_started_at=begun, ended_at=now
            )
    close(cutover)
    answer = browser_of("ama").get(cutover.get_absolute_url())
    page = Page(answer)
    states = page.states("outcome-")
    assert [*states][:2] == ["look", "change-it"]
    assert (states["look"], states["change-it"]) == ("longer", "shorter")
    assert "+8 min" in page["outcome-look"].words
    assert "−6 min" in page["outcome-change-it"].words  # a minus
    assert states["announce"] == "unknown"
    assert "not known" in page["outcome-announce"].words
    assert "running" not in page, "nothing runs in what is closed"


def test_what_was_expected_is_what_a_rehearsal_took_before_the_night(browser_of) -> None:
    now = database_now()

    def rehearse(minutes: int, at: timedelta) -> None:
        rehearsal = make_cutover("signed", text=TIMED)
        ended(rehearsal, "change-it", effect="AT_MOST_ONCE")
        with by_hand():
            Attempt.objects.filter(cutover=rehearsal).update(
                effect_started_at=now - at - timedelta(minutes=minutes), ended_at=now - at
            )

    rehearse(25, timedelta(hours=9))
    cutover = timed("changed")
    close(cutover)
    rehearse(3, timedelta())
    page = overview(browser_of("ama"), cutover)
    assert "25 min rehearsed" in page["outcome-change-it"].words


def test_a_page_simulates_nothing_and_shows_what_was_simulated_beside_it(browser_of) -> None:
    cutover, ama = timed("looked"), browser_of("ama")
    assert "nine times in ten" not in markup_of(ama.get(cutover.get_absolute_url()))
    assert not SimulatedForecast.objects.exists()
    refresh_forecasts()
    assert "nine times in ten" in markup_of(ama.get(cutover.get_absolute_url()))


def test_every_page_says_the_same_end_and_calls_it_late_where_the_simulation_does(browser_of) -> None:
    """The plan alone would be in time: 31 minutes of the two hours that are left."""
    cutover, ama = timed("announced"), browser_of("ama")
    refresh_forecasts()
    row = SimulatedForecast.objects.get(cutover=cutover)
    hours = {"service_restored": 2.5, "ends_window": 3, "everything": 300}
    SimulatedForecast.objects.update(
        moments={name: {"p50": each * 3600, "p90": each * 3700} for name, each in hours.items()}
    )
    writable, end = (f"{row.at + timedelta(hours=each):%H:%M}" for each in (2.5, 3))
    page = overview(ama, cutover)
    states = page.states("clock-")
    assert [states[name] for name in ("writable", "window-done", "window-ends")] == ["late"] * 3
    assert writable in page["clock-writable"].words
    assert end in page["clock-window-done"].words
    wall = words_of(ama.get(f"{cutover.get_absolute_url()}?wall"))
    assert re.search(rf"{writable} [\w ]+ too late", wall)
    status = Page(browser_of("yaw").get(reverse("status", args=[cutover.slug])))
    assert status["on-time"].state == "late"
    assert re.search(rf"about 1 h [\w ]*late, at {end}", status["on-time"].words)
    assert Page(ama.get(f"{cutover.get_absolute_url()}gates/go/"))["time-left"].state == "late"


@pytest.mark.parametrize(
    ("likely", "nearly_sure", "words"),
    [
        (timedelta(), timedelta(hours=1), r"9 in 10 by \d\d:\d\d"),
        (timedelta(), timedelta(days=2), r"9 in 10 by \d+ [A-Z][a-z]{2} \d\d:\d\d"),
        (timedelta(days=3), timedelta(days=3), r"\d+ [A-Z][a-z]{2} · 9 in 10 by \d\d:\d\d"),
        (timedelta(days=3), timedelta(days=5), r"\d+ [A-Z][a-z]{2} · 9 in 10 by \d+ [A-Z][a-z]{2}"),
    ],
)
def test_the_wall_names_each_day_that_is_another_one(browser_of, likely, nearly_sure, words: str) -> None:
    cutover = timed("looked", closes=500)
    # Noon of the place is at least an hour from both ends of its day.
    noon = database_now().astimezone(cutover.zone).replace(hour=12)
    refresh_forecasts()
    row = SimulatedForecast.objects.get()
    p50, p90 = ((noon + each - row.at).total_seconds() for each in (likely, nearly_sure))
    names = ("service_restored", "ends_window", "everything")
    SimulatedForecast.objects.update(moments={name: {"p50": p50, "p90": p90} for name in names})
    wall = words_of(browser_of("ama").get(f"{cutover.get_absolute_url()}?wall"))
    assert re.search(rf"People can write again \d\d:\d\d {words} ", wall)


def test_the_wall_says_when_there_is_nothing_to_tell(browser_of) -> None:
    cutover = make_cutover("changed")
    wall = words_of(browser_of("ama").get(f"{cutover.get_absolute_url()}?wall"))
    assert "True now No gate is left, and nothing was measured." in wall


# ── cost ─────────────────────────────────────────────────────────────────────


def test_200_items_of_which_some_run_take_as_many_queries_as_20(browser_of) -> None:
    counts = []
    for items in (20, 200):
        cutover = make_cutover(text=runbook_of(items))
        keys = [f"i{n}-0" for n in range(items // 10)]
        for key in keys:
            attempt = ended(cutover, key, AttemptStatus.RUNNING)
            LogLine.objects.create(attempt=attempt, number=1, at=attempt.queued_at, text="a line")
        ama = browser_of("ama")
        ama.get(cutover.get_absolute_url())
        with CaptureQueriesContext(connection) as queries:
            assert ama.get(cutover.get_absolute_url()).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
