"""Ticking, skipping, claiming and noting."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models import F

from checklists import services
from checklists.models import AuditEntry, Note
from checklists.services import CommandRefused
from checklists.services.permission import lock_item
from checklists.states import ItemState
from tests.by_hand import by_hand
from tests.checklists.histories import item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db


def kinds(cutover):
    return list(AuditEntry.objects.filter(cutover=cutover).values_list("kind", flat=True))


def test_a_tick_is_recorded_with_its_person():
    cutover = make_cutover()
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    link = AuditEntry.objects.filter(cutover=cutover).latest("seq")
    assert (link.kind, link.actor, link.payload["item"]) == ("item.ticked", "ama", "announce")


def test_ticking_twice_is_one_tick():
    cutover = make_cutover()
    first = services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    again = services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    assert again.done_at == first.done_at
    assert kinds(cutover).count("item.ticked") == 1


def test_a_blocked_item_cannot_be_ticked():
    cutover = make_cutover()
    with pytest.raises(CommandRefused, match=r"2\.2 Celebrate has to wait: 2\.1 Change it is not done yet"):
        services.tick_item(item=item_of(cutover, "celebrate"), by=person("ama"))


@pytest.mark.parametrize("name", ["efua", "yaw", "stranger"])
def test_only_a_lead_ticks(name):
    cutover = make_cutover()
    with pytest.raises(CommandRefused):
        services.tick_item(item=item_of(cutover, "announce"), by=person(name))
    assert item_of(cutover, "announce").done_at is None


def test_unticking_asks_why_and_takes_the_tick_back():
    cutover = make_cutover("announced")
    with pytest.raises(CommandRefused, match="Say why"):
        services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="  ")
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="wrong list")
    assert view_of(cutover, "announce").state == ItemState.READY


def test_items_that_need_a_skipped_item_become_ready():
    cutover = make_cutover()
    services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="done by mail")
    assert view_of(cutover, "look").state == ItemState.READY
    services.unskip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="it was not")
    assert view_of(cutover, "look").state == ItemState.BLOCKED


def test_a_gate_is_never_skipped():
    cutover = make_cutover("looked")
    with pytest.raises(CommandRefused):
        services.skip_item(item=item_of(cutover, "go"), by=person("ama"), reason="in a hurry")


def test_a_claim_names_who_takes_care():
    cutover = make_cutover()
    services.claim_item(item=item_of(cutover, "announce"), by=person("ama"))
    assert item_of(cutover, "announce").claimed_by == person("ama")
    services.release_item(item=item_of(cutover, "announce"), by=person("ama"))
    assert item_of(cutover, "announce").claimed_by is None


def test_an_approver_may_leave_a_note_and_a_stakeholder_may_not():
    cutover = make_cutover()
    services.add_note(item=item_of(cutover, "announce"), by=person("efua"), text="ring the choir, too")
    with pytest.raises(CommandRefused):
        services.add_note(item=item_of(cutover, "announce"), by=person("yaw"), text="hello")
    assert item_of(cutover, "announce").notes.get().text == "ring the choir, too"


def test_a_note_that_is_sent_twice_is_one_note_and_one_entry():
    cutover = make_cutover()
    for by, text in (
        ("ama", "ring the choir"),
        ("ama", " ring the choir "),
        ("efua", "ring the choir"),
        ("ama", "rang"),
    ):
        services.add_note(item=item_of(cutover, "announce"), by=person(by), text=text)
    notes = item_of(cutover, "announce").notes.values_list("by__username", "text")
    assert sorted(notes) == [("ama", "rang"), ("ama", "ring the choir"), ("efua", "ring the choir")]
    assert cutover.record.filter(kind="item.noted").count() == 3
    with by_hand():
        Note.objects.update(at=F("at") - timedelta(minutes=2))
    services.add_note(item=item_of(cutover, "announce"), by=person("ama"), text="ring the choir")
    assert item_of(cutover, "announce").notes.filter(by=person("ama"), text="ring the choir").count() == 2


@pytest.mark.parametrize("text", ["", "   ", "a\x00b"])
def test_an_unusable_note_is_refused_in_words(text):
    cutover = make_cutover()
    with pytest.raises(CommandRefused, match="note"):
        services.add_note(item=item_of(cutover, "announce"), by=person("ama"), text=text)


@pytest.mark.django_db(transaction=True)
def test_who_changes_an_item_locks_it_and_nothing_beside_it():
    """Its cutover is only locked for share: else people who tick at once wait for each other in a circle."""
    cutover = make_cutover()
    item, info = item_of(cutover, "announce"), connection.connection.info
    address = f"host={info.host} port={info.port} dbname={info.dbname} user={info.user}"
    with psycopg.connect(address, password=info.password, autocommit=True) as other, transaction.atomic():
        lock_item(item)
        other.execute("SELECT 1 FROM checklists_cutover WHERE id = %s FOR UPDATE NOWAIT", [cutover.pk])
        other.execute("SELECT 1 FROM checklists_phase WHERE id = %s FOR UPDATE NOWAIT", [item.phase_id])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT 1 FROM checklists_item WHERE id = %s FOR UPDATE NOWAIT", [item.pk])
