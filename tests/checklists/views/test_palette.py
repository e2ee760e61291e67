"""What the keyboard palette and the count in the bar are given: only what that person may see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checklists.models import Cutover
from tests.checklists.histories import RUNBOOK, make_cutover

pytestmark = pytest.mark.django_db


def places(client: Client, cutover: Cutover | None = None) -> dict[str, str]:
    """Words → address."""
    query = {"cutover": cutover.slug} if cutover else {}
    return {one["words"]: one["url"] for one in client.get("/palette/", query).json()["places"]}


def test_the_palette_knows_pages_items_and_what_people_are_waited_for(
    browser_of: Callable[..., Client],
) -> None:
    cutover = make_cutover("looked")
    found = places(browser_of("efua"), cutover)
    item = f"/cutovers/{cutover.slug}/items/look/"
    gate = f"/cutovers/{cutover.slug}/gates/go/"
    assert found["1.2 Look at it"] == item
    assert found["You: sign the Technical or Data seat"] == gate
    assert any(words.startswith("Kofi: sign") for words in found)
    assert found["Record"].endswith("/record/")
    assert found["Your account"] == "/account/"
    assert found[cutover.title] == cutover.get_absolute_url()


def test_nobody_is_led_to_what_they_may_not_see(browser_of: Callable[..., Client]) -> None:
    cutover = make_cutover("looked")
    stranger = browser_of("stranger")
    assert stranger.get("/palette/", {"cutover": cutover.slug}).status_code == 404
    assert cutover.title not in places(stranger)
    for address in ("/palette/", "/waiting/count/"):
        answer = Client().get(address)
        assert (answer.status_code, answer["Location"][:16]) == (302, "/accounts/login/"), address
        assert "no-store" in browser_of("efua").get(address)["Cache-Control"]


def test_the_count_is_that_of_the_page(browser_of: Callable[..., Client]) -> None:
    make_cutover("looked")
    assert browser_of("efua").get("/waiting/count/").json() == {"tasks": 1, "urgent": False}
    assert browser_of("yaw").get("/waiting/count/").json() == {"tasks": 0, "urgent": False}


def test_a_count_that_fails_is_unknown_and_no_failure_of_the_page(
    browser_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_cutover("looked")
    monkeypatch.setattr("checklists.board.Board.load_for_page", lambda _: 1 / 0)
    answer = browser_of("efua").get("/waiting/count/")
    assert (answer.status_code, answer.json()) == (200, {"tasks": None, "urgent": False})
    assert "ZeroDivisionError" in caplog.text


def test_more_items_take_no_more_queries(browser_of: Callable[..., Client]) -> None:
    counts = []
    for many in (1, 30):
        more = "".join(
            f"      - {{key: more-{n}, title: More, kind: manual, owner: lead, how: Do it.}}\n"
            for n in range(many)
        )
        cutover = make_cutover(
            "looked", text=RUNBOOK.replace("  - key: change\n", f"{more}  - key: change\n")
        )
        ama = browser_of("ama")
        ama.get("/palette/", {"cutover": cutover.slug})
        with CaptureQueriesContext(connection) as queries:
            ama.get("/palette/", {"cutover": cutover.slug})
        counts.append(len(queries))
    assert counts[0] == counts[1]
