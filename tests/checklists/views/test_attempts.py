"""Commands about an attempt on the page of its item: cancel, probe, reconcile."""

from __future__ import annotations

import pytest
from django.urls import reverse

from checklists.board import Board
from checklists.models import Attempt, Cutover
from checklists.states import AttemptStatus, CutoverKind, Reconciliation
from checklists.status.headline import headline
from checklists.templatetags.cutover_tags import attempt_badge
from tests.by_hand import by_hand
from tests.checklists.histories import PASSWORD, ended, item_of, make_cutover, person
from tests.checklists.views.pages import markup_of, words_of

pytestmark = pytest.mark.django_db

FINDING = {"seen": "DONE", "saw": "All of it is there.", "dead": "pid 4711 is gone", "facts": {"rows": 3}}


def with_attempt(
    status: AttemptStatus, kind: CutoverKind = CutoverKind.REHEARSAL, **more
) -> tuple[Cutover, Attempt]:
    cutover = make_cutover("announced", kind=kind)
    return cutover, ended(cutover, "look", status, **more)


def lost(kind: CutoverKind = CutoverKind.REHEARSAL, **more) -> tuple[Cutover, Attempt]:
    told = {"unknown_reason": "Its worker died.", "finding": FINDING}
    return with_attempt(AttemptStatus.UNKNOWN, kind, **told | more)


def give(client, cutover: Cutover, attempt: Attempt, verb: str, **said: str):
    said.setdefault("password", PASSWORD)
    return client.post(reverse(f"attempt-{verb}", args=[cutover.slug, attempt.pk]), said, follow=True)


def fresh(attempt: Attempt) -> Attempt:
    return Attempt.objects.get(pk=attempt.pk)


def test_a_queued_attempt_is_stopped_at_once(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.QUEUED)
    response = give(browser_of("ama"), cutover, attempt, "cancel")
    assert "Asked 1.2 Look at it to stop." in markup_of(response)
    assert fresh(attempt).status == AttemptStatus.CANCELLED


def test_what_is_next_for_a_lost_attempt_depends_on_what_is_known_of_it(browser_of) -> None:
    """Nobody decides before it is known that the old executor is dead."""
    for finding, said in (
        ({}, "Probe it before anything else."),
        ({"saw": "All there.", "seen": "DONE"}, "Probe it before anything else."),
        (FINDING, "It was probed: decide what happened before anything else."),
    ):
        _, attempt = lost(finding=finding)
        assert said in words_of(browser_of("ama").get(attempt.item.get_absolute_url()))


def test_what_was_stopped_or_did_not_happen_is_said_before_ready(browser_of) -> None:
    cutover = make_cutover("announced")
    stopped = ended(
        cutover, "look", AttemptStatus.CANCELLED, cancel_requested_by=person("efua"), summary="Stopped."
    )
    page = words_of(browser_of("ama").get(item_of(cutover, "look").get_absolute_url()))
    assert "Stopped by Efua" in page
    assert "It is ready to start again." in page
    assert (
        headline(Board.load(cutover))
        == "Nothing runs. 1.2 Look at it was stopped; it is ready to start again."
    )
    with by_hand():
        Attempt.objects.filter(pk=stopped.pk).update(
            status=AttemptStatus.RECONCILED,
            reconciliation=Reconciliation.NOT_DONE,
            reconciled_at=stopped.ended_at,
        )
    page = words_of(browser_of("ama").get(item_of(cutover, "look").get_absolute_url()))
    assert "It did not happen. The worker of attempt #1 was lost; the panel decided" in page
    assert "Nothing stands in its way" not in page
    assert headline(Board.load(cutover)).endswith(
        "1.2 Look at it did not happen; it is ready to start again."
    )


def test_a_running_attempt_is_asked_to_stop_and_the_page_says_by_whom(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.RUNNING)
    response = give(browser_of("ama"), cutover, attempt, "cancel")
    assert fresh(attempt).cancel_requested_by == person("ama")
    assert "Ama asked it to stop" in markup_of(response)
    assert 'id="cancel"' not in markup_of(response)


def test_a_second_cancel_is_refused_in_words(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.RUNNING)
    ama = browser_of("ama")
    give(ama, cutover, attempt, "cancel")
    at = fresh(attempt).cancel_requested_at
    response = give(ama, cutover, attempt, "cancel")
    assert 'role="alert"' in markup_of(response)
    assert fresh(attempt).cancel_requested_at == at


def test_an_ended_attempt_cannot_be_cancelled(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.SUCCEEDED)
    assert 'role="alert"' in markup_of(give(browser_of("ama"), cutover, attempt, "cancel"))
    assert fresh(attempt).cancel_requested_at is None


def test_a_probe_is_requested_and_recorded(browser_of) -> None:
    cutover, attempt = lost()
    response = give(browser_of("efua"), cutover, attempt, "probe")
    assert "What the probe finds appears here" in markup_of(response)
    assert cutover.record.filter(kind="attempt.probe_asked").count() == 1


def test_a_decision_reconciles_the_attempt(browser_of) -> None:
    cutover, attempt = lost()
    response = give(browser_of("efua"), cutover, attempt, "reconcile", found="DONE", note="I counted 3 rows")
    assert "1.2 Look at it is reconciled." in markup_of(response)
    assert (fresh(attempt).status, fresh(attempt).reconciliation) == (AttemptStatus.RECONCILED, "DONE")
    assert fresh(attempt).reconciled_by == person("efua")


def test_a_second_decision_is_refused(browser_of) -> None:
    cutover, attempt = lost()
    efua = browser_of("efua")
    give(efua, cutover, attempt, "reconcile", found="DONE", note="first")
    response = give(efua, cutover, attempt, "reconcile", found="NOT_DONE", note="second")
    assert fresh(attempt).reconciliation == "DONE"
    assert 'role="alert"' in markup_of(response)
    assert cutover.record.filter(kind="attempt.reconciled").count() == 1


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"found": "DONE", "note": ""}, "say it in a sentence"),
        ({"found": "DONE", "note": "   "}, "say it in a sentence"),
        ({"note": "I saw 3 rows"}, "choose one"),
        ({"found": "MAYBE", "note": "I saw 3 rows"}, "choose one"),
        ({"found": "x" * 100_000, "note": "I saw 3 rows"}, "choose one"),
        ({"found": "DONE", "note": "I saw\x00 3 rows"}, "Null characters"),
        ({"found": "DONE", "note": "I saw 3 rows" + "x" * 1_000_000}, "at most 2000"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_a_decision_with_mistakes_keeps_what_was_written(browser_of, said, says, htmx: bool) -> None:
    cutover, attempt = lost()
    address = reverse("attempt-reconcile", args=[cutover.slug, attempt.pk])
    response = browser_of("ama", htmx=htmx).post(address, said)
    page = markup_of(response)
    assert response.status_code == (200 if htmx else 422)
    assert "Nothing was decided." in page
    assert says in page
    assert response.context["reconcile_form"]["note"].value() == said["note"]
    assert said["note"].strip()[:5] in page
    assert len(page) < 60_000 + len(said["note"])
    assert fresh(attempt).status == AttemptStatus.UNKNOWN


def test_without_proof_that_the_old_one_is_dead_nothing_is_decided(browser_of) -> None:
    cutover, attempt = lost(finding={"seen": "DONE", "saw": "all there"})
    response = give(browser_of("ama"), cutover, attempt, "reconcile", found="DONE", note="sure")
    assert "Nobody has proven yet that the old executor is dead." in markup_of(response)
    assert fresh(attempt).status == AttemptStatus.UNKNOWN


def test_in_production_who_started_it_does_not_decide_and_keeps_their_words(browser_of) -> None:
    cutover, attempt = lost(CutoverKind.PRODUCTION, effect="AT_MOST_ONCE")
    response = give(browser_of("ama"), cutover, attempt, "reconcile", found="DONE", note="I looked well")
    assert "somebody else decides what it did (four eyes)" in markup_of(response)
    assert "I looked well</textarea>" in markup_of(response)
    assert fresh(attempt).status == AttemptStatus.UNKNOWN


@pytest.mark.parametrize("verb", ["cancel", "probe", "reconcile"])
@pytest.mark.parametrize(("who", "status"), [("yaw", 403), ("stranger", 404)])
def test_stakeholders_and_strangers_cannot_give_commands(
    browser_of, verb: str, who: str, status: int
) -> None:
    cutover, attempt = lost()
    person("stranger")
    before = cutover.record.count()
    assert give(browser_of(who), cutover, attempt, verb, found="DONE", note="x").status_code == status
    assert cutover.record.count() == before


@pytest.mark.parametrize("verb", ["cancel", "probe", "reconcile"])
def test_a_visitor_is_asked_to_sign_in(client, verb: str) -> None:
    cutover, attempt = lost()
    response = client.post(reverse(f"attempt-{verb}", args=[cutover.slug, attempt.pk]))
    assert response.url.startswith("/accounts/login/?next=")


@pytest.mark.parametrize("verb", ["cancel", "probe", "reconcile"])
def test_a_get_of_a_form_address_leads_to_the_item(browser_of, verb: str) -> None:
    cutover, attempt = lost()
    response = browser_of("ama").get(reverse(f"attempt-{verb}", args=[cutover.slug, attempt.pk]))
    assert response.url.startswith(item_of(cutover, "look").get_absolute_url())


def test_the_finding_of_a_probe_is_escaped(browser_of) -> None:
    evil = "<script>alert(1)</script>"
    cutover, _ = lost(
        unknown_reason=evil, finding={"seen": "DONE", "saw": evil, "dead": evil, "facts": {evil: evil}}
    )
    page = browser_of("ama").get(item_of(cutover, "look").get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;") >= 5


@pytest.mark.parametrize(
    ("status", "more", "state", "word"),
    [
        ("RECONCILED", {"reconciliation": "DONE"}, "done", "Decided: "),
        ("RECONCILED", {"reconciliation": "NOT_DONE"}, "skipped", "Decided: "),
        ("RECONCILED", {"reconciliation": "PARTIAL"}, "failed", "Decided: "),
        ("ERRORED", {}, "failed", "Failed: error"),
        ("TIMED_OUT", {}, "failed", "Failed: timed out"),
        ("SUCCEEDED", {}, "done", "Succeeded"),
    ],
)
def test_the_badge_of_an_attempt_says_what_it_means(
    status: str, more: dict[str, str], state: str, word: str
) -> None:
    badge = attempt_badge(Attempt(status=status, **more))
    assert f'class="state state-{state}" data-state="{status}"' in badge
    assert word in badge


def test_a_success_with_warnings_is_amber() -> None:
    attempt = Attempt(status="SUCCEEDED")
    attempt.warnings = ["3 rows are left"]
    assert 'class="state state-warned" data-state="SUCCEEDED"' in attempt_badge(attempt)
    attempt.warnings = None
    assert 'class="state state-done"' in attempt_badge(attempt)
