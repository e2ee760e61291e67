"""The runbook's page and the commands behind its buttons."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.states import AttemptStatus
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person
from tests.checklists.sized import analyze, runbook_of
from tests.checklists.views.pages import Page, markup_of

pytestmark = pytest.mark.django_db


def give(client, cutover, verb: str, key: str, **said: str):
    return client.post(reverse(f"item-{verb}", args=[cutover.slug, key]), said, follow=True)


def test_a_tick_is_a_form_that_needs_no_javascript(browser_of) -> None:
    cutover = make_cutover()
    ama = browser_of("ama")
    page = markup_of(ama.get(reverse("runbook", args=[cutover.slug])))
    assert f'method="post" action="/cutovers/{cutover.slug}/items/announce/tick/"' in page
    response = give(ama, cutover, "tick", "announce")
    assert "Ticked 1.1 Announce it." in markup_of(response)
    assert item_of(cutover, "announce").done_by == person("ama")


def test_with_htmx_the_same_address_answers_with_the_part_that_changed(browser_of) -> None:
    cutover = make_cutover()
    response = give(browser_of("ama", htmx=True), cutover, "tick", "announce")
    html = markup_of(response)
    assert "<html" not in html
    assert html.startswith('<div id="live"')
    assert '<hx-partial hx-target="#notices"' in html
    assert "Ticked 1.1 Announce it." in html


def test_ticking_twice_is_ticking_once(browser_of) -> None:
    cutover = make_cutover()
    ama = browser_of("ama")
    give(ama, cutover, "tick", "announce")
    give(ama, cutover, "tick", "announce")
    assert cutover.record.filter(kind="item.ticked").count() == 1


def test_taking_a_tick_back_asks_why(browser_of) -> None:
    cutover = make_cutover("announced")
    ama = browser_of("ama")
    assert "Say why; it goes into the record." in markup_of(
        give(ama, cutover, "untick", "announce", reason="  ")
    )
    assert item_of(cutover, "announce").done_at
    give(ama, cutover, "untick", "announce", reason="nobody read it")
    assert item_of(cutover, "announce").done_at is None
    assert cutover.record.get(kind="item.unticked").payload["reason"] == "nobody read it"


def test_skipping_asks_why_and_can_be_taken_back(browser_of) -> None:
    cutover = make_cutover()
    ama = browser_of("ama")
    give(ama, cutover, "skip", "announce")
    assert item_of(cutover, "announce").skipped_at is None
    give(ama, cutover, "skip", "announce", reason="they know already")
    page = markup_of(ama.get(reverse("runbook", args=[cutover.slug])))
    assert "skipped by Ama: they know already" in page
    give(ama, cutover, "unskip", "announce", reason="they do not")
    assert item_of(cutover, "announce").skipped_at is None


def test_an_item_is_claimed_and_released(browser_of) -> None:
    cutover = make_cutover()
    ama = browser_of("ama")
    give(ama, cutover, "claim", "announce")
    assert "<strong>Ama</strong> has it" in markup_of(ama.get(reverse("runbook", args=[cutover.slug])))
    give(ama, cutover, "release", "announce")
    assert item_of(cutover, "announce").claimed_by is None


def test_a_note_is_shown_as_text_and_never_as_markup(browser_of) -> None:
    cutover = make_cutover()
    give(browser_of("efua"), cutover, "note", "announce", text="<script>alert(1)</script> look at {{ 7 }}")
    page = markup_of(browser_of("ama").get(reverse("runbook", args=[cutover.slug]) + "?open=announce"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; look at {{ 7 }}" in page


@pytest.mark.parametrize("said", ["a\x00b", "x" * 5000])
def test_text_that_cannot_be_stored_is_refused_in_words(browser_of, said: str) -> None:
    cutover = make_cutover()
    response = give(browser_of("ama"), cutover, "note", "announce", text=said)
    assert response.status_code == 200
    assert "Nothing was changed." in markup_of(response)
    assert not item_of(cutover, "announce").notes.exists()


def test_an_approver_is_told_why_they_may_not_tick(browser_of) -> None:
    cutover = make_cutover()
    response = give(browser_of("efua"), cutover, "tick", "announce")
    assert "only a migration lead may tick 1.1 Announce it" in markup_of(response)
    assert item_of(cutover, "announce").done_at is None


def test_each_line_has_the_one_button_that_makes_sense_now(browser_of) -> None:
    cutover = make_cutover("announced")
    runbook = reverse("runbook", args=[cutover.slug])
    ama = browser_of("ama")
    assert 'aria-label="Start: 1.2 Look at it"' in markup_of(ama.get(runbook))
    ended(cutover, "look", AttemptStatus.FAILED)
    assert 'aria-label="Try again: 1.2 Look at it"' in markup_of(ama.get(runbook))
    ended(cutover, "look")
    assert 'aria-label="Decide: 1.3 Change it?"' in markup_of(browser_of("efua").get(runbook))
    ended(cutover, "look", AttemptStatus.UNKNOWN)
    assert 'aria-label="Find out: 1.2 Look at it"' in markup_of(ama.get(runbook))


def test_only_the_open_row_says_what_blocks_it_with_a_link(browser_of) -> None:
    cutover = make_cutover()
    address = reverse("runbook", args=[cutover.slug])
    assert not [name for name in Page(browser_of("ama").get(address)).elements if name.startswith("blocked-")]
    response = browser_of("ama").get(address, {"open": "look"})
    assert "1.1 Announce it is not done yet." in Page(response)["blocked-look"].words
    assert f'href="{item_of(cutover, "announce").get_absolute_url()}">1.1 Announce it</a>' in markup_of(
        response
    )


@pytest.mark.parametrize(
    ("show", "there", "not_there"),
    [
        ("now", ["announce"], ["look", "celebrate"]),
        ("blocked", ["look", "celebrate", "restore"], ["announce"]),
        ("done", [], ["announce", "look"]),
        ("mine", ["announce", "look"], ["go"]),
        ("nonsense", ["announce", "look", "go", "celebrate"], []),
    ],
)
def test_the_filter_leaves_what_it_says(browser_of, show, there, not_there) -> None:
    cutover = make_cutover()
    page = markup_of(browser_of("ama").get(reverse("runbook", args=[cutover.slug]), {"show": show}))
    for key in there:
        assert f'id="item-{key}"' in page
    for key in not_there:
        assert f'id="item-{key}"' not in page


def test_an_item_folds_out_in_place_with_what_the_customer_wrote(browser_of) -> None:
    cutover = make_cutover()
    item = item_of(cutover, "announce")
    item.original = "Announce the **window** <b>now</b>"
    with by_hand():
        item.save()
    page = markup_of(browser_of("ama").get(reverse("runbook", args=[cutover.slug]), {"open": "announce"}))
    assert "<strong>window</strong> &lt;b&gt;now&lt;/b&gt;" in page
    assert "<p>Tell everybody.</p>" in page
    assert 'id="commands-announce"' in page
    assert 'id="commands-look"' not in page


@pytest.mark.timeout(600)
def test_500_items_take_as_many_queries_as_50(browser_of) -> None:
    names = ("runbook", "cutover", "status", "item", "problems", "record", "people", "cutover-rollback")
    counts: dict[str, list[int]] = {name: [] for name in names}
    for items in (50, 500):
        cutover = make_cutover(text=runbook_of(items))
        analyze()
        for n in range(0, items // 10, 2):  # attempts, evidence, ticks and claims grow with it
            ended(cutover, f"i{n}-0")
            services.tick_item(item=item_of(cutover, f"i{n}-1"), by=person("ama"))
            services.claim_item(item=item_of(cutover, f"i{n}-3"), by=person("ama"))
        analyze()
        ama = browser_of("ama")
        for name, counted in counts.items():
            address = reverse(name, args=[cutover.slug, *(["i0-0"] if name == "item" else [])])
            ama.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert ama.get(address).status_code == 200
            counted.append(len(queries))
    for name, (few, many) in counts.items():
        assert few == many <= (43 if name == "item" else 36), name
