"""What surrounds every page, in a real browser: banner, typeface, palette, counts, print, links."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from checklists import services
from checklists.models import Cutover
from checklists.models.audit import database_now
from checklists.states import CutoverKind
from tests.browser.contexts import new_context
from tests.checklists.histories import item_of, make_cutover, person

pytestmark = [pytest.mark.browser]
SignedIn = Callable[..., Page]


def gate(cutover: Cutover) -> str:
    return reverse("gate", args=[cutover.slug, "go"])


@pytest.mark.parametrize("width", [375, 640, 1280, 1920])
def test_the_banner_is_one_thin_row_and_tells_production_from_a_rehearsal(
    signed_in: SignedIn, width: int
) -> None:
    page = signed_in("ama", width=width)
    colours = []
    for kind in CutoverKind:
        page.goto(make_cutover(kind=kind).get_absolute_url())
        box = page.locator(".topbar").bounding_box()
        assert box is not None
        assert box["height"] <= 49
        colours.append(page.evaluate("getComputedStyle(document.querySelector('.topbar')).backgroundColor"))
        expect(page.locator(".topbar .kind")).to_have_text(kind.label.upper())
        expect(page.locator("#waiting-link")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert len(set(colours)) == 2


def test_the_typeface_comes_from_the_panel_itself(signed_in: SignedIn) -> None:
    page = signed_in("ama")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    page.evaluate("document.fonts.ready")
    assert page.evaluate(
        "[...document.fonts].some((face) => face.family.includes('Inter') && face.status == 'loaded')"
    )
    assert page.evaluate("getComputedStyle(document.body).fontFamily").startswith("Inter")
    assert any(address.endswith("inter-latin-wght-normal.woff2") for address in asked)
    assert not [address for address in asked if not address.startswith(page.url[:16])]


def test_the_palette_leads_to_items_pages_and_next_steps_by_keyboard(signed_in: SignedIn) -> None:
    cutover = make_cutover("looked")
    page = signed_in("ama")
    page.goto(cutover.get_absolute_url())
    page.keyboard.press("Control+k")
    search = page.locator("#palette-search")
    expect(search).to_be_focused()
    search.fill("efua sign")
    expect(page.locator("#palette-list [role=option]").first).to_contain_text(
        "Efua: sign the Technical or Data seat"
    )
    search.fill("1.2 look")
    chosen = page.locator("#palette-list [aria-selected=true]")
    expect(chosen).to_contain_text("1.2 Look at it")
    assert search.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    search.press("Enter")
    page.wait_for_url(f"**{item_of(cutover, 'look').get_absolute_url()}")
    page.keyboard.press("?")
    expect(search).to_be_focused()
    search.fill("record")
    search.press("Enter")
    page.wait_for_url(f"**{reverse('record', args=[cutover.slug])}")
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_without_a_script_there_is_no_palette_and_the_account_menu_opens(signed_in: SignedIn) -> None:
    page = signed_in("ama", script=False)
    page.goto("/")
    page.locator("#account-menu summary").click()
    expect(page.get_by_role("link", name="Your account")).to_be_visible()
    expect(page.locator("[data-palette-open]")).to_be_hidden()


def test_what_waits_is_counted_in_the_bar_and_in_the_title(signed_in: SignedIn) -> None:
    make_cutover("looked")
    page = signed_in("efua")
    page.goto("/")
    expect(page.locator("[data-waiting-count]")).to_have_text("1")
    expect(page).to_have_title(re.compile(r"^\(1\) Cutovers"))
    yaw = signed_in("yaw")
    yaw.goto("/?all")
    expect(yaw.locator("[data-waiting-count]")).to_be_hidden()
    page.route("**/waiting/count/", lambda route: route.fulfill(json={"tasks": None, "urgent": False}))
    page.reload()
    expect(page.locator("[data-waiting-count]")).to_have_text("?")
    expect(page).to_have_title(re.compile(r"^Cutovers"))


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (375, 700)])
def test_the_bar_with_the_signatures_stays_in_view_and_hides_no_focus(
    signed_in: SignedIn, width: int, height: int
) -> None:
    page = signed_in("efua", width=width, height=height)
    page.goto(gate(make_cutover("looked")))
    bar = page.locator("#sign-bar")
    expect(bar).to_be_in_viewport(ratio=1)
    # A scroll is over at once: one that is still under way when the focus moves on carries it out of sight.
    assert page.evaluate("scrollTo(0, 0), scrollTo(0, 100), scrollY") == 100
    page.locator("main").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        hidden = page.evaluate(
            """() => {
                const one = document.activeElement, bar = document.querySelector('#sign-bar');
                if (!one.closest('main') || bar.contains(one)) return false;
                return one.getBoundingClientRect().bottom > bar.getBoundingClientRect().top + 1;
            }"""
        )
        assert not hidden, page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("document.activeElement.id") == "sign":
            break
    else:
        raise AssertionError("Tab never reaches #sign")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last, top = page.locator("#history, #signature").last.bounding_box(), bar.bounding_box()
    assert last is not None
    assert top is not None
    assert last["y"] + last["height"] <= top["y"] + 1, "at the end it covers nothing"


@pytest.mark.parametrize("width", [320, 375])
def test_on_a_phone_the_words_of_the_bar_are_not_cut_into_letters(signed_in: SignedIn, width: int) -> None:
    page = signed_in("ama", width=width, height=740)
    page.goto(gate(make_cutover("announced")))
    words = page.locator(".sign-bar-words").bounding_box()
    assert words is not None
    assert words["width"] > 100
    assert words["height"] < 60, "two lines at most"


def test_on_paper_there_is_no_frame_and_the_evidence_is_open(signed_in: SignedIn) -> None:
    page = signed_in("efua")
    page.goto(gate(make_cutover("looked")))
    expect(page.locator("#evidence-look .muted").first).to_be_hidden()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("#evidence-look .muted").first).to_be_visible()
    expect(page.locator(".tabs")).to_be_hidden()
    expect(page.locator("#sign-bar")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).borderLeftWidth") == "0px"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#evidence-look[open]").count() == 0


def test_a_link_shows_times_in_the_readers_zone_and_says_when_it_has_ended(
    panel_url: str, browser: Browser
) -> None:
    start = database_now() + timedelta(hours=1)
    cutover = make_cutover(
        kind=CutoverKind.PRODUCTION, window_start=start, window_end=start + timedelta(hours=4)
    )
    link, secret = services.create_status_link(
        cutover=cutover, label="all", lasts=timedelta(hours=1), nonce=uuid.uuid4(), by=person("ama")
    )
    address = reverse("shared-status", args=[secret])
    for zone, script in (("Asia/Tokyo", True), ("Asia/Tokyo", False)):
        context = new_context(browser, base_url=panel_url, timezone_id=zone, java_script_enabled=script)
        page = context.new_page()
        page.goto(address)
        clock = page.locator("#use time").first
        wanted = start.astimezone(ZoneInfo(zone if script else "Africa/Accra"))
        expect(clock).to_contain_text(f"{wanted:%H:%M}")
        expect(clock).not_to_contain_text("Africa") if script else expect(clock).to_contain_text(
            "Africa/Accra"
        )
        assert not context.cookies()
        if script:
            services.revoke_status_link(link=link, by=person("ama"))
            page.evaluate("htmx.ajax('GET', location.pathname, {target: '#live', swap: 'outerMorph'})")
            expect(page.locator("#live")).to_have_attribute("data-state", "ended")
            link, secret = services.create_status_link(
                cutover=cutover, label="all", lasts=timedelta(hours=1), nonce=uuid.uuid4(), by=person("ama")
            )
            address = reverse("shared-status", args=[secret])
        context.close()


@pytest.mark.parametrize("missing", ["app.js", "hx-sse.min.js", "base.css"])
def test_a_page_that_did_not_load_completely_says_so_and_can_be_loaded_again(
    signed_in: SignedIn, missing: str
) -> None:
    """As after a change of the network at the reader's computer: the browser drops what it is loading."""
    page = signed_in("ama", may_complain=True)
    page.route(f"**/{missing}", lambda route: route.abort("internetdisconnected"))
    page.goto("/")
    notice = page.locator("#incomplete")
    expect(notice).to_be_visible()
    page.unroute(f"**/{missing}")
    notice.get_by_role("link").click()
    expect(page.get_by_role("heading").first).to_be_visible()
    page.wait_for_load_state()
    expect(notice).to_be_hidden()
