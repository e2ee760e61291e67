"""The first rehearsal in the browser: a lead works through the runbook while two approvers wait at theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.demo import SLUG, Demo

pytestmark = [pytest.mark.browser, pytest.mark.prisma, pytest.mark.slow, pytest.mark.timeout(1200)]

PATIENCE = 180_000  # milliseconds for an action of the machine; the Prisma CLI is slow on a busy machine
FORWARD = f"/cutovers/{SLUG}/runbook/"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The demo, stopped by Ctrl-C afterwards; nothing may be left running."""
    demo = Demo()
    try:
        demo.start()
        yield demo
        assert demo.stop() == 0
        assert demo.leftovers() == []
    finally:
        demo.stop()
        demo.clean()


def ready_lines(page: Page) -> list[str]:
    """Keys of the items that the lead could do now, in the runbook's order."""
    lines = page.locator("li.line-ready").all()
    return [str(line.get_attribute("id")).removeprefix("item-") for line in lines]


def do(page: Page, key: str) -> None:
    """Does one item from the runbook's page and waits until the page itself says that it is done."""
    line = page.locator(f"#item-{key}")
    link = line.locator(".line-do a.btn")
    if link.count():  # what a machine does is started on its own page, under its preview
        link.click()
        expect(page.locator("#preview li").or_(page.locator("#preview .alert")).first).to_be_visible(
            timeout=60_000
        )
        page.locator("#start").click()
        answer_what_it_asks(page)
        ended = page.locator(".item-head .state").first
        expect(ended).to_have_text(re.compile("Done|Failed|Unknown"), timeout=PATIENCE)
        expect(ended, page.locator("#live").inner_text()[:600]).to_have_text(re.compile("Done"))
        page.goto(FORWARD)
    else:
        line.locator(".line-do button").click()
        expect(line).to_have_class(re.compile("line-done"), timeout=30_000)


def answer_what_it_asks(page: Page) -> None:
    """Where the log asks for a person: opens its link, as people do, and submits what is there."""
    over = page.locator(".item-head .state", has_text=re.compile("Done|Failed|Unknown"))
    asked = page.locator(".log-line span a")
    expect(over.or_(asked).first).to_be_visible(timeout=PATIENCE)
    if asked.count() and not over.count():
        with page.expect_popup() as opened:
            asked.first.click()
        submit_all_forms(opened.value)


def submit_all_forms(page: Page) -> None:
    """Presses the one button of each form until a page has none: Apple's way back is a form, too.

    The page stays open, as people leave it: to close one in the middle of a navigation can block for ever.
    """
    button = page.locator("form button")
    page.wait_for_load_state()
    for _ in range(5):
        if not button.count():
            return
        with page.expect_navigation(timeout=60_000):
            button.first.click()
    raise AssertionError(f"{page.url} still asks for something")


def sign(demo: Demo, page: Page, name: str) -> None:
    """Gives a go on the page that the approver has had open all the time: the form came by itself."""
    form = page.locator("#sign-form")
    expect(form).to_be_visible(timeout=PATIENCE)
    if form.locator("input[name=seat][type=radio]").count():
        form.locator("input[name=seat][type=radio]").first.check()
    form.locator("#decision-GO").check()
    form.locator("input[name=password]").fill(demo.password_of(name))
    page.locator("#sign").click()
    expect(page.get_by_text("Signed.", exact=True).first).to_be_visible()


def test_two_people_and_a_lead_play_the_whole_rehearsal(demo: Demo, browser: Browser) -> None:
    lead = demo.sign_in(browser, "kwame")
    approvers = {name: demo.sign_in(browser, name) for name in ("efua", "kofi")}
    failures: list[str] = []
    for name, page in {"kwame": lead, **approvers}.items():
        page.on("pageerror", lambda error, name=name: failures.append(f"{name}: {error}"))
    lead.goto(FORWARD)
    gates = 0
    while ready := ready_lines(lead):
        key = ready[0]
        if (
            lead.locator(f"#item-{key} .line-do a.btn").count() == 0
            and not lead.locator(f"#item-{key} .line-do button").count()
        ):
            break
        if key.startswith("gate-"):
            gates += 1
            for page in approvers.values():
                page.goto(f"/cutovers/{SLUG}/gates/{key}/")
            for before, (name, page) in enumerate(approvers.items()):
                # a seat that somebody else took a moment ago is no longer offered: people see that first
                expect(page.locator(".seats .state-done")).to_have_count(before, timeout=30_000)
                sign(demo, page, name)
            # the lead's page was not touched: it learns of the pass by its stream
            expect(lead.locator(f"#item-{key}")).to_have_class(re.compile("line-done"), timeout=30_000)
            continue
        do(lead, key)
    assert gates == 3
    assert lead.locator("li.line-failed, li.line-unknown").count() == 0
    lead.goto(f"/cutovers/{SLUG}/")
    expect(lead.locator("h1, .headline").first).to_contain_text(re.compile("Everything is done", re.I))
    lead.goto(f"/cutovers/{SLUG}/record/")
    expect(lead.locator("#verdict")).to_contain_text("The record is whole")
    assert failures == []


def test_a_stakeholder_watches_and_has_nothing_to_press(demo: Demo, browser: Browser) -> None:
    page = demo.sign_in(browser, "ama")
    for path in ("status", "runbook", "items/deploy", "gates/gate-migration", "parity", "backups", "record"):
        page.goto(f"/cutovers/{SLUG}/{path}/")
        expect(page.locator("#live")).to_be_visible()
        assert page.locator("#live form[method=post]").count() == 0, path
