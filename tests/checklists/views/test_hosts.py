"""The page that declares a host dead."""

from __future__ import annotations

import pytest
from django.urls import reverse

from checklists.models import ChangeRequest, HostDeath
from checklists.states import AttemptStatus
from tests.checklists.histories import PASSWORD, make_cutover, view_of
from tests.checklists.services.test_hosts import lost
from tests.checklists.views.pages import Page

pytestmark = pytest.mark.django_db
FIELDS = {"host": "worker-7", "reason": "I pulled the plug.", "password": PASSWORD}


def test_a_lost_attempts_page_leads_to_it_and_it_states_the_risk(browser_of) -> None:
    cutover, attempt = lost()
    ama, address = browser_of("ama"), reverse("host-dead", args=[cutover.slug])
    assert view_of(cutover, "change-it").state == AttemptStatus.UNKNOWN
    assert address in ama.get(attempt.item.get_absolute_url()).content.decode()
    page = ama.get(address).content.decode()
    assert 'id="risk"' in page
    assert "worker-7" in page


def test_it_is_requested_with_the_password_and_confirmed_by_another(browser_of) -> None:
    cutover, _ = lost()
    address = reverse("host-dead", args=[cutover.slug])
    ama = browser_of("ama")
    assert ama.post(address, {**FIELDS, "password": "wrong"}).status_code == 422
    assert ama.post(address, {**FIELDS, "host": "worker-8"}).status_code == 422
    assert not ChangeRequest.objects.exists()
    answer = ama.post(address, FIELDS)
    asked = ChangeRequest.objects.get()
    assert answer["Location"] == asked.get_absolute_url()
    page = browser_of("efua").get(asked.get_absolute_url()).content.decode()
    assert 'id="risk"' in page
    assert "Change it (try 1, at most once)" in page
    confirm = reverse("change-confirm", args=[cutover.slug, asked.pk])
    answer = browser_of("efua").post(confirm, {"password": PASSWORD}, follow=True)
    assert "counts as dead" in answer.content.decode()
    assert HostDeath.objects.get().host == "worker-7"


def test_without_a_lost_attempt_there_is_nothing_to_choose(browser_of) -> None:
    cutover = make_cutover()
    answer = browser_of("ama").post(reverse("host-dead", args=[cutover.slug]), FIELDS)
    assert answer.status_code == 422
    page = Page(browser_of("ama").get(reverse("host-dead", args=[cutover.slug])))
    assert "No attempt of this cutover is lost" in page["nothing-to-do"].words
    assert "change-form" not in page
