"""The page that orders the rollback tells what it would lose, and how old that answer is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from checklists.models import Cutover
from tests.checklists.forecast.test_rollback_cost import NAMED, PRICE, TEXT, counted, order
from tests.checklists.histories import ended, make_cutover
from tests.checklists.views.pages import Page, words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def cutover(db: object) -> Cutover:
    return make_cutover(text=TEXT)


def test_the_page_of_the_rollback_shows_the_count_its_age_and_the_button(
    browser_of: Any, cutover: Cutover
) -> None:
    address = reverse("cutover-rollback", args=[cutover.slug])
    ama = browser_of("ama")
    assert "It cannot be counted yet: 1.1 Back up is not done yet." in words_of(ama.get(address))
    ended(cutover, "back-up")
    page = Page(ama.get(address))
    assert page["cost-count"].state == "unknown"
    assert "was not counted yet" in page["cost-count"].words
    assert page["count-count"]
    counted(cutover, ago=timedelta(minutes=10))
    page = Page(ama.get(address))
    assert page["cost-count"].state == "loss"
    assert "12 rows created Counted 10 min ago" in page["cost-count"].words
    page = words_of(browser_of("ama").get(reverse("cutover-rollback", args=[order(cutover).slug])))
    assert "before the rollback was ordered: what was written since is not in it" in page


def test_the_price_stands_on_the_page_before_the_order(browser_of: Any, cutover: Cutover) -> None:
    ended(cutover, "back-up")
    counted(cutover, facts=PRICE)
    page = Page(browser_of("ama").get(reverse("cutover-rollback", args=[cutover.slug])))
    assert page["price-count-donations"].words == "donations 2 1 0"
    assert "150.00 GHS pending" in page["amounts-of-count"].words


def test_what_has_to_be_done_comes_first_and_what_need_not_is_folded_away_with_its_reason(
    browser_of: Any,
) -> None:
    cutover = make_cutover("signed")  # nothing was changed yet
    address = reverse("cutover-rollback", args=[cutover.slug])
    page = Page(browser_of("ama").get(address))
    assert "plan-back" not in page
    assert page["plan-not-needed"].words == (
        "1 item is not needed 3.1 Restore it There is nothing to take back: 2.1 Change it never began."
    )
    ended(cutover, "change-it")
    page = Page(browser_of("ama").get(address))
    assert page["plan-back"].words == "3.1 Restore it"
    assert "plan-not-needed" not in page


def test_the_page_and_the_gate_say_that_a_count_from_before_the_pilot_tells_no_price(browser_of: Any) -> None:
    cutover = make_cutover(text=NAMED)
    ended(cutover, "back-up", ago=timedelta(minutes=30))
    counted(cutover, facts=PRICE, ago=timedelta(minutes=20))
    ended(cutover, "switch", ago=timedelta(minutes=10))
    address = reverse("cutover-rollback", args=[cutover.slug])
    page = Page(browser_of("ama").get(address))
    assert page["cost-count"].state == "unknown"
    assert "price-of-count" not in page
    gate = words_of(browser_of("efua").get(reverse("gate", args=[cutover.slug, "decide"])))
    assert "is from before people were led to the new service" in gate
    counted(cutover, facts=PRICE)
    page = Page(browser_of("ama").get(address))
    assert page.states("price-count-") == {"users": "nothing", "prayer_requests": "loss", "donations": "loss"}
    assert page["price-count-users"].words == "people 0 0 0"
    assert "Everything since the first request" in page["cost-count"].words
