"""A problem, a no-go or contrary evidence that somebody answered is told apart from one that nobody did."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from checklists import services
from checklists.board import Board, read_notes, trouble_of
from checklists.models import Cutover
from checklists.states import AttemptStatus, Decision
from tests.checklists.histories import ended, item_of, make_cutover, person, sign
from tests.checklists.views.pages import markup_of, words_of

pytestmark = pytest.mark.django_db
FAR = timedelta(minutes=5)
WORDS = "The moon rises at three."


def addresses(cutover: Cutover) -> dict[str, str]:
    """Every page that shows how an item stands."""
    slug = [cutover.slug]
    return {
        "item": item_of(cutover, "look").get_absolute_url(),
        "row": f"{reverse('runbook', args=slug)}?open=look",
        "gate": reverse("gate", args=[*slug, "go"]),
        "problems": reverse("problems", args=slug),
        "status": reverse("status", args=slug),
    }


def failed() -> Cutover:
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.FAILED, ago=FAR)
    return cutover


def warned() -> Cutover:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts={"warnings": ["61 rows would make it fail."]}, ago=FAR)
    return cutover


def test_an_answer_is_shown_wherever_the_problem_is(browser_of: Any) -> None:
    cutover = failed()
    yaw = browser_of("yaw")
    for name, address in addresses(cutover).items():
        page = markup_of(yaw.get(address))
        assert 'data-answer="missing"' in page, name
        assert 'data-answer="answered"' not in page, name
    services.add_note(item=item_of(cutover, "look"), by=person("kofi"), text=WORDS)
    for name, address in addresses(cutover).items():
        answer = yaw.get(address)
        assert 'data-answer="answered"' in markup_of(answer), name
        assert 'data-answer="missing"' not in markup_of(answer), name
        assert "Known, answered by Kofi" in words_of(answer), name
        assert WORDS in words_of(answer), name


def test_the_row_of_the_runbook_is_marked_without_being_opened(browser_of: Any) -> None:
    cutover = failed()
    address = reverse("runbook", args=[cutover.slug])
    ama = browser_of("ama")
    assert "unanswered" in words_of(ama.get(address))
    services.add_note(item=item_of(cutover, "look"), by=person("kofi"), text=WORDS)
    answer = ama.get(address)
    assert "known : Kofi" in words_of(answer)
    assert "unanswered" not in words_of(answer)


def test_only_what_was_written_after_the_trouble_answers_it() -> None:
    cutover = make_cutover("announced")
    services.add_note(item=item_of(cutover, "look"), by=person("kofi"), text="before it")
    ended(cutover, "look", AttemptStatus.FAILED)
    trouble = trouble_of(Board.load(cutover).items["look"], read_notes(cutover)["look"])
    assert trouble is not None
    assert trouble.answer is None


def test_a_warning_can_be_answered_and_what_went_well_has_nothing_to_answer() -> None:
    notes = read_notes(cutover := warned())
    trouble = trouble_of(Board.load(cutover).items["look"], notes.get("look", ()))
    assert trouble is not None
    assert trouble.what == "61 rows would make it fail."
    assert trouble_of(Board.load(make_cutover("looked")).items["look"], ()) is None
    assert trouble_of(Board.load(make_cutover()).items["look"], ()) is None


@pytest.mark.parametrize("ending", ["answered", "withdrawn"])
def test_a_no_go_is_shown_with_its_ending_everywhere(browser_of: Any, ending: str) -> None:
    cutover = make_cutover("looked")
    no_go = sign(cutover, "efua", "technical", Decision.NO_GO, "The disk is full.")
    ama = browser_of("ama")
    pages = {name: a for name, a in addresses(cutover).items() if name not in ("item", "row")}
    pages["row"] = f"{reverse('runbook', args=[cutover.slug])}?open=go"
    for name, address in pages.items():
        assert 'data-answer="missing"' in markup_of(ama.get(address)), name
    if ending == "answered":
        services.answer_no_go(no_go=no_go, by=person("kofi"), text="We bought another disk of two terabytes.")
    else:
        services.withdraw_no_go(no_go=no_go, by=person("efua"), reason="We bought another disk.")
    for name, address in pages.items():
        answer = ama.get(address)
        assert f"Known, {ending} by" in words_of(answer), name
        assert "We bought another disk" in words_of(answer), name
        assert 'data-answer="missing"' not in markup_of(answer), name


def test_the_page_without_an_account_names_nobody(browser_of: Any, client: Any) -> None:
    cutover = failed()
    services.add_note(item=item_of(cutover, "look"), by=person("kofi"), text=WORDS)
    _, secret = services.create_status_link(
        cutover=cutover, label="all", lasts=timedelta(hours=1), nonce=uuid.uuid4(), by=person("ama")
    )
    assert WORDS not in words_of(client.get(reverse("shared-status", args=[secret])))


# ── void signatures ──────────────────────────────────────────────────────────


def test_a_void_signature_is_shown_with_both_values_at_the_gate_its_evidence_and_in_the_record(
    browser_of: Any,
) -> None:
    cutover = make_cutover("signed_once")
    ama, slug = browser_of("ama"), [cutover.slug]
    pages = {
        "record": reverse("record", args=slug),
        "runbook": reverse("runbook", args=slug),
        "item": item_of(cutover, "look").get_absolute_url(),
        "gate": reverse("gate", args=[*slug, "go"]),
    }
    for name, address in pages.items():
        assert "no longer counts" not in words_of(ama.get(address)), name
    ended(cutover, "look", facts={"seen": 9})
    for name, address in pages.items():
        page = words_of(ama.get(address))
        assert "Efua" in page, name
        assert "no longer counts: 1.2 Look at it changed" in page, name
        assert "1.2 seen : 1 → 9" in page.replace("seen:", "seen :"), name
    rows = markup_of(ama.get(pages["runbook"]))
    assert rows.count("data-void") == 2, "in the row of the gate, and in that of the evidence"


def test_a_signature_that_was_given_again_stays_void_in_the_record_alone(browser_of: Any) -> None:
    cutover = make_cutover("signed_once")
    ended(cutover, "look", facts={"seen": 9})
    sign(cutover, "efua", "technical")
    # And back to what it was: of the three signatures the first and the third have the same digest.
    ended(cutover, "look", facts={"seen": 1})
    sign(cutover, "efua", "technical")
    ama = browser_of("ama")
    assert "data-void" not in markup_of(ama.get(item_of(cutover, "look").get_absolute_url()))
    page = ama.get(reverse("record", args=[cutover.slug]))
    links = {link.seq: void.changes[0] for link, void in page.context["links"] if void is not None}
    signed = sorted(link.seq for link, _ in page.context["links"] if link.kind == "gate.signed")
    assert {signed.index(seq): (one.then, one.now) for seq, one in links.items()} == {
        0: ("1", "9"),
        1: ("9", "1"),
    }
    assert "changed. It was signed again." in words_of(page)
