"""What waits for me."""

from __future__ import annotations

import pytest

from checklists import services
from checklists.states import AttemptStatus, CutoverStatus, Kind
from tests.checklists.histories import ended, item_of, make_cutover, person

pytestmark = pytest.mark.django_db


def waiting(client) -> str:
    return " ".join(client.get("/waiting/").content.decode().split())


def test_a_lead_ticks_from_the_list_and_stays_there(browser_of) -> None:
    cutover = make_cutover()
    ama = browser_of("ama")
    assert "1 thing waits for you." in waiting(ama)
    to = f"/cutovers/{cutover.slug}/items/announce/tick/"
    assert f'action="{to}"' in waiting(ama)
    assert ama.post(to, {"next": "/waiting/"})["Location"] == "/waiting/"
    page = waiting(ama)
    assert "Ticked 1.1 Announce it." in page
    assert "1.1</span> Announce it" not in page


def test_what_waits_in_all_cutovers_is_in_one_list_production_first(browser_of) -> None:
    make_cutover(kind=Kind.REHEARSAL)
    make_cutover(kind=Kind.PRODUCTION)
    page = waiting(browser_of("ama"))
    assert "2 things wait for you." in page
    assert page.index("PRODUCTION") < page.index("REHEARSAL")


def test_trouble_comes_first(browser_of) -> None:
    make_cutover(kind=Kind.PRODUCTION)
    ended(make_cutover("announced"), "look", AttemptStatus.UNKNOWN)
    page = waiting(browser_of("ama"))
    assert page.index("Find out whether it happened") < page.index("Tick when done")


def test_an_approver_sees_the_gates_they_may_sign(browser_of) -> None:
    make_cutover("looked")
    page = waiting(browser_of("efua"))
    assert "2 things wait for you." in page
    assert "Sign the Technical seat" in page
    assert "Sign the Data seat" in page


def test_who_has_signed_is_not_asked_again(browser_of) -> None:
    make_cutover("signed_once")
    assert "Nothing waits for you." not in waiting(browser_of("kofi"))
    assert "Sign the Data seat" not in waiting(browser_of("efua"))


def test_an_item_that_somebody_took_on_waits_for_them_alone(browser_of) -> None:
    cutover = make_cutover()
    services.add_member(cutover=cutover, person=person("esi"), part="LEAD", by=person("ama"))
    services.claim_item(item=item_of(cutover, "announce"), by=person("esi"))
    assert "Nothing waits for you." in waiting(browser_of("ama"))
    assert "1 thing waits for you." in waiting(browser_of("esi"))


def test_nothing_waits_in_a_closed_cutover_or_for_a_stakeholder(browser_of) -> None:
    cutover = make_cutover()
    assert "Nothing waits for you." in waiting(browser_of("yaw"))
    services.close_cutover(
        cutover=cutover, status=CutoverStatus.ABANDONED, by=person("ama"), reason="not tonight"
    )
    assert "You have no part in any open cutover." in waiting(browser_of("ama"))
