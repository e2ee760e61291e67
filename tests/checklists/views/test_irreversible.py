"""Pages that say what nothing takes back: the signing form and the order of the rollback."""

from __future__ import annotations

import pytest
from django.urls import reverse

from checklists import services
from checklists.models import SignOff
from tests.checklists.histories import PASSWORD, RUNBOOK, item_of, make_cutover, person, view_of
from tests.checklists.services.test_irreversible import production

pytestmark = pytest.mark.django_db


def test_the_signing_form_lists_them_apart_and_a_go_ticks_each(browser_of) -> None:
    cutover, efua = production(), browser_of("efua")
    address = reverse("gate", args=[cutover.slug, "go"])
    page = efua.get(address).content.decode()
    assert 'id="irreversible-change-it"' in page
    assert "It is gone." in page
    form = {
        "seat": "technical",
        "decision": "GO",
        "digest": view_of(cutover, "go").gate.digest,
        "nonce": "82374d83-1b39-4ce1-aa5f-08e56e79bef7",
        "password": PASSWORD,
    }
    sign = reverse("gate-sign", args=[cutover.slug, "go"])
    refused = efua.post(sign, form).content.decode()
    assert "did not name" in refused
    assert not SignOff.objects.exists()
    efua.post(sign, {**form, "accepted_irreversible": ["change-it"]})
    assert SignOff.objects.get().accepted_irreversible == ["change-it"]


def test_the_order_of_the_rollback_says_what_is_done_for_good(browser_of) -> None:
    text = RUNBOOK.replace("title: Announce it,", "title: Announce it, irreversible: They all know.,")
    cutover, ama = make_cutover("opened", text=text), browser_of("ama")
    address = reverse("cutover-rollback", args=[cutover.slug])
    assert 'id="stays"' not in ama.get(address).content.decode()
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    page = ama.get(address).content.decode()
    assert 'id="stays"' in page
    assert "They all know." in page
