"""The pages in a real browser: live, with the keyboard, on a phone, in light and dark, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect, sync_playwright

from checklists import services
from checklists.models import LogLine
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, Kind
from tests.checklists.histories import PASSWORD, ended, item_of, make_cutover, person

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]

expect.set_options(timeout=30_000)  # the machine may be busy
#: Sandboxing needs what a container has not; the rest keeps Chromium from asking the internet.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture
def chromium(monkeypatch) -> Iterator[Browser]:
    """Debian's Chromium; a machine without it fails here."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright keeps a loop in this thread
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()
        connections.close_all()  # beside a loop, Django gives this thread connections of their own


@pytest.fixture
def page_of(chromium, port) -> Callable[..., Page]:
    """Opens a page in which that person has signed in; what the console complains of fails the test."""

    def of(name: str, **options: object) -> Page:
        context = chromium.new_context(base_url=f"http://127.0.0.1:{port}", **options)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/accounts/login/")
        page.fill("input[name=login]", name)
        page.fill("input[name=password]", PASSWORD)
        page.click("main form button")
        expect(page).to_have_url(f"http://127.0.0.1:{port}/")
        return page

    complaints: list[str] = []
    yield of
    assert not [said for said in complaints if "status of 422" not in said]  # a form that was refused


def test_what_one_ticks_the_other_sees_and_nobody_loses_what_they_were_doing(page_of) -> None:
    cutover = make_cutover()
    runbook = reverse("runbook", args=[cutover.slug])
    ama, efua = page_of("ama"), page_of("efua")
    efua.goto(f"{runbook}?open=look")
    efua.click("#ask-note-look > summary")
    efua.fill("#note-text-look", "half a sen")
    ama.goto(runbook)
    ama.click("#item-announce .line-do button")
    expect(ama.locator("#notices")).to_contain_text("Ticked 1.1 Announce it.")
    expect(efua.locator("#item-announce .state")).to_have_text("Done")
    expect(efua.locator("#item-look .state")).to_have_text("Ready")
    assert efua.input_value("#note-text-look") == "half a sen"
    assert efua.evaluate("document.activeElement.id") == "note-text-look"
    efua.keyboard.type("tence")
    efua.click("#ask-note-look button")
    expect(efua.locator(".notes")).to_contain_text("half a sentence")
    expect(efua.locator("#updated")).to_have_text(re.compile(r"^updated \d+ s ago$"))


def test_the_keyboard_alone_ticks_and_keeps_its_place(page_of) -> None:
    cutover = make_cutover()
    ama = page_of("ama")
    ama.goto(reverse("runbook", args=[cutover.slug]))
    ama.keyboard.press("Tab")
    assert ama.evaluate("document.activeElement.textContent") == "Skip to the content"
    ama.keyboard.press("Enter")
    ama.keyboard.press("j")
    assert "Announce it" in ama.evaluate("document.activeElement.textContent")
    ama.keyboard.press("Tab")
    ama.keyboard.press("Enter")
    expect(ama.locator("#item-announce .state")).to_have_text("Done")
    assert ama.evaluate("document.activeElement.closest('.line').id") == "item-announce"


def test_what_is_under_the_pointer_stays_there_when_the_page_grows_above_it(page_of) -> None:
    cutover = make_cutover("looked")
    ama = page_of("ama", viewport={"width": 800, "height": 420})
    ama.goto(reverse("cutover", args=[cutover.slug]))
    entry = ama.locator("#entry-2")
    entry.scroll_into_view_if_needed()
    entry.hover()
    before = entry.bounding_box()["y"]
    ended(cutover, "look", AttemptStatus.UNKNOWN, unknown_reason="A long story. " * 30)
    services.add_note(item=item_of(cutover, "announce"), by=person("ama"), text="so that it is announced")
    expect(ama.locator("#now-look")).to_contain_text("A long story.")
    assert abs(entry.bounding_box()["y"] - before) < 2


def test_nobody_signs_evidence_that_changed_while_they_read_it(page_of) -> None:
    cutover = make_cutover("looked")
    efua = page_of("efua")
    efua.goto(item_of(cutover, "go").get_absolute_url())
    efua.check("input[name=seat][value=technical]")
    efua.check("#decision-GO")
    ended(cutover, "look")
    services.add_note(item=item_of(cutover, "announce"), by=person("ama"), text="so that it is announced")
    expect(efua.locator("#notices")).to_contain_text("The evidence changed while you were reading.")
    efua.fill("input[name=password]", PASSWORD)
    efua.click("#sign")
    expect(efua.locator("#main")).to_contain_text("Nothing was signed")
    assert not item_of(cutover, "go").sign_offs.exists()


def test_a_log_grows_line_by_line_and_a_new_try_brings_its_own(page_of) -> None:
    cutover = make_cutover("announced")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    yaw = page_of("yaw")
    yaw.goto(item_of(cutover, "look").get_absolute_url())
    for number in range(1, 6):
        text = f"<b>line {number}</b>"
        LogLine.objects.create(attempt=attempt, number=number, at=database_now(), text=text)
    expect(yaw.locator("#log li")).to_have_count(5)
    expect(yaw.locator("#line-5 span")).to_have_text("<b>line 5</b>")
    type(attempt).objects.filter(pk=attempt.pk).update(status=AttemptStatus.FAILED, ended_at=database_now())
    second = ended(cutover, "look", AttemptStatus.RUNNING)
    LogLine.objects.create(attempt=second, number=1, at=database_now(), text="again")
    expect(yaw.locator("#log li")).to_have_count(1)
    expect(yaw.locator("#log li span")).to_have_text("again")


def test_who_loses_their_part_is_told_on_the_open_page(page_of, monkeypatch) -> None:
    monkeypatch.setattr("checklists.hub.CHECK", 0.3)
    cutover = make_cutover()
    yaw = page_of("yaw")
    with yaw.expect_response(lambda answer: "/stream/" in answer.url):  # the page listens by now
        yaw.goto(reverse("status", args=[cutover.slug]))
    cutover.members.filter(person=person("yaw")).delete()
    expect(yaw.locator("#updated")).to_have_text(
        "You no longer have a part in this cutover. Reload the page."
    )


def test_everything_works_without_javascript(page_of) -> None:
    cutover = make_cutover()
    ama = page_of("ama", java_script_enabled=False)
    ama.goto(reverse("runbook", args=[cutover.slug]))
    ama.click("#item-announce .line-do button")
    expect(ama.locator("#notices")).to_contain_text("Ticked 1.1 Announce it.")
    ama.click("#item-announce .line-title")
    ama.click("#ask-untick-announce > summary")
    ama.fill("#untick-reason-announce", "not yet")
    ama.click("#ask-untick-announce button")
    expect(ama.locator("#item-announce .state")).to_have_text("Ready")


def test_light_and_dark_are_chosen_once(page_of) -> None:
    ama = page_of("ama") if make_cutover() else None
    assert ama is not None
    theme = "document.documentElement.dataset.bsTheme"
    assert ama.evaluate(theme) == "light"
    ama.click("[data-theme-toggle]")
    assert ama.evaluate(theme) == "dark"
    ama.goto("/waiting/")
    assert ama.evaluate(theme) == "dark"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing_and_nothing_is_cut_off(page_of, scheme: str, width: int) -> None:
    cutover = make_cutover("signed_once", kind=Kind.PRODUCTION)
    trouble = make_cutover("announced")
    ended(trouble, "look", AttemptStatus.UNKNOWN, unknown_reason="Its worker died.")
    viewport = {"width": width, "height": 800}
    kofi = page_of("kofi", viewport=viewport, color_scheme=scheme, bypass_csp=True)  # axe is a script
    ama = page_of("ama", viewport=viewport, color_scheme=scheme, bypass_csp=True)
    names = (
        "cutover",
        "runbook",
        "status",
        "cutover-rollback",
        "cutover-close",
        "record",
        "backups",
        "parity",
    )
    pages = ["/", "/waiting/", "/account/", "/accounts/logout/"]
    pages += [reverse(name, args=[cutover.slug]) for name in names]
    pages += [trouble.get_absolute_url(), f"{reverse('runbook', args=[trouble.slug])}?open=look"]
    pages += [item_of(trouble, key).get_absolute_url() for key in ("announce", "look")]
    for page, addresses in ((ama, pages), (kofi, [item_of(cutover, "go").get_absolute_url()])):
        for address in addresses:
            page.goto(address)
            found = Axe().run(page).response["violations"]
            assert not found, (address, [(v["id"], v["nodes"][0]["html"]) for v in found])
            cut = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert cut <= 0, address
