"""The page that orders the rollback tells what it would lose, and how old that answer is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from checklists.models import Cutover
from tests.checklists.forecast.test_rollback_cost import TEXT, counted, order
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
