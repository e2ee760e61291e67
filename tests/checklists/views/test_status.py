"""The page for everyone: with an account, and by a link without one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from checklists import services
from checklists.models import AuditEntry, Cutover, StatusLink
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind
from checklists.views import status as status_views
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person
from tests.checklists.views.pages import Page, markup_of

pytestmark = pytest.mark.django_db

MARKED = RUNBOOK.replace("title: Celebrate,", "title: Celebrate, ends_window: true,")


def status_page(client: Client, cutover: Cutover) -> Page:
    return Page(client.get(reverse("status", args=[cutover.slug])))


def test_the_status_page_answers_its_questions(browser_of: Callable[..., Client]) -> None:
    now = database_now()
    window = {"window_start": now - timedelta(hours=1), "window_end": now + timedelta(hours=3)}
    page = status_page(browser_of("yaw"), make_cutover(text=MARKED, **window))
    assert (page["on-time"].state, page["service"].state) == ("yes", "unknown")
    assert "Now" in page["phase-prepare"].words
    assert "Later" in page["phase-change"].words
    assert "We are in part 1: Prepare." in page["live"].words
    assert "Nobody has checked the new service in this cutover yet." in page["service"].words
    assert "0 of 3 steps of this part are done" in page["then"].words


def test_the_status_page_says_when_we_are_late(browser_of: Callable[..., Client]) -> None:
    now = database_now()
    window = {"window_start": now - timedelta(hours=3), "window_end": now + timedelta(minutes=2)}
    on_time = status_page(browser_of("yaw"), make_cutover(text=MARKED, **window))["on-time"]
    assert on_time.state == "late"
    assert re.search(r"about \d+ min late", on_time.words), "a forecast is not known to the second"
    assert status_page(browser_of("yaw"), make_cutover(**window))["on-time"].state == "unknown"


def test_the_status_page_hides_no_trouble(browser_of: Callable[..., Client]) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.FAILED)
    assert "Something did not go as planned." in status_page(browser_of("yaw"), cutover)["live"].words


def test_the_service_is_up_only_when_a_check_has_seen_it(browser_of: Callable[..., Client]) -> None:
    cutover = make_cutover("announced")
    item = item_of(cutover, "look")
    item.action = "http.smoke"
    with by_hand():
        item.save()
    ended(cutover, "look", AttemptStatus.FAILED)
    assert status_page(browser_of("yaw"), cutover)["service"].state == "down"
    ended(cutover, "look")
    assert status_page(browser_of("yaw"), cutover)["service"].state == "up"


def test_production_says_first_what_people_can_do_and_a_rehearsal_that_it_touches_nothing(
    browser_of: Callable[..., Client],
) -> None:
    for kind, first in (
        (CutoverKind.PRODUCTION, "You can use the service as usual, until"),
        (CutoverKind.REHEARSAL, "This is a rehearsal: the service that you use is not touched."),
    ):
        start = database_now() + timedelta(hours=1)
        cutover = make_cutover(kind=kind, window_start=start, window_end=start + timedelta(hours=4))
        page = browser_of("yaw").get(reverse("status", args=[cutover.slug]))
        assert Page(page)["use"].state == "write"
        assert f'<h1 class="headline">{first}' in markup_of(page)
        assert f'datetime="{start.isoformat(timespec="seconds")}" data-reader-clock' in markup_of(page)
        assert "(Africa/Accra)" in markup_of(page)


# ── links ────────────────────────────────────────────────────────────────────


def make_link(cutover: Cutover, **more: timedelta) -> tuple[StatusLink, str]:
    given = {"label": "the congregations", "lasts": timedelta(hours=1), "nonce": uuid.uuid4(), **more}
    return services.create_status_link(cutover=cutover, by=person("ama"), **given)


def shared(secret: str, **headers: str) -> object:
    return Client(headers=headers).get(reverse("shared-status", args=[secret]))


@pytest.fixture(autouse=True)
def _no_wrong_links_before() -> None:
    cache.clear()
    status_views._rendered.clear()


def test_a_lead_makes_a_link_that_is_shown_once(browser_of: Callable[..., Client]) -> None:
    cutover, ama = make_cutover(), browser_of("ama")
    links = reverse("status-links", args=[cutover.slug])
    said = {"label": "the congregations", "hours": "24", "nonce": str(uuid.uuid4())}
    page = Page(ama.post(links, said))
    address = page["made-address"].words
    link = StatusLink.objects.get()
    assert page[f"link-{link.pk}"].state == "works"
    assert Client().get(address).status_code == 200
    secret = address.rstrip("/").rsplit("/", 1)[1]
    assert len(secret) >= 43
    again = ama.post(links, said)
    assert (again.status_code, StatusLink.objects.count()) == (422, 1), "a form makes one link"
    for text in (
        markup_of(ama.get(links)),
        str(StatusLink.objects.values()),
        str(AuditEntry.objects.values()),
    ):
        assert secret not in text
    assert ama.get(links)["Referrer-Policy"] == "no-referrer"


def test_only_a_lead_or_an_admin_makes_and_revokes_links(browser_of: Callable[..., Client]) -> None:
    cutover = make_cutover()
    link, _ = make_link(cutover)
    links = reverse("status-links", args=[cutover.slug])
    revoke = reverse("status-link-revoke", args=[cutover.slug, link.pk])
    for name in ("efua", "yaw"):
        assert browser_of(name).get(links).status_code == 403, name
        assert browser_of(name).post(links, {"label": "x", "hours": "24"}).status_code == 403, name
        assert browser_of(name).post(revoke).status_code == 403, name
    assert "status/links" not in markup_of(browser_of("yaw").get(reverse("status", args=[cutover.slug])))
    person("root", is_superuser=True)
    browser_of("root").post(revoke)
    assert Page(browser_of("root").get(links))[f"link-{link.pk}"].state == "revoked"
    assert AuditEntry.objects.filter(kind="status_link.revoked", actor="root").exists()


def test_a_link_shows_the_page_for_everyone_and_leads_nowhere_else() -> None:
    cutover = make_cutover("looked", kind=CutoverKind.PRODUCTION)
    response = shared(make_link(cutover)[1])
    page = markup_of(response)
    assert Page(response)["use"].state == "unknown", "this runbook has nothing that people would notice"
    assert cutover.get_absolute_url() not in page
    assert "/cutovers/" not in page
    assert "<form" not in page
    assert "saw it" not in page, "what an action said stays inside"
    for header, value in (
        ("Cache-Control", "no-store, private"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Robots-Tag", "noindex, nofollow, noarchive"),
    ):
        assert response[header] == value
    assert not response.cookies
    assert "expires" in Page(response)


def test_the_page_of_a_link_asks_again_by_itself_without_a_session() -> None:
    link, secret = make_link(make_cutover())
    live = Page(shared(secret))["live"]
    assert live.attributes["hx-trigger"] == "every 10s"
    part = shared(secret, **{"HX-Request": "true"})
    assert part.content.decode().strip().startswith("<div")
    services.revoke_status_link(link=link, by=person("ama"))
    ended_part = Page(shared(secret, **{"HX-Request": "true"}))["live"]
    assert (ended_part.state, "hx-get" in ended_part.attributes) == ("ended", False)


def test_wrong_expired_and_revoked_links_are_not_told_apart() -> None:
    cutover = make_cutover()
    revoked, of_revoked = make_link(cutover)
    services.revoke_status_link(link=revoked, by=person("ama"))
    expired, of_expired = make_link(cutover)
    with by_hand():
        past = database_now() - timedelta(hours=2)
        StatusLink.objects.filter(pk=expired.pk).update(made_at=past, ends_at=past + timedelta(hours=1))
    answers = [shared(secret) for secret in (of_revoked, of_expired, "no-such-secret", "%00", "é" * 9)]
    assert {answer.status_code for answer in answers} <= {404, 400}
    assert len({markup_of(answer) for answer in answers[:3]}) == 1
    assert answers[0]["X-Robots-Tag"].startswith("noindex")


def test_who_tries_many_links_is_refused_and_others_still_watch() -> None:
    _, secret = make_link(make_cutover())
    assert [shared(f"wrong-{n}").status_code for n in range(31)][-2:] == [404, 429]
    assert shared(secret).status_code == 200, "one office can watch with many telephones"


def test_a_link_known_to_thousands_asks_the_database_once(django_assert_max_num_queries) -> None:
    _, secret = make_link(make_cutover("looked"))
    first = shared(secret).content
    with django_assert_max_num_queries(2):
        assert shared(secret).content == first
