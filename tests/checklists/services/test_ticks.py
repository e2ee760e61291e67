"""What manual items require, and the second person who confirms a tick."""

import pytest
from django.db import Error, transaction

from checklists import services
from checklists.models import AuditEntry, ChangeRequest, Item, Tick
from checklists.record.chain import export, verify
from checklists.record.sentences import describe_entry
from checklists.services import CommandRefused, HandedFile, HandedIn
from checklists.states import CutoverKind, ItemState, MemberPart
from tests.checklists.histories import RUNBOOK, admin, item_of, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def requiring(*words: str, at: str = "opened", **more):
    """A cutover whose first item requires these."""
    text = RUNBOOK.replace("how: Tell everybody.", f"how: Tell everybody., requires: [{', '.join(words)}]")
    return make_cutover(at, text=text, **more)


def tick(cutover, by: str = "ama", key: str = "announce", **given):
    return services.tick_item(item=item_of(cutover, key), by=person(by), given=HandedIn(**given))


def request_of(cutover) -> ChangeRequest:
    return cutover.change_requests.get(decision="")


def last_entry(cutover) -> AuditEntry:
    return AuditEntry.objects.filter(cutover=cutover).latest("seq")


def test_without_the_note_that_it_requires_an_item_is_not_ticked():
    cutover = requiring("note")
    with pytest.raises(CommandRefused, match="Announce it requires a note"):
        tick(cutover, note="  ")
    assert not Tick.objects.exists()
    tick(cutover, note="Sent to all 412 addresses.")
    assert view_of(cutover, "announce").tick.note == "Sent to all 412 addresses."
    assert last_entry(cutover).payload["note"] == "Sent to all 412 addresses."


def test_without_the_file_that_it_requires_an_item_is_not_ticked():
    cutover = requiring("file")
    with pytest.raises(CommandRefused, match="requires a file"):
        tick(cutover, note="it is there")
    tick(cutover, files=[HandedFile("C:/shots/alert.PNG", PNG)])
    kept = view_of(cutover, "announce").tick.files.get()
    assert (kept.media_type, kept.size, bytes(kept.content)) == ("image/png", len(PNG), PNG)
    assert last_entry(cutover).payload["files"] == [kept.as_facts()]
    assert kept.sha256 in export(cutover)
    assert verify(cutover).ok


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(1)</script>"),
        ("picture.svg", b"<svg/>"),
        ("page.png", b"<html>"),
        ("program.txt", b"\x7fELF\xff\xfe"),
        ("nothing.txt", b""),
        ("no-ending", b"text"),
        ("large.txt", b"a" * 5_000_001),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_only_small_pictures_pdf_and_texts_are_kept(name, content):
    cutover = requiring("file")
    with pytest.raises(CommandRefused):
        tick(cutover, files=[HandedFile(name, content)])
    assert item_of(cutover, "announce").done_at is None


def test_the_record_says_on_whose_behalf_it_was_done():
    cutover = requiring("note")
    tick(cutover, note="done", on_behalf_of_name="Abena of the office")
    assert last_entry(cutover).payload["on_behalf_of"] == "Abena of the office"
    assert describe_entry(last_entry(cutover)) == "ticked “Announce it” on behalf of Abena of the office"
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="too early")
    tick(cutover, note="done", on_behalf_of=person("kofi"))
    assert last_entry(cutover).payload["on_behalf_of"] == "kofi"
    assert [one.done_for for one in Tick.objects.order_by("id")] == ["Abena of the office", "kofi"]


@pytest.mark.parametrize("name", ["Kofi", " kofi "])
def test_a_member_is_not_hidden_behind_a_name_in_words(name):
    cutover = requiring("second_person")
    with pytest.raises(CommandRefused, match="has an account here"):
        tick(cutover, on_behalf_of_name=name)


def test_a_stranger_has_done_nothing_here():
    cutover = requiring("note")
    with pytest.raises(CommandRefused, match="has no part in this cutover"):
        tick(cutover, note="done", on_behalf_of=person("stranger"))


@pytest.mark.parametrize("kind", list(CutoverKind))
def test_an_item_that_requires_a_second_person_is_done_when_another_member_confirms_it(kind):
    cutover = requiring("note", "second_person", kind=kind)
    tick(cutover, note="sent")
    view = view_of(cutover, "announce")
    assert (view.state, view.request) == (ItemState.READY, request_of(cutover))
    assert "waits for a second person" in view_of(cutover, "look").blockers[0].what
    services.confirm_change(request=request_of(cutover), by=person("efua"))
    view = view_of(cutover, "announce")
    assert (view.state, view.item.done_by, view.tick.confirmed_by) == (ItemState.DONE, person("ama"), "efua")
    entry = last_entry(cutover)
    assert (entry.kind, entry.actor) == ("item.confirmed", "efua")
    assert entry.payload["requested_by"] == "ama"
    assert verify(cutover).ok


def test_nobody_confirms_their_own_work():
    cutover = requiring("second_person")
    tick(cutover)
    with pytest.raises(CommandRefused, match="four eyes"):
        services.confirm_change(request=request_of(cutover), by=person("ama"))
    assert item_of(cutover, "announce").done_at is None


def test_the_person_on_whose_behalf_it_was_ticked_does_not_confirm_it():
    cutover = requiring("second_person")
    tick(cutover, on_behalf_of=person("efua"))
    with pytest.raises(CommandRefused, match="on your behalf"):
        services.confirm_change(request=request_of(cutover), by=person("efua"))
    services.confirm_change(request=request_of(cutover), by=person("kofi"))
    assert view_of(cutover, "announce").state == ItemState.DONE


@pytest.mark.parametrize("name", ["yaw", "stranger"])
def test_only_a_lead_or_an_approver_confirms(name):
    cutover = requiring("second_person")
    tick(cutover)
    with pytest.raises(CommandRefused):
        services.confirm_change(request=request_of(cutover), by=person(name))


@pytest.mark.parametrize("by", ["ama", "efua"])
def test_the_database_refuses_a_confirmation_by_who_did_it(by):
    cutover = requiring("second_person")
    tick(cutover, on_behalf_of=person("efua"))
    found = request_of(cutover)
    found.decision, found.decided_by, found.decided_at = "CONFIRMED", person(by), found.requested_at
    with pytest.raises(Error), transaction.atomic():
        found.save()


@pytest.mark.parametrize("words", [("note",), ("file",), ("second_person",)])
def test_the_database_refuses_a_tick_without_what_the_item_requires(words):
    cutover = requiring(*words)
    item = item_of(cutover, "announce")
    ama, changes = person("ama"), {"done_by": person("ama"), "done_at": item.cutover.created_at}
    with pytest.raises(Error, match="not ticked without"), transaction.atomic():
        Item.objects.filter(pk=item.pk).update(**changes)
    Tick.objects.create(item=item, by=ama, at=item.cutover.created_at)
    AuditEntry.objects.append(cutover, "item.ticked", by=ama, item=item.key)
    with pytest.raises(Error, match="requires a"), transaction.atomic():
        Item.objects.filter(pk=item.pk).update(**changes)


def test_while_it_waits_for_a_second_person_it_is_neither_ticked_again_nor_skipped():
    cutover = requiring("second_person")
    tick(cutover)
    with pytest.raises(CommandRefused):
        tick(cutover)
    with pytest.raises(CommandRefused):
        services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="in a hurry")
    services.reject_change(request=request_of(cutover), by=person("ama"), reason="not yet")
    tick(cutover)
    assert Tick.objects.count() == 2


def test_a_tick_that_was_taken_back_needs_everything_again():
    cutover = requiring("note", "second_person")
    tick(cutover, note="sent")
    services.confirm_change(request=request_of(cutover), by=person("kofi"))
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="the wrong list")
    assert (view_of(cutover, "announce").tick, view_of(cutover, "announce").request) == (None, None)
    with pytest.raises(CommandRefused, match="requires a note"):
        tick(cutover)
    tick(cutover, note="sent again")
    assert view_of(cutover, "announce").state == ItemState.READY


def test_nothing_is_confirmed_after_a_rollback_was_ordered():
    cutover = requiring("second_person")
    tick(cutover)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="the office burns")
    with pytest.raises(CommandRefused, match="A rollback was ordered"):
        services.confirm_change(request=request_of(cutover), by=person("efua"))
    assert request_of(cutover).is_open


def test_an_item_that_waits_for_a_second_person_is_not_amended():
    cutover = requiring("second_person")
    tick(cutover)
    text = cutover.runbook.text.replace("Tell everybody.", "Tell nobody.")
    plan = services.plan_amendment(cutover=cutover, text=text)
    assert "waits for a second person" in " ".join(plan.obstacles)


def test_a_gate_shows_what_was_handed_in_and_a_signature_is_bound_to_it():
    text = RUNBOOK.replace("how: Tell everybody.", "how: Tell everybody., requires: [note]")
    text = text.replace("evidence: [{item: look", "evidence: [announce, {item: look")
    cutover = make_cutover(text=text)
    tick(cutover, note="412 addresses", on_behalf_of_name="Abena")
    fact = view_of(cutover, "go").gate.facts[0]
    assert fact.facts == {"note": "412 addresses", "on_behalf_of": "Abena"}
    assert fact.summary == "Ticked by ama on behalf of Abena"


def test_what_was_handed_in_is_never_changed():
    cutover = requiring("note")
    tick(cutover, note="sent")
    with pytest.raises(Error), transaction.atomic():
        Tick.objects.update(note="not sent")


def test_a_lead_who_lost_the_part_since_has_ticked_nothing():
    cutover = requiring("second_person")
    tick(cutover)
    services.add_member(cutover=cutover, person=person("esi"), part=MemberPart.LEAD, by=admin())
    services.add_member(cutover=cutover, person=person("ama"), part=MemberPart.STAKEHOLDER, by=admin())
    with pytest.raises(CommandRefused):
        services.confirm_change(request=request_of(cutover), by=person("efua"))


def test_signatures_on_items_without_requirements_stay_as_they_were():
    cutover = make_cutover("looked")
    signed = sign(cutover, "efua", "technical")
    assert view_of(cutover, "go").gate.digest == signed.digest
