"""The form that ticks an item, the page of the second person, and files as downloads."""

from __future__ import annotations

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from checklists.models import TickFile
from tests.checklists.histories import PASSWORD, RUNBOOK, item_of, make_cutover
from tests.checklists.views.pages import Page, markup_of, words_of

pytestmark = pytest.mark.django_db


def requiring(*words: str):
    text = RUNBOOK.replace("how: Tell everybody.", f"how: Tell everybody., requires: [{', '.join(words)}]")
    return make_cutover(text=text)


def send(client, cutover, **fields):
    return client.post(reverse("item-tick", args=[cutover.slug, "announce"]), fields, follow=True)


def page_of(client, cutover):
    return client.get(reverse("item", args=[cutover.slug, "announce"]))


def test_what_an_item_requires_is_shown_before_anybody_begins(browser_of) -> None:
    cutover, ama = requiring("note", "file", "second_person"), browser_of("ama")
    said = "to tick it: a note, a file, a second person who confirms it"
    assert said in words_of(page_of(ama, cutover))
    runbook = ama.get(reverse("runbook", args=[cutover.slug]))
    assert said in words_of(runbook)
    assert f'href="/cutovers/{cutover.slug}/items/announce/#tick"' in markup_of(runbook)


def test_a_form_without_the_note_comes_back_with_what_was_typed(browser_of) -> None:
    cutover = requiring("note")
    answer = send(browser_of("ama"), cutover, on_behalf_of_name="Abena", note="")
    assert answer.status_code == 422
    assert "This item requires a note" in Page(answer)["tick-note_error"].words
    assert 'value="Abena"' in markup_of(answer)
    assert item_of(cutover, "announce").done_at is None


def test_a_file_is_handed_in_and_downloaded_but_never_shown(browser_of) -> None:
    cutover, content = requiring("file"), b"who;phone\nAbena;030\n"
    ama = browser_of("ama")
    answer = send(ama, cutover, file=SimpleUploadedFile("writers.csv", content), next="")
    assert "Ticked 1.1 Announce it." in markup_of(answer)
    shown = page_of(ama, cutover)
    assert hashlib.sha256(content).hexdigest() in markup_of(shown)
    download = ama.get(reverse("tick-file", args=[cutover.slug, "announce", TickFile.objects.get().pk]))
    assert download.content == content
    assert download["Content-Disposition"] == 'attachment; filename="writers.csv"'
    assert (download["X-Content-Type-Options"], download["Content-Type"]) == (
        "nosniff",
        "text/csv; charset=utf-8",
    )
    assert download["Content-Security-Policy"].startswith("sandbox")


def test_people_without_a_part_in_the_cutover_see_no_file(browser_of) -> None:
    cutover = requiring("file")
    send(browser_of("ama"), cutover, file=SimpleUploadedFile("a.txt", b"text"))
    there = reverse("tick-file", args=[cutover.slug, "announce", TickFile.objects.get().pk])
    assert browser_of("stranger").get(there).status_code == 404
    other = requiring("file")
    wrong = reverse("tick-file", args=[other.slug, "announce", TickFile.objects.get().pk])
    assert browser_of("ama").get(wrong).status_code == 404


def test_a_page_is_refused_as_a_file(browser_of) -> None:
    cutover = requiring("file")
    answer = send(browser_of("ama"), cutover, file=SimpleUploadedFile("a.html", b"<p>"))
    assert "“a.html” is none of" in words_of(answer)
    assert not TickFile.objects.exists()


def test_a_second_person_is_asked_on_their_own_page_and_confirms_it_there(browser_of) -> None:
    cutover = requiring("note", "second_person")
    answer = send(browser_of("ama"), cutover, note="sent to 412 addresses")
    assert "waits for a second person who confirms it." in words_of(answer)
    efua = browser_of("efua")
    waiting = efua.get(reverse("waiting"))
    assert "asks to confirm a manual item: 1.1 Announce it" in words_of(waiting)
    asked = cutover.change_requests.get()
    assert "sent to 412 addresses" in Page(efua.get(asked.get_absolute_url()))["handed-in"].words
    confirm = reverse("change-confirm", args=[cutover.slug, asked.pk])
    answer = efua.post(confirm, {"password": PASSWORD}, follow=True)
    assert "Confirmed. 1.1 Announce it is done." in words_of(answer)
    assert item_of(cutover, "announce").done_at
    assert "Confirmed by Efua." in Page(page_of(efua, cutover))["handed-in"].words


def test_the_item_says_that_it_waits_and_offers_no_second_tick(browser_of) -> None:
    cutover, ama = requiring("second_person"), browser_of("ama")
    send(ama, cutover)
    page = Page(page_of(ama, cutover))
    assert page["waits-for-second-person"].state == "OPEN"
    assert "tick" not in page
