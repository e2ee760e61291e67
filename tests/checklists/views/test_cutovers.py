"""The list of cutovers, the overview, the status page, ordering a rollback and closing."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from checklists import services
from checklists.models import Backup, Cutover
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind, CutoverStatus, Decision, Direction
from tests.by_hand import by_hand
from tests.checklists.histories import PASSWORD, ended, item_of, make_cutover, person, sign, verify
from tests.checklists.views.pages import markup_of

pytestmark = pytest.mark.django_db


def overview(client, cutover) -> str:
    return markup_of(client.get(cutover.get_absolute_url()))


# ── the list ─────────────────────────────────────────────────────────────────


def test_the_list_says_where_each_cutover_is(browser_of) -> None:
    make_cutover()
    make_cutover("looked", kind=CutoverKind.PRODUCTION)
    page = markup_of(browser_of("ama").get("/"))
    assert "2 cutovers are open" in page
    assert "Nothing runs. Next is 1.1 Announce it." in page
    assert "1.3 Change it? waits for signatures: 0 of 2 are there." in page
    assert "REHEARSAL" in page
    assert "PRODUCTION" in page


def test_the_list_shows_nobody_the_cutovers_of_others(browser_of) -> None:
    make_cutover()
    assert "There is nothing here that you have a part in." in markup_of(browser_of("stranger").get("/"))


def test_a_stakeholder_is_led_to_the_page_for_everyone(browser_of) -> None:
    cutover = make_cutover()
    yaw, there = browser_of("yaw"), f"/cutovers/{cutover.slug}/status/"
    assert yaw.get("/")["Location"] == there
    assert f'href="{there}"' in markup_of(yaw.get("/?all"))
    make_cutover()
    assert yaw.get("/").status_code == 200, "with two of them, people choose"
    assert browser_of("efua").get("/").status_code == 200


# ── one cutover ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", CutoverKind)
def test_production_and_rehearsal_cannot_be_confused(browser_of, kind: CutoverKind) -> None:
    page = overview(browser_of("ama"), make_cutover(kind=kind))
    assert f"<title>Overview · Sample · {kind.label.upper()}</title>" in page
    assert f'<body class="kind-{kind.value.lower()}"' in page


def test_the_first_line_says_where_we_are(browser_of) -> None:
    ama = browser_of("ama")
    cutover = make_cutover("announced")
    assert '<h1 class="headline">Nothing runs. Next is 1.2 Look at it.</h1>' in overview(ama, cutover)
    ended(
        cutover, "look", AttemptStatus.RUNNING, progress_done=14, progress_total=22, progress_what="table 14"
    )
    page = overview(ama, cutover)
    assert "1.2 Look at it is under way." in page
    assert 'value="14" max="22"' in page
    assert "table 14" in page


def test_an_unknown_outcome_comes_before_everything_else(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.UNKNOWN, unknown_reason="Its worker died.")
    page = overview(browser_of("ama"), cutover)
    assert "We do not know whether 1.2 Look at it happened. Somebody has to probe it." in page
    assert "Its worker died." in page


def test_pending_tasks_name_the_people(browser_of) -> None:
    page = overview(browser_of("efua"), make_cutover("looked"))
    assert "<strong>You</strong>" in page
    assert "sign the Technical or Data seat" in page
    assert "<strong>Kofi</strong>" in page


def test_a_seat_that_nobody_can_fill_is_said_to_wait_for_nobody(browser_of) -> None:
    cutover = make_cutover("looked")
    with by_hand():
        cutover.members.filter(person__username="kofi").delete()
    assert "Nobody here can" in overview(browser_of("ama"), cutover)


def test_a_no_go_is_shown_with_its_reason(browser_of) -> None:
    cutover = make_cutover("looked")
    sign(cutover, "kofi", "finance", Decision.NO_GO, "the totals are off")
    page = overview(browser_of("ama"), cutover)
    assert "Kofi said no-go: “the totals are off”" in page


def test_a_backup_that_nobody_restored_is_called_not_verified(browser_of) -> None:
    cutover = make_cutover("looked")
    attempt = cutover.attempts.get()
    backup = Backup.objects.create(
        cutover=cutover, attempt=attempt, path="b", bytes=1, sha256="ab" * 32, taken_at=database_now()
    )
    page = overview(browser_of("ama"), cutover)
    assert "not verified: nobody has restored it" in page
    verify(backup, attempt, seconds=240)
    page = overview(browser_of("ama"), cutover)
    assert "4 min to restore" in page
    assert "not verified" not in page
    verify(backup, ended(cutover, "look"), equal=False)
    assert "its latest verification failed: do not rely on it" in overview(browser_of("ama"), cutover)


def test_recent_events_are_shown_as_sentences(browser_of) -> None:
    assert "<strong>ama</strong> ticked “Announce it”" in overview(
        browser_of("ama"), make_cutover("announced")
    )


# ── rollback and closing ─────────────────────────────────────────────────────


def order(client, cutover, **said: str):
    return client.post(reverse("cutover-rollback", args=[cutover.slug]), said)


def test_a_rollback_asks_for_reason_and_password(browser_of) -> None:
    cutover = make_cutover("changed")
    ama = browser_of("ama")
    for said in ({}, {"reason": "no"}, {"reason": "no", "password": "wrong"}, {"password": PASSWORD}):
        response = order(ama, cutover, **said)
        assert response.status_code == 422, said
        assert Cutover.objects.get(pk=cutover.pk).direction == Direction.FORWARD
    assert "That is not right, or the code was used before. Nothing was done." in markup_of(
        order(ama, cutover, reason="no", password="wrong")
    )
    order(ama, cutover, reason="the totals are off", password=PASSWORD)
    assert Cutover.objects.get(pk=cutover.pk).direction == Direction.ROLLBACK
    page = overview(ama, cutover)
    assert "A rollback was ordered." in page
    assert "ordered the rollback: “the totals are off”" in page


def test_too_many_wrong_passwords_are_not_even_read(browser_of) -> None:
    cutover = make_cutover()
    ama = browser_of("ama")
    for _ in range(10):
        order(ama, cutover, reason="no", password="wrong")
    refused = markup_of(order(ama, cutover, reason="no", password=PASSWORD))
    assert re.search(
        r"Too many tries were wrong. Try again at \d\d:\d\d \(Africa/Accra\), in [456] min", refused
    )
    assert Cutover.objects.get(pk=cutover.pk).direction == Direction.FORWARD


def test_before_a_rollback_one_is_told_what_is_not_known(browser_of) -> None:
    cutover = make_cutover()
    page = markup_of(browser_of("efua").get(reverse("cutover-rollback", args=[cutover.slug])))
    assert "does not mark the item of the rollback that restores the service" in page


def test_a_cutover_is_closed_only_when_everything_is_settled(browser_of) -> None:
    ama = browser_of("ama")
    cutover = make_cutover("changed")
    close = reverse("cutover-close", args=[cutover.slug])
    said = {"status": CutoverStatus.COMPLETED, "password": PASSWORD}
    assert "1 items are not settled: 2.2 Celebrate." in markup_of(ama.post(close, said, follow=True))
    services.tick_item(item=item_of(cutover, "celebrate"), by=person("ama"))
    ama.post(close, said)
    assert "Completed: everything is done." in overview(ama, cutover)


def test_only_a_lead_closes(browser_of) -> None:
    cutover = make_cutover()
    assert browser_of("efua").get(reverse("cutover-close", args=[cutover.slug])).status_code == 403
