"""Pages about the window: how long until it opens, an earlier start, moving it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from checklists import services
from checklists.models import ChangeRequest, Cutover
from checklists.models.audit import database_now
from checklists.states import CutoverStatus
from tests.checklists.histories import PASSWORD, item_of, make_cutover, person
from tests.checklists.services.test_windows import production
from tests.checklists.views.pages import markup_of, words_of

pytestmark = pytest.mark.django_db


def fields(**more: object) -> dict[str, object]:
    at = (database_now() + timedelta(days=2)).replace(second=0, microsecond=0)
    window = {"start": f"{at:%Y-%m-%dT%H:%M}", "end": f"{at + timedelta(hours=4):%Y-%m-%dT%H:%M}"}
    return {**window, "reason": "The office asks for it.", "password": PASSWORD, **more}


@pytest.mark.parametrize(("start", "state"), [(5, "before"), (-1, "open"), (-9, "after")])
def test_the_overview_says_how_the_window_stands(browser_of, start: float, state: str) -> None:
    cutover = production("opened", start=start, end=start + 4)
    page = browser_of("yaw").get(cutover.get_absolute_url()).content.decode()
    assert f'id="window" data-state="{state}"' in page
    assert reverse("window", args=[cutover.slug]) not in page  # a stakeholder moves nothing
    assert reverse("window", args=[cutover.slug]) in browser_of("ama").get(page_of(cutover)).content.decode()


def page_of(cutover: Cutover) -> str:
    return cutover.get_absolute_url()


def test_an_item_that_waits_says_so_and_leads_to_an_override(browser_of) -> None:
    cutover = production()
    item, ama = item_of(cutover, "change-it"), browser_of("ama")
    address = reverse("item-start-early", args=[cutover.slug, item.key])
    page = ama.get(item.get_absolute_url()).content.decode()
    assert "The window opens at" in page
    assert address in page
    assert 'id="start-form"' not in page
    assert ama.post(address, {"reason": "Why.", "password": "wrong"}).status_code == 422
    answer = ama.post(address, {"reason": "The bank closes.", "password": PASSWORD})
    asked = ChangeRequest.objects.get(kind="early_start")
    assert answer["Location"] == asked.get_absolute_url()
    assert 'id="early-requested"' in ama.get(item.get_absolute_url()).content.decode()
    kofi = browser_of("kofi")
    assert asked.get_absolute_url() in kofi.get(reverse("waiting")).content.decode()
    kofi.post(reverse("change-confirm", args=[cutover.slug, asked.pk]), {"password": PASSWORD})
    assert 'id="start-form"' in ama.get(item.get_absolute_url()).content.decode()


def test_moving_the_window_of_production_asks_a_second_person(browser_of) -> None:
    cutover = production()
    address = reverse("window", args=[cutover.slug])
    ama = browser_of("ama")
    assert ama.get(address).status_code == 200
    ama.post(address, fields())
    asked = ChangeRequest.objects.get(kind="window")
    page = browser_of("efua").get(asked.get_absolute_url()).content.decode()
    assert "Window now" in page
    assert "Window then" in page
    browser_of("efua").post(reverse("change-confirm", args=[cutover.slug, asked.pk]), {"password": PASSWORD})
    before = cutover.window_start
    cutover.refresh_from_db()
    assert cutover.window_start is not None
    assert before is not None
    assert cutover.window_start - before > timedelta(days=1)


def test_a_rehearsal_moves_it_at_once(browser_of) -> None:
    cutover = make_cutover()
    answer = browser_of("ama").post(reverse("window", args=[cutover.slug]), fields())
    assert answer["Location"] == cutover.get_absolute_url()
    cutover.refresh_from_db()
    assert cutover.window_end is not None
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize("start", ["", "soon", "0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_time_that_means_nothing_is_shown_at_its_field(browser_of, start: str) -> None:
    cutover = production()
    answer = browser_of("ama").post(reverse("window", args=[cutover.slug]), fields(start=start))
    assert answer.status_code == 422
    assert 'id="id_start_error"' in answer.content.decode()


@pytest.mark.parametrize("name", ["window", "host-dead", "cutover-close", "amend", "cutover-rollback"])
def test_a_closed_cutover_offers_no_change(browser_of, name: str) -> None:
    cutover = make_cutover("celebrated")
    ama, address = browser_of("ama"), reverse(name, args=[cutover.slug])
    offered = '<form method="post"'
    assert offered in markup_of(ama.get(address)).partition("<main")[2] or name == "host-dead"
    services.close_cutover(
        cutover=cutover, status=CutoverStatus.COMPLETED, by=person("ama"), reason="Everything is done."
    )
    page = ama.get(address)
    assert offered not in markup_of(page).partition("<main")[2]
    assert "closed" in words_of(page)
