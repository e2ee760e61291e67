"""What people type outlives their session, in a real browser; it is never shown to somebody else."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import Page, expect

from checklists.models import Note
from checklists.states import AttemptStatus
from tests.checklists.histories import PASSWORD, ended, item_of, make_cutover, person

pytestmark = [pytest.mark.browser]

FIELD = "#note-text-look"


def end_sessions() -> None:
    """As when they expire: the browser keeps its cookies, and the panel no longer knows them."""
    Session.objects.all().delete()


def sign_in(page: Page, name: str) -> None:
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button.btn-primary")


def begin_note(page: Page, address: str) -> None:
    page.goto(address)
    page.click("#ask-note-look > summary")
    page.fill(FIELD, "half a thought")


@pytest.mark.parametrize("how", ["sent", "live"])
def test_a_draft_is_back_after_signing_in_again(signed_in, how: str) -> None:
    cutover = make_cutover("announced")
    person("ama")
    page = signed_in("ama", may_complain=True)
    begin_note(page, reverse("runbook", args=[cutover.slug]) + "?open=look")
    end_sessions()
    if how == "sent":
        page.click("#ask-note-look button")
    else:  # the page asks for what changed, before anything is sent
        page.evaluate("htmx.trigger(document.body, 'refresh')")
    expect(page.locator("#notices")).to_contain_text("What you had typed is kept in this browser.")
    sign_in(page, "ama")
    expect(page.locator(FIELD)).to_have_value("half a thought")
    expect(page.locator("#notices")).to_contain_text("It was not sent.")
    expect(page.locator(FIELD)).to_be_visible()
    assert not Note.objects.exists()
    page.click("#ask-note-look button")
    expect(page.locator(".notes")).to_contain_text("half a thought")
    expect(page.locator(FIELD)).to_be_hidden()  # done: the form is closed and empty
    expect(page.locator(FIELD)).to_have_value("")
    assert page.evaluate("Object.keys(sessionStorage).length") == 0


def test_a_form_that_was_refused_stays_open(signed_in) -> None:
    cutover = make_cutover("announced")
    page = signed_in("ama")
    begin_note(page, item_of(cutover, "look").get_absolute_url())
    page.fill(FIELD, "   ")
    page.click("#ask-note-look button")
    expect(page.locator("#notices .notice-error")).to_be_visible()
    expect(page.locator(FIELD)).to_be_visible()


def test_a_draft_is_not_shown_to_the_next_person(signed_in) -> None:
    cutover = make_cutover("announced")
    page = signed_in("ama", may_complain=True)
    begin_note(page, item_of(cutover, "look").get_absolute_url())
    end_sessions()
    page.click("#ask-note-look button")
    sign_in(page, "efua")
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator(FIELD)).to_have_value("")
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('draft ')).length") == 0


def test_while_an_item_runs_its_log_begins_on_the_first_screen(signed_in) -> None:
    cutover = make_cutover("announced")
    ended(
        cutover, "look", AttemptStatus.RUNNING, progress_done=3, progress_total=9, progress_what="restoring"
    )
    for width, height in ((1280, 800), (375, 740)):
        page = signed_in("ama", width=width, height=height)
        page.goto(item_of(cutover, "look").get_absolute_url())
        assert page.locator("#log-title").bounding_box()["y"] < height - 100
        expect(page.locator("#preview-title")).to_be_hidden()
        page.click("#everything-else > summary")
        expect(page.locator("#preview-title")).to_be_visible()
