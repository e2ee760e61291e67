"""Pages about the confirmation of a runbook for production."""

from __future__ import annotations

import pytest
from django.urls import reverse

from checklists import services
from checklists.states import CutoverKind
from tests.checklists.histories import PASSWORD, RUNBOOK, item_of, person
from tests.checklists.services.test_confirmed_runbooks import asked, opened

pytestmark = pytest.mark.django_db


def test_the_overview_says_that_nothing_runs_yet_and_where_to_confirm(browser_of) -> None:
    cutover = opened()
    page = browser_of("ama").get(cutover.get_absolute_url()).content.decode()
    assert 'id="runbook-unconfirmed"' in page
    assert asked(cutover).get_absolute_url() in page
    assert 'id="ask-confirmation"' not in page  # it is asked for already
    assert asked(cutover).get_absolute_url() in browser_of("kofi").get(reverse("waiting")).content.decode()
    item = item_of(cutover, "look")
    assert 'id="start-form"' not in browser_of("ama").get(item.get_absolute_url()).content.decode()


def test_the_page_shows_the_difference_to_the_text_confirmed_last(browser_of) -> None:
    services.confirm_change(request=asked(opened()), by=person("kofi"))
    changed = services.load_runbook(text=RUNBOOK.replace("Cake.", "Tea."), by=person("ama"))
    cutover = services.open_cutover(
        runbook=changed, kind=CutoverKind.PRODUCTION, title="C", slug="c", by=person("ama")
    )
    page = browser_of("ama").get(asked(cutover).get_absolute_url()).content.decode()
    assert "Tea." in page
    assert "Cake." in page
    assert 'id="risk"' in page
    assert 'id="confirm"' not in page  # she asked for it


def test_it_is_confirmed_with_the_password(browser_of) -> None:
    cutover = opened()
    kofi = browser_of("kofi")
    address = reverse("change-confirm", args=[cutover.slug, asked(cutover).pk])
    assert kofi.post(address, {"password": "wrong"}).status_code == 422
    kofi.post(address, {"password": PASSWORD})
    page = browser_of("ama").get(cutover.get_absolute_url()).content.decode()
    assert 'id="runbook-unconfirmed"' not in page


def test_a_lead_asks_again_after_it_was_declined(browser_of) -> None:
    cutover = opened()
    services.reject_change(request=asked(cutover), by=person("kofi"), reason="Explain it.")
    ama = browser_of("ama")
    assert 'id="ask-confirmation"' in ama.get(cutover.get_absolute_url()).content.decode()
    ama.post(reverse("change-ask-runbook", args=[cutover.slug]))
    assert asked(cutover).requested_by == person("ama")
