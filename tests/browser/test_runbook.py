"""The runbook's page in a real browser: where it opens, what stays as people left it, search by keyboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from checklists import services
from checklists.models import Cutover
from tests.by_hand import by_hand
from tests.checklists.histories import item_of, make_cutover, person

pytestmark = [pytest.mark.browser]

ROW = 40  # pixels


def long_runbook(phases: int = 4, items: int = 25) -> str:
    """Phases of ticks; each item needs the one before it, and the last phase belongs to the rollback."""
    lines = ["name: long", "title: Long", "timezone: UTC", "systems: {}", "roles: {lead: Lead}"]
    lines += ["seats: {technical: Technical, data: Data, finance: Finance}", "phases:"]
    before = ""
    for phase in range(phases):
        lines += [f"  - key: p{phase}", f"    title: Phase {phase}", "    items:"]
        for n in range(items):
            key = f"i{phase}-{n}"
            needs = f", needs: [{before}]" if before else ""
            title = f"Look at the thing with the long name of number {n} before anybody goes on"
            lines.append(
                f"      - {{key: {key}, title: {title}, kind: manual, how: Do it., owner: lead{needs}}}"
            )
            before = key
    return "\n".join(lines)


def half_done() -> Cutover:
    """A hundred items; the first phase and ten of the second are done."""
    cutover = make_cutover(text=long_runbook())
    with by_hand():
        done = [f"i0-{n}" for n in range(25)] + [f"i1-{n}" for n in range(10)]
        cutover.items.filter(key__in=done).update(done_by=person("ama"), done_at="2026-01-01T02:03:04Z")
    return cutover


def announce_change(cutover: Cutover, page: Page) -> None:
    """Changes something, and waits until the page shows it."""
    services.add_note(item=item_of(cutover, "i1-20"), by=person("efua"), text="look behind it")
    expect(page.locator("#item-i1-20 [data-notes]")).to_be_attached()


def test_it_opens_where_the_work_is_and_stays_as_people_left_it(signed_in) -> None:
    cutover = half_done()
    page = signed_in("ama", width=1280, height=800)
    page.goto(reverse("runbook", args=[cutover.slug]))
    current = page.locator("#item-i1-10")
    expect(current).to_be_in_viewport()
    assert current.get_attribute("aria-current") == "step"
    assert round(current.bounding_box()["height"]) == ROW
    folded = page.locator("#part-p0")
    assert folded.get_attribute("open") is None
    expect(page.locator("#item-i0-3")).to_be_hidden()
    page.locator("#part-title-p0").click()  # unfolds what is done, and folds what comes later
    page.locator("#part-title-p2").click()
    page.locator("#item-i0-20").scroll_into_view_if_needed()
    page.locator("#item-i0-20").hover()
    before = page.locator("#item-i0-20").bounding_box()["y"]
    announce_change(cutover, page)
    assert abs(page.locator("#item-i0-20").bounding_box()["y"] - before) < 2
    expect(page.locator("#item-i0-3")).to_be_visible()
    expect(page.locator("#item-i2-3")).to_be_hidden()
    page.locator("#rail-p1 a").click()
    expect(page.locator("#part-title-p1")).to_be_in_viewport()


def test_a_search_by_keyboard_hides_rows_while_somebody_types(signed_in) -> None:
    cutover = half_done()
    page = signed_in("ama", width=1280, height=800)
    page.goto(reverse("runbook", args=[cutover.slug]))
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "runbook-q"
    page.keyboard.type("i0-1 number")
    expect(page.locator(".line:visible")).to_have_count(11)  # i0-1 and i0-10 to i0-19
    expect(page.locator("#found")).to_have_text("11 of 100")
    expect(page.locator("#part-p1")).to_be_hidden()
    announce_change(cutover, page)  # the page is made again, and what was typed still counts
    expect(page.locator(".line:visible")).to_have_count(11)
    assert page.input_value("#runbook-q") == "i0-1 number"
    assert page.evaluate("document.activeElement.id") == "runbook-q"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('.line').id") == "item-i0-1"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('.line').id") == "item-i0-10"
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(page.locator("#part-p1")).to_be_visible()
    assert page.locator("#part-p0").get_attribute("open") is None  # folded again, as it was
    page.fill("#runbook-q", "behind")  # a note that came while the page was open
    expect(page.locator(".line:visible")).to_have_count(1)
    page.fill("#runbook-q", "no such thing")
    expect(page.locator("#nothing-found")).to_be_visible()


def test_without_javascript_the_search_is_a_form_and_a_link_leads_to_the_work(signed_in) -> None:
    cutover = half_done()
    page = signed_in("ama", script=False)
    page.goto(reverse("runbook", args=[cutover.slug]))
    page.click("#to-current")
    expect(page.locator("#item-i1-10")).to_be_in_viewport()
    page.fill("#runbook-q", "i0-1 number")
    page.select_option("#runbook-state", "DONE")
    page.click("[data-without-script]")
    expect(page.locator(".line:visible")).to_have_count(11)
    assert page.input_value("#runbook-state") == "DONE"


def test_a_hundred_items_can_be_read_on_a_desk_and_on_a_phone(
    signed_in, unreadable: Callable[[Page], list[str]]
) -> None:
    cutover = half_done()
    page = signed_in("ama", axe=True)
    page.goto(reverse("runbook", args=[cutover.slug]) + "?open=i1-12")
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
    assert unreadable(page) == []
    page.set_viewport_size({"width": 375, "height": 740})
    page.locator("#rail-p3 a").click()
    expect(page.locator("#part-title-p3")).to_be_in_viewport()
    assert page.locator("#item-i3-5").bounding_box()["height"] <= 64
