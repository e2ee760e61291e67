"""The page of a person's tasks."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checklists import services
from checklists.board import Board
from checklists.states import AttemptStatus, CutoverKind, CutoverStatus
from checklists.status.pending_tasks import pending_tasks
from tests.checklists.histories import ended, item_of, make_cutover, person
from tests.checklists.views.pages import Page, markup_of

pytestmark = pytest.mark.django_db


def waiting(client) -> str:
    return markup_of(client.get("/waiting/"))


def tasks(client) -> int:
    """How many tasks the page says wait for that person."""
    return int(Page(client.get("/waiting/"))["live"].attributes["data-tasks"])


def test_a_lead_ticks_from_the_list_and_stays_there(browser_of) -> None:
    cutover = make_cutover()
    ama = browser_of("ama")
    assert "1 task waits for you." in waiting(ama)
    to = f"/cutovers/{cutover.slug}/items/announce/tick/"
    assert f'action="{to}"' in waiting(ama)
    assert ama.post(to, {"next": "/waiting/"})["Location"] == "/waiting/"
    page = waiting(ama)
    assert "Ticked 1.1 Announce it." in page
    assert "1.1</span> Announce it" not in page


def test_tasks_of_all_cutovers_are_in_one_list_production_first(browser_of) -> None:
    make_cutover(kind=CutoverKind.REHEARSAL)
    make_cutover(kind=CutoverKind.PRODUCTION)
    page = waiting(browser_of("ama"))
    assert page.count("task-verb") == 2
    assert page.index("PRODUCTION") < page.index("REHEARSAL")


def test_urgent_tasks_come_first(browser_of) -> None:
    make_cutover(kind=CutoverKind.PRODUCTION)
    ended(make_cutover("announced"), "look", AttemptStatus.UNKNOWN)
    page = waiting(browser_of("ama"))
    assert page.index("Find out whether it happened") < page.index("Tick when done")


def test_only_who_may_decide_is_asked_what_an_unknown_attempt_did(browser_of) -> None:
    cutover = make_cutover("signed", kind=CutoverKind.PRODUCTION)
    ended(cutover, "change-it", AttemptStatus.UNKNOWN, effect="AT_MOST_ONCE")
    assert "whether it happened" not in waiting(browser_of("ama")), "who started it does not decide"
    assert "Find out whether it happened" in waiting(browser_of("efua"))
    board = Board.load(cutover)
    board.members[:] = [member for member in board.members if member.person == person("ama")]
    (task,) = [task for task in pending_tasks(board) if task.item.key == "change-it"]
    assert (task.what, task.people) == (
        "find somebody else who may decide whether it happened",
        (person("ama"),),
    )


def test_a_gate_is_one_task_whatever_seats_the_person_may_fill(browser_of) -> None:
    make_cutover("looked")
    page = waiting(browser_of("efua"))
    assert "1 task waits for you." in page
    assert "Sign the Technical or Data seat" in page


def test_a_person_who_signed_is_not_asked_again(browser_of) -> None:
    make_cutover("signed_once")
    assert tasks(browser_of("kofi")) > 0
    assert "Sign the" not in waiting(browser_of("efua"))


def test_a_claimed_item_waits_for_that_person_alone(browser_of) -> None:
    cutover = make_cutover()
    services.add_member(cutover=cutover, person=person("esi"), part="LEAD", by=person("ama"))
    services.claim_item(item=item_of(cutover, "announce"), by=person("esi"))
    assert (tasks(browser_of("ama")), tasks(browser_of("esi"))) == (0, 1)


def test_nothing_waits_in_a_closed_cutover_or_for_a_stakeholder(browser_of) -> None:
    cutover = make_cutover()
    assert "Nothing waits for you." in waiting(browser_of("yaw"))
    services.close_cutover(
        cutover=cutover, status=CutoverStatus.ABANDONED, by=person("ama"), reason="not tonight"
    )
    assert "You have no part in any open cutover." in waiting(browser_of("ama"))


def test_the_count_of_every_open_page_is_worked_out_once_for_each_change(
    browser_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutovers = [make_cutover(), make_cutover()]
    ama = browser_of("ama")

    def asked() -> tuple[int, int]:
        """Tasks and queries."""
        with CaptureQueriesContext(connection) as queries:
            return ama.get("/waiting/count/").json()["tasks"], len(queries)

    first, again = asked(), asked()
    assert first[0] == again[0] == 2
    assert again[1] <= 6 < first[1]
    services.add_note(item=item_of(cutovers[0], "announce"), by=person("ama"), text="Remember it.")
    services.tick_item(item=item_of(cutovers[0], "announce"), by=person("ama"))
    changed = asked()
    assert changed == (tasks(ama), changed[1])
    assert changed[1] > 6
    monkeypatch.setattr("checklists.views.waiting.KEPT_SECONDS", -1)
    assert asked()[1] > 6, "what only time changes is counted again, too"
