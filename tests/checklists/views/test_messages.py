"""What a form was told is shown once, whatever else the same browser sends at that moment."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from checklists.models import Cutover
from cutover.message_cookies import PREFIX
from tests.checklists.histories import item_of, make_cutover
from tests.checklists.views.pages import words_of

pytestmark = pytest.mark.django_db
TOLD = {"note": "Noted on 1.2 Look at it.", "claim": "You take care of 1.2 Look at it."}


@pytest.fixture
def cutover() -> Cutover:
    return make_cutover("announced")


def send(browser: Client, cutover: Cutover, what: str, text: str = "behind it") -> None:
    """Sends a form of the item; the page to which its answer leads is not asked for yet."""
    answer = browser.post(reverse(f"item-{what}", args=[cutover.slug, "look"]), {"text": text})
    assert answer.status_code == 302


def show(browser: Client, cutover: Cutover) -> HttpResponse:
    return browser.get(item_of(cutover, "look").get_absolute_url())


def keep_cookies(browser: Client, answer: HttpResponse) -> None:
    """As a browser does with an answer that comes later than others."""
    for name, cookie in answer.cookies.items():
        browser.cookies[name] = cookie
    for name in [name for name, cookie in browser.cookies.items() if cookie["max-age"] == 0]:
        del browser.cookies[name]


def copy_of(browser: Client) -> Client:
    """Another request of the same browser, which is on its way with the cookies of now."""
    copy = Client()
    copy.cookies = SimpleCookie({name: cookie.value for name, cookie in browser.cookies.items()})
    return copy


def test_of_two_forms_at_the_same_moment_both_are_told(
    browser_of: Callable[..., Client], cutover: Cutover
) -> None:
    ama = browser_of("ama")
    send(ama, cutover, "note")
    under_way = copy_of(ama)
    send(ama, cutover, "claim")
    first = show(under_way, cutover)
    keep_cookies(ama, first)
    assert TOLD["note"] in words_of(first)
    assert TOLD["claim"] in words_of(show(ama, cutover))


def test_a_message_is_shown_by_one_page_and_leaves_no_cookie(
    browser_of: Callable[..., Client], cutover: Cutover
) -> None:
    ama = browser_of("ama")
    send(ama, cutover, "note")
    page = show(ama, cutover)
    keep_cookies(ama, page)
    assert TOLD["note"] in words_of(page)
    assert not [name for name in ama.cookies if name.startswith(PREFIX)]
    assert "Noted" not in words_of(show(ama, cutover)).partition("1 Prepare")[0]


def test_a_page_that_refreshes_itself_leaves_a_message_to_the_answer_of_its_form(
    browser_of: Callable[..., Client], cutover: Cutover
) -> None:
    ama = browser_of("ama", htmx=True)
    send(ama, cutover, "note")
    address = item_of(cutover, "look").get_absolute_url()
    refresh = ama.get(address, headers={"HX-Source": "div#live"})
    keep_cookies(ama, refresh)
    assert "notices" not in refresh.content.decode()
    assert TOLD["note"] in words_of(ama.get(address, headers={"HX-Source": "form#note-form"}))


def test_a_cookie_that_is_not_ours_is_left_alone(browser_of: Callable[..., Client], cutover: Cutover) -> None:
    ama = browser_of("ama")
    ama.cookies[f"{PREFIX}of-another-panel"] = "another:signature"
    send(ama, cutover, "note")
    page = show(ama, cutover)
    assert TOLD["note"] in words_of(page)
    assert f"{PREFIX}of-another-panel" not in page.cookies
