"""The rows of the runbook's page: which are shown, folded, found and marked, and what waits for what."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from checklists import services
from checklists.states import AttemptStatus, MemberPart
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, admin, ended, item_of, make_cutover, person
from tests.checklists.views.pages import Page, markup_of

pytestmark = pytest.mark.django_db


def rows_of(client, cutover, **query: str) -> dict[str, str]:
    """The rows that are shown: key → state."""
    page = Page(client.get(reverse("runbook", args=[cutover.slug]), query))
    states = page.states("item-")
    return {key: states[key] for key in states if "hidden" not in page[f"item-{key}"].attributes}


def folds_of(client, cutover, **query: str) -> dict[str, bool]:
    """The phases: key → is it folded?"""
    page = Page(client.get(reverse("runbook", args=[cutover.slug]), query))
    parts = {name: one for name, one in page.elements.items() if one.tag == "details" and "part" in name}
    return {name.removeprefix("part-"): "open" not in one.attributes for name, one in parts.items()}


def test_a_phase_that_needs_nobody_is_folded(browser_of) -> None:
    ama, cutover = browser_of("ama"), make_cutover("signed")
    assert folds_of(ama, cutover) == {"prepare": True, "change": False, "back": True}
    assert folds_of(ama, cutover, open="look") == {"prepare": False, "change": False, "back": True}
    assert folds_of(ama, cutover, state="DONE") == {"prepare": False}  # who filters wants to see it
    back = make_cutover("changed")
    services.order_rollback(cutover=back, by=person("ama"), reason="the disk is full")
    assert folds_of(ama, back) == {"back": False, "prepare": True, "change": True}


@pytest.mark.parametrize(
    ("at", "current"), [("opened", "announce"), ("announced", "look"), ("looked", "go"), ("celebrated", "")]
)
def test_the_page_knows_where_the_work_is(browser_of, at: str, current: str) -> None:
    page = Page(browser_of("ama").get(reverse("runbook", args=[make_cutover(at).slug])))
    assert page["live"].attributes["data-current"] == current
    marked = [name for name, one in page.elements.items() if "aria-current" in one.attributes]
    assert [name for name in marked if name.startswith("item-")] == ([f"item-{current}"] if current else [])


def test_what_runs_or_failed_is_where_the_work_is_before_what_is_ready(browser_of) -> None:
    cutover = make_cutover("signed")
    ended(cutover, "change-it", AttemptStatus.FAILED)
    with by_hand():
        cutover.items.filter(key="announce").update(done_at=None, done_by=None)
    page = Page(browser_of("ama").get(reverse("runbook", args=[cutover.slug])))
    assert page.states("item-")["announce"] == "READY"
    assert page["live"].attributes["data-current"] == "change-it"


def test_the_work_is_never_at_what_is_optional_nor_at_the_other_direction(browser_of) -> None:
    text = RUNBOOK.replace(
        "title: Announce it, kind: manual,", "title: Announce it, kind: manual, optional: true,"
    )
    cutover = make_cutover(text=text)
    page = Page(browser_of("ama").get(reverse("runbook", args=[cutover.slug])))
    assert page.states("item-")["announce"] == "READY"
    assert page["live"].attributes["data-current"] == ""
    early = make_cutover("signed")
    ended(early, "restore", AttemptStatus.RUNNING)  # of the rollback, which nobody has ordered
    page = Page(browser_of("ama").get(reverse("runbook", args=[early.slug])))
    assert page["live"].attributes["data-current"] == "change-it"


def test_a_search_alone_unfolds_every_phase_and_finds_capital_letters(browser_of) -> None:
    ama, cutover = browser_of("ama"), make_cutover("signed")
    assert folds_of(ama, cutover, q="ANNOUNCE") == {"prepare": False, "change": False, "back": False}
    assert rows_of(ama, cutover, q="  ANNOUNCE   1.1 ").keys() == {"announce"}
    assert len(rows_of(ama, cutover, q=" ")) == 6


def test_the_filters_combine_in_the_address(browser_of) -> None:
    cutover, efua = make_cutover("looked"), browser_of("efua")
    assert rows_of(efua, cutover, person="efua") == {"go": "READY"}
    assert rows_of(efua, cutover, person="ama", state="DONE").keys() == {"announce", "look"}
    assert rows_of(efua, cutover, person="ama", state="DONE", q="LOOK").keys() == {"look"}
    assert rows_of(efua, cutover, person="kofi", state="DONE") == {}
    assert (
        rows_of(efua, cutover, role="lead", show="now").keys()
        == {"go", "restore"} & rows_of(efua, cutover, show="now").keys()
    )
    assert len(rows_of(efua, cutover, person="nobody", role="none", state="ODD")) == 6


def test_a_person_finds_what_they_did_for_others(browser_of) -> None:
    cutover = make_cutover("announced")
    services.add_member(
        cutover=cutover, person=person("esi"), part=MemberPart.LEAD, seats=[], roles=["lead"], by=admin()
    )
    with by_hand():
        cutover.items.filter(key="look").update(claimed_by=person("esi"))
    assert set(rows_of(browser_of("ama"), cutover, person="esi")) >= {"look", "celebrate"}
    assert "look" not in rows_of(browser_of("ama"), cutover, person="ama")  # Esi has it
    assert "announce" in rows_of(browser_of("ama"), cutover, person="ama")  # she did it


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("announce it", {"announce"}),
        ("2.1", {"change-it"}),
        ("change-it", {"change-it"}),
        ("MIGRATION lead", {"announce", "look", "go", "change-it", "celebrate", "restore"}),
        ("moonlight", {"look"}),  # a note
        ("moonlight announce", set()),
        ("\"><script>' ", set()),
    ],
)
def test_the_search_needs_all_words_and_reads_notes(browser_of, q: str, found: set[str]) -> None:
    cutover = make_cutover()
    services.add_note(item=item_of(cutover, "look"), by=person("efua"), text="Only by MoonLight")
    assert rows_of(browser_of("ama"), cutover, q=q).keys() == found
    page = Page(browser_of("ama").get(reverse("runbook", args=[cutover.slug]), {"q": q}))
    assert ("hidden" in page["nothing-found"].attributes) == bool(found)
    assert page["runbook-q"].attributes["value"] == q.strip()


def test_notes_leave_a_mark_on_the_row_and_on_the_phase(browser_of) -> None:
    cutover = make_cutover()
    address = reverse("runbook", args=[cutover.slug])
    assert "data-notes" not in markup_of(browser_of("ama").get(address))
    for text in ("one", "two"):
        services.add_note(item=item_of(cutover, "look"), by=person("efua"), text=text)
    page = browser_of("ama").get(address)
    assert markup_of(page).count('data-notes="2"') == 1
    assert "2 notes" in Page(page)["item-look"].words
    assert "2 notes" in Page(page)["part-title-prepare"].words


def test_an_open_row_says_what_it_needs_and_what_it_holds_up(browser_of) -> None:
    cutover = make_cutover("announced")
    page = markup_of(browser_of("ama").get(reverse("runbook", args=[cutover.slug]), {"open": "look"}))
    assert 'data-needs="announce" data-state="DONE"' in page
    assert 'data-holds-up="go" data-state="BLOCKED"' in page
    assert page.count("data-needs=") == page.count("data-holds-up=") == 1


def test_each_phase_has_a_drawing_and_the_same_in_words(browser_of) -> None:
    cutover = make_cutover()
    page = browser_of("ama").get(reverse("runbook", args=[cutover.slug]))
    words = {phase: Page(page)[f"graph-{phase}"].words for phase in ("prepare", "change", "back")}
    assert "1.2 waits for 1.1" in words["prepare"]
    assert "2.1 waits for 1.3" in words["change"]  # of another phase
    assert "3.1 waits for nothing" in words["back"]
    assert markup_of(page).count('<svg class="graph-drawing"') == 3


def test_a_row_that_is_kept_in_memory_has_the_token_of_its_own_page(browser_of) -> None:
    cutover = make_cutover()
    address = reverse("runbook", args=[cutover.slug])
    tokens = []
    for query in ("", "?show=now&q=announce"):
        page = markup_of(browser_of("ama").get(address + query))
        row = page[page.index('id="item-announce"') :]
        tokens.append(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', row)[0])
        back = re.findall(r'name="next" value="([^"]+)"', row)[0]
        assert back == f"{address}{query}#item-announce".replace("&", "&amp;")
    assert len(set(tokens)) == 2
    assert all(len(token) == 64 for token in tokens)
