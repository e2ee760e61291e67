"""The first rehearsal in the browser: a lead works through the runbook while two approvers wait at theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.demo import SLUG, Demo
from tests.cutover.demo import short_runbook

pytestmark = [pytest.mark.browser, pytest.mark.prisma, pytest.mark.timeout(4500)]

PATIENCE = 180_000  # milliseconds for an action of the machine; the Prisma CLI is slow on a busy machine
FORWARD = f"/cutovers/{SLUG}/runbook/"


#: What people do at browsers stays in the short text.
LEFT_OUT = short_runbook.LEFT_OUT - {"oauth-sign-in", "payment-smoke", "pay-paystack"}


@pytest.fixture(scope="module", params=["short", "whole"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, stopped by Ctrl-C afterwards; nothing may be left running.

    The short text lacks items that work as others do. The whole one is played at night (tests/nightly.txt).
    """
    short = tmp_path_factory.mktemp("runbook") / "short.yaml"
    demo = Demo()
    if request.param == "short":
        demo.text = short_runbook.write_short_runbook(short, LEFT_OUT)
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


def do(demo: Demo, page: Page, key: str, approvers: dict[str, Page]) -> None:
    """Does one item from the runbook's page and waits until the page itself says that it is done."""
    line = page.locator(f"#item-{key}")
    link = line.locator(".line-do a.btn")
    if link.count() and str(link.get_attribute("href")).endswith("#tick"):
        demo.do_outside(key)
        link.click()
        hand_in(demo, page, key, approvers)
        page.goto(FORWARD)
    elif link.count():  # what a machine does is started on its own page, under its preview
        link.click()
        page.locator("#ask-preview").click()
        expect(page.locator("#preview li").or_(page.locator("#preview .alert")).first).to_be_visible(
            timeout=PATIENCE
        )
        page.locator("#start").click()
        answer_what_it_asks(page)
        ended = page.locator(".item-head .state").first
        expect(ended).to_have_text(re.compile("Done|Failed|Unknown"), timeout=PATIENCE)
        expect(ended, page.locator("#live").inner_text()[:600]).to_have_text(re.compile("Done"))
        page.goto(FORWARD)
    else:
        demo.do_outside(key)
        line.locator(".line-do button").click()
        expect(line).to_have_class(re.compile("line-done"), timeout=PATIENCE)


def hand_in(demo: Demo, page: Page, key: str, approvers: dict[str, Page]) -> None:
    """Gives what a manual item requires; where it asks for a second person, an approver confirms it."""
    required = page.locator("#tick > .field")
    if required.locator("#tick-note").count():
        page.locator("#tick-note").fill(demo.people.note(key))
    if required.locator("#tick-file").count():
        name, content = demo.people.picture()
        page.locator("#tick-file").set_input_files({"name": name, "mimeType": "", "buffer": content})
    page.locator("#tick button").click()
    waits, done = page.locator("#waits-for-second-person"), page.locator("#live[data-state=DONE]")
    expect(waits.or_(done).first).to_be_visible(timeout=PATIENCE)
    if waits.count():
        confirm(demo, *next(iter(approvers.items())))
        expect(done).to_be_visible(timeout=PATIENCE)


def confirm(demo: Demo, name: str, approver: Page) -> None:
    """Confirms what waits for a second person, on the approver's own page."""
    approver.goto("/waiting/")
    approver.get_by_role("link", name="Look at it").click()
    approver.locator("input[name=password]").fill(demo.password_of(name))
    approver.locator("#confirm").click()
    expect(approver.get_by_text("Confirmed.").first).to_be_visible()


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
        with page.expect_navigation(timeout=PATIENCE):
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


#: What people do, as stretches of the runbook: from the first item that is open up to another. The autopilot
#: does what lies between: it plays all of it without people in the other rehearsals.
BY_HAND = (
    ("announce-window", "provision-staging"),  # ticks with and without a note, checks, a backup
    ("gate-migration", "deploy"),
    ("oauth-sign-in", "secrets-ledger"),  # whose logs ask somebody to sign in; a tick by two people
    ("payment-smoke", "pay-paystack"),  # … to pay
    ("gate-traffic", "smoke-ingress"),
)


def test_people_and_the_autopilot_play_a_rehearsal_to_its_end(demo: Demo, browser: Browser) -> None:
    """People at browsers do items of every sort and two gates; the autopilot does the others forward.

    `tests/cutover/demo/` has what the autopilot does with the customer's defects, and the rollback.
    """
    lead = demo.sign_in(browser, "kwame")
    approvers = {name: demo.sign_in(browser, name) for name in ("efua", "kofi")}
    failures: list[str] = []
    for name, page in {"kwame": lead, **approvers}.items():
        page.on("pageerror", lambda error, name=name: failures.append(f"{name}: {error}"))
    for first, end in BY_HAND:
        if first != BY_HAND[0][0]:
            for page in (lead, *approvers.values()):
                page.goto("about:blank")  # an open page would be made again at every change
            demo.autopilot(first)
        play_by_hand(demo, lead, approvers, first, end)
    assert lead.locator("li.line-failed, li.line-unknown").count() == 0
    said = demo.autopilot()
    assert "The chain is whole" in said
    assert set(re.findall(r"^✓ (\d+)\.", said, re.M)) == {"5", "7"}  # 6 is the rollback
    # the lead's page was not touched: it learns of all that by its stream
    # what a rollback would lose can be counted at any time
    expect(lead.locator("li.line-ready:not(#item-assess-loss)")).to_have_count(0)
    assert lead.locator("li.line-failed, li.line-unknown").count() == 0
    lead.goto(f"/cutovers/{SLUG}/")
    expect(lead.locator("h1, .headline").first).to_contain_text(re.compile("Everything is done", re.I))
    lead.goto(f"/cutovers/{SLUG}/record/")
    expect(lead.locator("#verdict")).to_contain_text("The record is whole")
    assert failures == []


def play_by_hand(demo: Demo, lead: Page, approvers: dict[str, Page], first: str, end: str) -> None:
    """Does item after item in the runbook's order, from ``first`` up to ``end``."""
    lead.goto(FORWARD)
    key = ready_lines(lead)[0]
    assert key == first
    while key != end:
        if key.startswith("gate-"):
            sign_as_all(demo, approvers, key)
            # the lead's page was not touched: it learns of the pass by its stream
            expect(lead.locator(f"#item-{key}")).to_have_class(re.compile("line-done"), timeout=PATIENCE)
        else:
            do(demo, lead, key, approvers)
        key = ready_lines(lead)[0]


def sign_as_all(demo: Demo, approvers: dict[str, Page], key: str) -> None:
    """Each approver signs the gate on the page that is open."""
    for page in approvers.values():
        page.goto(f"/cutovers/{SLUG}/gates/{key}/")
    for before, (name, page) in enumerate(approvers.items()):
        # a seat that somebody else took a moment ago is no longer offered: people see that first
        expect(page.locator(".seats .state-done")).to_have_count(before, timeout=PATIENCE)
        sign(demo, page, name)


def test_a_stakeholder_watches_and_has_nothing_to_press(demo: Demo, browser: Browser) -> None:
    page = demo.sign_in(browser, "ama")
    for path in ("status", "runbook", "items/deploy", "gates/gate-migration", "parity", "backups", "record"):
        page.goto(f"/cutovers/{SLUG}/{path}/")
        expect(page.locator("#live")).to_be_visible()
        assert page.locator("#live form[method=post]").count() == 0, path
