"""Mission control in a real browser: on a page, on a telephone, and on a screen at the wall."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from checklists.models import Cutover, SimulatedForecast
from checklists.models.audit import database_now
from tests.browser.conftest import STILL
from tests.browser.nights import STATES, move_to, open_night
from tests.by_hand import by_hand

pytestmark = [pytest.mark.browser]

#: Every element with text of its own that is shown: its text, its size, and whether the screen holds it.
TEXTS = """() => [...document.body.querySelectorAll("*")].flatMap((one) => {
    const own = [...one.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
    const hidden = one.closest("dialog:not([open]), template, .visually-hidden, .skip-link, title, defs");
    if (!own.length || hidden || !one.checkVisibility()) return [];
    const range = document.createRange();
    range.selectNodeContents(one);
    const box = range.getBoundingClientRect();
    const card = one.closest(".clock")?.getBoundingClientRect() ?? { right: innerWidth };
    const inside = Math.min(box.left, box.top) >= 0 && box.right <= card.right + 1
        && box.bottom <= innerHeight + 1;
    return [{text: own[0].data.trim(), size: parseFloat(getComputedStyle(one).fontSize), inside}];
})"""
CLOCKS = """() => [...document.querySelectorAll(".clock-time")]
    .map((one) => parseFloat(getComputedStyle(one).fontSize))"""
TOO_LARGE = """() => [
    document.documentElement.scrollHeight - innerHeight, document.documentElement.scrollWidth - innerWidth,
    document.querySelector("main").getBoundingClientRect().bottom - innerHeight,
]"""


def test_on_the_wall_everything_is_large_and_fits_in_every_state(signed_in: Callable[..., Page]) -> None:
    cutover = open_night()
    page = signed_in("ama", width=1920, height=1080, axe=True)  # for a style of the test
    for state in STATES:
        move_to(cutover, state)
        page.goto(f"{cutover.get_absolute_url()}?wall")
        page.add_style_tag(content=STILL)
        page.evaluate("document.fonts.ready")
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
            texts = page.evaluate(TEXTS)
            assert len(texts) > 20, state
            assert [one for one in texts if one["size"] < 28] == [], (state, theme)
            assert [one for one in texts if not one["inside"]] == [], (state, theme)
            assert max(page.evaluate(TOO_LARGE)) <= 0, (state, theme)
        times = page.evaluate(CLOCKS)
        assert len(times) >= 3
        assert min(times) >= 96


def test_on_the_wall_a_night_that_ends_on_another_day_fits_too(signed_in: Callable[..., Page]) -> None:
    """By day the night above ends on the same day; days of two figures are the widest."""
    cutover = open_night()
    move_to(cutover, "before")
    page = signed_in("ama", width=1920, height=1080, axe=True)
    for nearly_sure, says in ((0.1, "9 in 10 by"), (30, "9 in 10 by"), (30, "too late")):  # days after likely
        with by_hand():
            end = cutover.window_start + timedelta(hours=1 if says == "too late" else 1000)
            Cutover.objects.filter(pk=cutover.pk).update(window_end=end)
        until_20th = (20 - database_now().day) % 28
        p50 = (until_20th + 0.5) * 86_400
        odds = {"p50": p50, "p90": p50 + nearly_sure * 86_400}
        names = ("service_restored", "ends_window", "everything")
        SimulatedForecast.objects.update(moments=dict.fromkeys(names, odds))
        page.goto(f"{cutover.get_absolute_url()}?wall")
        page.add_style_tag(content=STILL)
        page.evaluate("document.fonts.ready")
        texts = page.evaluate(TEXTS)
        assert any(says in one["text"] for one in texts)
        assert [one for one in texts if not one["inside"]] == []


def test_axe_finds_nothing_on_mission_control(
    signed_in: Callable[..., Page], unreadable: Callable[[Page], list[str]]
) -> None:
    cutover = open_night()
    page = signed_in("ama", axe=True)
    for state in ("running", "rollback", "ended"):
        move_to(cutover, state)
        page.goto(cutover.get_absolute_url())
        page.locator("#timeline-words").evaluate("one => { one.open = true }")
        assert unreadable(page) == []
    page.goto(f"{cutover.get_absolute_url()}?wall")
    assert [one for one in unreadable(page) if "scrolls sideways" not in one] == []
