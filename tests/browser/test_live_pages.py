"""Live pages in a real browser: updates, the log, the keyboard, both themes, without JavaScript."""

from __future__ import annotations

import itertools
import re
import time

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from checklists import services
from checklists.live.hub_reader import render_line
from checklists.models import LogLine
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind
from tests.by_hand import by_hand
from tests.checklists.histories import PASSWORD, end, ended, item_of, make_cutover, person
from tests.waiting import wait_for

pytestmark = [pytest.mark.browser]


def test_a_tick_appears_on_the_page_of_another_person_who_keeps_their_draft(signed_in) -> None:
    cutover = make_cutover()
    runbook = reverse("runbook", args=[cutover.slug])
    ama, efua = signed_in("ama"), signed_in("efua")
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


def test_the_keyboard_alone_ticks_and_keeps_its_place(signed_in) -> None:
    cutover = make_cutover()
    ama = signed_in("ama")
    ama.goto(reverse("runbook", args=[cutover.slug]))
    ama.keyboard.press("Tab")
    assert ama.evaluate("document.activeElement.textContent") == "Skip to the content"
    ama.keyboard.press("Enter")
    ama.keyboard.press("j")
    assert "Announce it" in ama.evaluate("document.activeElement.textContent")
    ama.keyboard.press("Tab")
    ama.keyboard.press("Enter")
    expect(ama.locator("#item-announce .state")).to_have_text("Done")
    # The answer to the form gives the focus back; the stream may have shown the tick before it came.
    wait_for(lambda: ama.evaluate("document.activeElement.closest('.line')?.id") == "item-announce")


def test_the_keyboard_keeps_its_place_when_the_stream_shows_the_tick_before_the_answer(signed_in) -> None:
    cutover = make_cutover()
    ama = signed_in("ama")
    done = ama.locator("#item-announce .state", has_text="Done")

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        expect(done).to_be_visible()  # by the stream
        route.fulfill(response=answer)

    ama.goto(reverse("runbook", args=[cutover.slug]))
    ama.route("**/tick/", answer_late)
    ama.locator("#item-announce button", has_text="Tick").focus()
    with ama.expect_response("**/tick/"):
        ama.keyboard.press("Enter")
    expect(done).to_be_visible()
    wait_for(lambda: ama.evaluate("document.activeElement.closest('.line')?.id") == "item-announce")


#: Notes that the second form that was sent is answered and shown.
CLAIM_ANSWERED = """document.addEventListener("htmx:finally:request", (event) => {
    if (event.detail.ctx?.formNumber === 2) document.documentElement.classList.add("claim-answered");
})"""
#: Shows a notice, as an answer does.
NOTICE = """(text) => {
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.append(Object.assign(document.createElement("p"), { textContent: text }));
    document.querySelector("#notices").append(notice);
}"""


@pytest.mark.parametrize("is_told_before", [False, True])
def test_what_a_form_was_told_stays_when_the_answer_to_an_earlier_form_comes_late(
    signed_in, is_told_before: bool
) -> None:
    """Each is told once, also when a later answer has brought what the earlier one has to say."""
    cutover = make_cutover("announced")
    ama = signed_in("ama")
    claimed = ama.locator("#notices .notice", has_text="You take care of")
    noted = ama.locator("#notices .notice", has_text="Noted")

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        body = answer.body()  # kept here: the browser's driver does not keep it for ever
        expect(ama.locator("html.claim-answered")).to_be_attached()
        if is_told_before and not noted.count():
            told = re.search("Noted on[^<]*", body.decode())
            assert told
            ama.evaluate(NOTICE, told[0])
        route.fulfill(status=answer.status, headers=answer.headers, body=body)

    ama.goto(item_of(cutover, "look").get_absolute_url())
    ama.evaluate(CLAIM_ANSWERED)
    ama.route("**/note/", answer_late)
    ama.click("#ask-note-look > summary")
    ama.fill("#note-text-look", "look behind it")
    ama.click("#ask-note-look button")
    # “You take care of” may come with the answer to the note, when that page is made after the claim.
    with ama.expect_response("**/note/"):
        ama.get_by_role("button", name="Claim").click()
    expect(noted).to_have_count(1)
    expect(claimed).to_be_visible()


def test_the_element_under_the_pointer_stays_when_the_page_grows_above_it(signed_in) -> None:
    cutover = make_cutover("looked")
    ama = signed_in("ama", width=800, height=420)
    ama.goto(reverse("cutover", args=[cutover.slug]))
    entry = ama.locator("#entry-2")
    entry.scroll_into_view_if_needed()
    entry.hover()
    before = entry.bounding_box()["y"]
    ended(cutover, "look", AttemptStatus.UNKNOWN, unknown_reason="A long story. " * 30)
    services.add_note(item=item_of(cutover, "announce"), by=person("ama"), text="so that it is announced")
    expect(ama.locator("#now-look")).to_contain_text("A long story.")
    assert abs(entry.bounding_box()["y"] - before) < 2


def test_nobody_signs_evidence_that_changed_while_they_read_it(signed_in) -> None:
    cutover = make_cutover("looked")
    efua = signed_in("efua")
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


def test_a_log_grows_line_by_line_and_a_new_attempt_brings_its_own(signed_in) -> None:
    cutover = make_cutover("announced")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    ama = signed_in("ama")
    ama.goto(item_of(cutover, "look").get_absolute_url())
    for number in range(1, 6):
        text = f"<b>line {number}</b>"
        LogLine.objects.create(attempt=attempt, number=number, at=database_now(), text=text)
    expect(ama.locator("#log li")).to_have_count(5)
    expect(ama.locator("#line-5 span")).to_have_text("<b>line 5</b>")
    end(attempt, AttemptStatus.ERRORED)
    second = ended(cutover, "look", AttemptStatus.RUNNING)
    LogLine.objects.create(attempt=second, number=1, at=database_now(), text="again")
    expect(ama.locator("#log li")).to_have_count(1)
    expect(ama.locator("#log li span")).to_have_text("again")


def test_lines_that_the_stream_repeats_are_shown_once(signed_in) -> None:
    cutover = make_cutover("announced")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    lines = [LogLine(attempt=attempt, number=n, at=database_now(), text=f"line {n}") for n in range(1, 8)]
    LogLine.objects.bulk_create(lines[:3])
    ama = signed_in("ama")
    ama.goto(item_of(cutover, "look").get_absolute_url())
    html = [render_line(line, "UTC") for line in lines]
    send_log(ama, html[2:6] + html[3:5])  # one event repeats a line of the page, and two of its own
    assert shown_lines(ama) == ["1", "2", "3", "4", "5", "6"]
    send_log(ama, [html[6], html[6], html[0]])
    assert shown_lines(ama) == ["1", "2", "3", "4", "5", "6", "7"]


def send_log(page: Page, lines: list[str]) -> None:
    """Sends an event of the stream to the page, as htmx does."""
    script = "(data) => document.dispatchEvent(new CustomEvent('log', {detail: {data}}))"
    page.evaluate(script, "".join(lines))


def shown_lines(page: Page) -> list[str]:
    return page.locator("#log li > a").all_text_contents()


def test_a_page_whose_scripts_come_slowly_listens_all_the_same(signed_in) -> None:
    cutover = make_cutover()
    yaw = signed_in("yaw")
    yaw.route("**/hx-sse*.js", lambda route: (time.sleep(1), route.continue_()))
    with yaw.expect_response(lambda answer: "/stream/" in answer.url):
        yaw.goto(reverse("status", args=[cutover.slug]))


@pytest.mark.parametrize("trouble", ["no connection", "too many viewers"])
def test_a_page_that_could_not_connect_at_first_tries_again(signed_in, trouble: str) -> None:
    cutover = make_cutover()
    yaw = signed_in("yaw", may_complain=True)
    tries = itertools.count()

    def refuse_first_two(route: Route) -> None:
        if next(tries) >= 2:
            route.continue_()
        elif trouble == "no connection":
            route.abort()
        else:
            route.fulfill(status=503, body="Too many pages are open; this one tries again.")

    yaw.route("**/stream/**", refuse_first_two)
    yaw.goto(reverse("status", args=[cutover.slug]))
    expect(yaw.locator("#updated")).to_have_text(re.compile(r"^updated \d+ s ago$"))
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    expect(yaw.locator("#live")).to_contain_text("1 of 3 steps of this part are done")
    assert next(tries) == 3  # one stream is open, not one for each try


def test_a_page_too_many_says_that_it_is_not_live_until_another_one_is_closed(signed_in) -> None:
    cutover = make_cutover()
    yaw = signed_in("yaw", may_complain=True)
    refused = itertools.count()

    def refuse_first_two(route: Route) -> None:
        if next(refused) < 2:
            route.fulfill(status=429, body="You have too many live pages open.")
        else:
            route.continue_()

    yaw.route("**/stream/**", refuse_first_two)
    yaw.goto(reverse("status", args=[cutover.slug]))
    expect(yaw.locator("#updated")).to_contain_text("Not live: you have too many live pages open.")
    expect(yaw.locator("#updated")).to_have_text(re.compile(r"^updated \d+ s ago$"))


def test_a_person_who_loses_their_part_is_told_on_the_open_page(signed_in) -> None:
    cutover = make_cutover()
    yaw = signed_in("yaw")
    with yaw.expect_response(lambda answer: "/stream/" in answer.url):  # the page listens by now
        yaw.goto(reverse("status", args=[cutover.slug]))
    with by_hand():
        cutover.members.filter(person=person("yaw")).delete()
    expect(yaw.locator("#updated")).to_have_text(
        "You no longer have a part in this cutover. Reload the page."
    )


def test_everything_works_without_javascript(signed_in) -> None:
    cutover = make_cutover()
    ama = signed_in("ama", script=False)
    ama.goto(reverse("runbook", args=[cutover.slug]))
    ama.click("#item-announce .line-do button")
    expect(ama.locator("#notices")).to_contain_text("Ticked 1.1 Announce it.")
    ama.click("#item-announce .line-title")
    ama.click("#ask-untick-announce > summary")
    ama.fill("#untick-reason-announce", "not yet")
    ama.click("#ask-untick-announce button")
    expect(ama.locator("#item-announce .state")).to_have_text("Ready")


def test_light_and_dark_are_chosen_once(signed_in) -> None:
    ama = signed_in("ama") if make_cutover() else None
    assert ama is not None
    theme = "document.documentElement.dataset.bsTheme"
    ama.goto("/")
    assert ama.evaluate(theme) == "light"
    ama.click("#account-menu summary")
    ama.click("[data-theme-toggle]")
    assert ama.evaluate(theme) == "dark"
    ama.goto("/waiting/")
    assert ama.evaluate(theme) == "dark"
    efua = signed_in("efua", dark=True)
    efua.goto("/")
    assert efua.evaluate(theme) == "dark"


def test_axe_finds_nothing_and_nothing_is_cut_off(signed_in, unreadable) -> None:
    cutover = make_cutover("signed_once", kind=CutoverKind.PRODUCTION)
    trouble = make_cutover("announced")
    ended(trouble, "look", AttemptStatus.UNKNOWN, unknown_reason="Its worker died.")
    kofi = signed_in("kofi", axe=True)
    ama = signed_in("ama", axe=True)
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
            assert unreadable(page) == []
