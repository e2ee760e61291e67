"""The page of the record: its verification, filters and export."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.models import Cutover
from checklists.record.verify_record import verify_export
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person
from tests.checklists.views.pages import Page, words_of

pytestmark = pytest.mark.django_db


def address(cutover: Cutover) -> str:
    return reverse("record", args=[cutover.slug])


def tamper(statement: str, *values: object) -> None:
    """Writes as somebody who owns the database could: past the triggers."""
    with by_hand(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def cutover(db) -> Cutover:
    return make_cutover("signed")


def test_a_whole_record_says_so_first(browser_of, cutover) -> None:
    page = words_of(browser_of("yaw").get(address(cutover)))
    assert f"The record is whole: {cutover.record.count()} links, verified just now." in page
    assert "efua said go at “Change it?” (technical seat)" in page


def test_a_record_that_somebody_changed_says_where_and_what_to_do(browser_of, cutover) -> None:
    tamper("UPDATE checklists_auditentry SET actor = 'nobody' WHERE cutover_id = %s AND seq = 3", cutover.pk)
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "The record is broken at link 3." in page
    assert "export it now" in page


@pytest.mark.parametrize(
    "payload", ['"a text"', "[1, 2]", "null", '{"item": "../../evil", "title": 5}', "{}"]
)
def test_the_page_survives_any_tampered_payload(browser_of, cutover, payload: str) -> None:
    statement = "UPDATE checklists_auditentry SET payload = %s::jsonb WHERE cutover_id = %s AND seq >= 3"
    tamper(statement, payload, cutover.pk)
    response = browser_of("ama").get(address(cutover))
    assert response.status_code == 200
    assert Page(response)["verdict"].state == "broken"


def test_it_is_filtered_by_who_and_what(browser_of, cutover) -> None:
    page = words_of(browser_of("ama").get(address(cutover), {"actor": "efua"}))
    assert "efua said go" in page
    assert "opened this cutover" not in page
    page = words_of(browser_of("ama").get(address(cutover), {"kind": "item.ticked"}))
    assert "ticked “Announce it”" in page
    assert "said go" not in page


@pytest.mark.parametrize(
    "value", ["nobody", "\x01", "<script>alert(1)</script>", "x" * 5000, "🚚", "' OR 1=1"]
)
@pytest.mark.parametrize("name", ["actor", "kind", "page"])
def test_a_filter_that_fits_nothing_says_so(browser_of, cutover, name: str, value: str) -> None:
    response = browser_of("ama").get(address(cutover), {name: value})
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()
    assert ("Nothing fits the filter." in words_of(response)) == (name != "page")


def test_a_hundred_links_are_on_a_page(browser_of, cutover) -> None:
    for n in range(120):
        services.add_note(item=item_of(cutover, "look"), by=person("ama"), text=f"note {n}")
    ama = browser_of("ama")
    first = ama.get(address(cutover)).content.decode()
    assert first.count('id="link-') == 2 * 100  # the link, and what folds out of it
    assert "?page=2&amp;actor=&amp;kind=" in first
    assert "Page 2 of 2" in words_of(ama.get(address(cutover), {"page": "2"}))
    assert "Page 2 of 2" in words_of(ama.get(address(cutover), {"page": "99999"}))


def test_no_text_in_the_record_becomes_markup(browser_of, cutover) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>🚚"
    services.add_note(item=item_of(cutover, "look"), by=person("ama"), text=evil)
    page = browser_of("ama").get(address(cutover)).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_the_export_verifies_by_itself(browser_of, cutover) -> None:
    there = reverse("record-export", args=[cutover.slug])
    assert browser_of("yaw").get(there).status_code == 403, "it has values, and it verifies only whole"
    assert there not in browser_of("yaw").get(address(cutover)).content.decode()
    response = browser_of("efua").get(there)
    assert response["Content-Disposition"] == f'attachment; filename="{cutover.slug}-record.json"'
    assert verify_export(json.loads(response.content)).ok


@pytest.mark.parametrize("name", ["record", "record-export"])
def test_a_stranger_gets_404_and_a_visitor_the_sign_in_page(browser_of, cutover, client, name: str) -> None:
    person("stranger")
    there = reverse(name, args=[cutover.slug])
    assert browser_of("stranger").get(there).status_code == 404
    assert client.get(there).url.startswith("/accounts/login/")


def test_htmx_gets_the_part_that_changes(browser_of, cutover) -> None:
    assert (
        browser_of("yaw", htmx=True)
        .get(address(cutover))
        .content.decode()
        .strip()
        .startswith('<div id="live"')
    )


def test_more_links_take_no_more_queries(browser_of) -> None:
    counts = []
    for many in (1, 60):
        cutover = make_cutover("signed")
        for n in range(many):
            ended(cutover, "look", facts={"n": n})
            services.add_note(item=item_of(cutover, "look"), by=person("ama"), text="seen")
        ama = browser_of("ama")
        ama.get(address(cutover))
        with CaptureQueriesContext(connection) as queries:
            assert ama.get(address(cutover)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 36  # the signatures are void, which takes a board
