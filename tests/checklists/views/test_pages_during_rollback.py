"""Once a rollback is ordered, every page shows the rollback, and asks for nothing forward any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from checklists import services
from checklists.board import Board
from checklists.models import Cutover, Item
from checklists.states import AttemptStatus, CutoverStatus, Direction
from checklists.status.headline import headline
from checklists.status.pending_tasks import pending_tasks
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person
from tests.checklists.views.pages import Page

pytestmark = pytest.mark.django_db

TEXT = """
name: there-and-back
title: There and back
timezone: UTC
systems: {}
roles: {lead: Migration lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: prepare
    title: Prepare
    items:
      - {key: announce, title: Announce it, kind: manual, owner: lead, how: Tell everybody.}
  - key: there
    title: There
    items:
      - {key: switch, title: Switch, kind: action, owner: lead,
         action: sample.look, needs: [announce], undo: restore}
      - {key: look, title: Look, kind: action, owner: lead, action: sample.look, needs: [switch]}
  - key: later
    title: The weeks after
    items:
      - {key: party, title: Celebrate, kind: manual, owner: lead, how: Cake., needs: [look]}
  - key: back
    title: Back
    direction: rollback
    items:
      - {key: stop-new, title: Stop the new one, kind: action, owner: lead, action: sample.look}
      - {key: restore, title: Restore, kind: action, owner: lead, action: sample.look, needs: [stop-new]}
      - {key: start-old, title: Start the old one, kind: action, owner: lead,
         action: sample.look, needs: [restore]}
      - {key: thaw, title: Let people write, kind: action, owner: lead,
         action: sample.look, needs: [start-old]}
      - {key: knock, title: Knock, kind: action, owner: lead, action: sample.look, optional: true}
"""
#: What the items of the rollback would be in a real runbook.
ACTIONS = {
    "stop-new": "service.stop",
    "restore": "rollback.restore",
    "start-old": "service.start",
    "thaw": "freeze.off",
    "knock": "http.smoke",
}


@pytest.fixture
def cutover(db: object) -> Cutover:
    """The switch was made, the look at it failed, and a rollback was ordered."""
    cutover = make_cutover(text=TEXT)
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    with by_hand():
        for key, action in ACTIONS.items():
            Item.objects.filter(cutover=cutover, key=key).update(action=action)
    ended(cutover, "switch")
    ended(cutover, "look", AttemptStatus.FAILED)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It does not answer.")
    return Cutover.objects.get(pk=cutover.pk)


@pytest.fixture
def status(browser_of: Callable[[str], Client], cutover: Cutover) -> Callable[[], Page]:
    """The status page as it is now."""
    return lambda: Page(browser_of("yaw").get(reverse("status", args=[cutover.slug])))


def said(cutover: Cutover) -> str:
    return headline(Board.load(Cutover.objects.get(pk=cutover.pk)))


def test_the_headline_names_the_next_step_back_and_at_the_end_how_to_close(cutover: Cutover) -> None:
    assert said(cutover) == "A rollback was ordered. Nothing runs. Next is 4.1 Stop the new one."
    for key in ("stop-new", "restore", "start-old"):
        ended(cutover, key)
    assert said(cutover) == "A rollback was ordered. Nothing runs. Next is 4.4 Let people write."
    ended(cutover, "thaw")
    ended(cutover, "knock")
    assert said(cutover).endswith("Everything is rolled back: close the cutover as rolled back.")


def test_nobody_is_asked_to_decide_about_a_forward_item(cutover: Cutover) -> None:
    waiting = pending_tasks(Board.load(cutover))
    assert {task.item.phase.direction for task in waiting} == {Direction.ROLLBACK}
    ended(cutover, "switch", AttemptStatus.UNKNOWN, unknown_reason="The worker died.")
    asked = [task.item.key for task in pending_tasks(Board.load(Cutover.objects.get(pk=cutover.pk)))]
    assert asked[0] == "switch", "whether it happened has to be found out in any case"


def test_the_status_page_keeps_what_was_done_and_leaves_out_what_nobody_will_do(status) -> None:
    page = status()
    assert "Done" in page["phase-prepare"].words
    assert "Now" in page["phase-back"].words
    for left in ("phase-there", "phase-later"):
        assert "Left out" in page[left].words
        assert "Later" not in page[left].words


def test_the_status_page_follows_the_old_service_back(cutover: Cutover, status) -> None:
    assert status()["service"].state == "unknown"
    for key, state, words in (
        ("stop-new", "down", "The new service is stopped. The old service is still to be started."),
        ("restore", "down", "The data from before are back. The old service is still to be started."),
        ("start-old", "unknown", "Nobody can change anything in it yet."),
        ("thaw", "up", "The old service accepts changes again."),
    ):
        ended(cutover, key)
        service = status()["service"]
        assert service.state == state, key
        assert words in service.words
    ended(cutover, "knock", AttemptStatus.FAILED)
    assert status()["service"].state == "down"


def test_after_the_end_nothing_is_still_to_come(cutover: Cutover, status) -> None:
    for key in ACTIONS:
        ended(cutover, key)
    assert "We went back to the old service." in status()["live"].words
    services.close_cutover(
        cutover=Cutover.objects.get(pk=cutover.pk),
        by=person("ama"),
        status=CutoverStatus.ROLLED_BACK,
        reason="",
    )
    page = status()
    assert "everyone is on the old service" in page["live"].words
    assert page["service"].state == "up"
    assert "Later" not in page["live"].words


def test_an_old_service_that_was_never_stopped_is_not_called_down(cutover: Cutover, status) -> None:
    with by_hand():  # what starts it takes back an item that was never done
        Item.objects.filter(cutover=cutover, key="party").update(undo="start-old")
    for key in ("stop-new", "restore"):
        ended(cutover, key)
    service = status()["service"]
    assert service.state == "unknown"
    assert "still to be started" not in service.words
