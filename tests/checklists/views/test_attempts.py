"""What people do to an attempt from the page of its item: stop it, look at it, decide what it did."""

from __future__ import annotations

import pytest
from django.urls import reverse

from checklists.models import Attempt, Cutover
from checklists.states import AttemptStatus, Kind
from tests.checklists.histories import ended, item_of, make_cutover, person

pytestmark = pytest.mark.django_db

FINDING = {"seen": "DONE", "saw": "All of it is there.", "dead": "pid 4711 is gone", "facts": {"rows": 3}}


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def with_attempt(status: AttemptStatus, kind: Kind = Kind.REHEARSAL, **more) -> tuple[Cutover, Attempt]:
    cutover = make_cutover("announced", kind=kind)
    return cutover, ended(cutover, "look", status, **more)


def lost(kind: Kind = Kind.REHEARSAL, **more) -> tuple[Cutover, Attempt]:
    told = {"unknown_reason": "Its worker died.", "finding": FINDING}
    return with_attempt(AttemptStatus.UNKNOWN, kind, **told | more)


def give(client, cutover: Cutover, attempt: Attempt, verb: str, **said: str):
    return client.post(reverse(f"attempt-{verb}", args=[cutover.slug, attempt.pk]), said, follow=True)


def fresh(attempt: Attempt) -> Attempt:
    return Attempt.objects.get(pk=attempt.pk)


def test_a_queued_attempt_is_stopped_at_once(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.QUEUED)
    answer = give(browser_of("ama"), cutover, attempt, "cancel")
    assert "Asked 1.2 Look at it to stop." in text_of(answer)
    assert fresh(attempt).status == AttemptStatus.CANCELLED


def test_a_running_attempt_is_asked_to_stop_and_the_page_says_by_whom(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.RUNNING)
    answer = give(browser_of("ama"), cutover, attempt, "cancel")
    assert fresh(attempt).cancel_requested_by == person("ama")
    assert "Ama asked it to stop" in text_of(answer)
    assert 'id="cancel"' not in text_of(answer)


def test_stopping_twice_is_refused_in_words(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.RUNNING)
    ama = browser_of("ama")
    give(ama, cutover, attempt, "cancel")
    at = fresh(attempt).cancel_requested_at
    answer = give(ama, cutover, attempt, "cancel")
    assert 'role="alert"' in text_of(answer)
    assert fresh(attempt).cancel_requested_at == at


def test_what_has_ended_cannot_be_stopped(browser_of) -> None:
    cutover, attempt = with_attempt(AttemptStatus.SUCCEEDED)
    assert 'role="alert"' in text_of(give(browser_of("ama"), cutover, attempt, "cancel"))
    assert fresh(attempt).cancel_requested_at is None


def test_a_look_is_asked_for_and_recorded(browser_of) -> None:
    cutover, attempt = lost()
    answer = give(browser_of("efua"), cutover, attempt, "probe")
    assert "What the probe sees appears here" in text_of(answer)
    assert cutover.record.filter(kind="attempt.probe_asked").count() == 1


def test_deciding_settles_it(browser_of) -> None:
    cutover, attempt = lost()
    answer = give(browser_of("efua"), cutover, attempt, "reconcile", found="DONE", note="I counted 3 rows")
    assert "1.2 Look at it is reconciled." in text_of(answer)
    assert (fresh(attempt).status, fresh(attempt).reconciliation) == (AttemptStatus.RECONCILED, "DONE")
    assert fresh(attempt).reconciled_by == person("efua")


def test_deciding_twice_decides_once(browser_of) -> None:
    cutover, attempt = lost()
    efua = browser_of("efua")
    give(efua, cutover, attempt, "reconcile", found="DONE", note="first")
    answer = give(efua, cutover, attempt, "reconcile", found="NOT_DONE", note="second")
    assert fresh(attempt).reconciliation == "DONE"
    assert 'role="alert"' in text_of(answer)
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
    answer = browser_of("ama", htmx=htmx).post(address, said)
    page = text_of(answer)
    assert answer.status_code == (200 if htmx else 422)
    assert "Nothing was decided." in page
    assert says in page
    assert answer.context["reconcile_form"]["note"].value() == said["note"]
    assert said["note"].strip()[:5] in page
    assert len(page) < 60_000 + len(said["note"])
    assert fresh(attempt).status == AttemptStatus.UNKNOWN


def test_without_proof_that_the_old_one_is_dead_nothing_is_decided(browser_of) -> None:
    cutover, attempt = lost(finding={"seen": "DONE", "saw": "all there"})
    answer = give(browser_of("ama"), cutover, attempt, "reconcile", found="DONE", note="sure")
    assert "Nobody has proven yet that the old executor is dead." in text_of(answer)
    assert fresh(attempt).status == AttemptStatus.UNKNOWN


def test_in_production_who_started_it_does_not_decide_and_keeps_their_words(browser_of) -> None:
    cutover, attempt = lost(Kind.PRODUCTION, effect="AT_MOST_ONCE")
    answer = give(browser_of("ama"), cutover, attempt, "reconcile", found="DONE", note="I looked well")
    assert "somebody else decides what it did (four eyes)" in text_of(answer)
    assert "I looked well</textarea>" in text_of(answer)
    assert fresh(attempt).status == AttemptStatus.UNKNOWN


@pytest.mark.parametrize("verb", ["cancel", "probe", "reconcile"])
@pytest.mark.parametrize(("who", "status"), [("yaw", 403), ("stranger", 404)])
def test_who_only_watches_or_has_no_part_touches_nothing(
    browser_of, verb: str, who: str, status: int
) -> None:
    cutover, attempt = lost()
    person("stranger")
    before = cutover.record.count()
    assert give(browser_of(who), cutover, attempt, verb, found="DONE", note="x").status_code == status
    assert cutover.record.count() == before


@pytest.mark.parametrize("verb", ["cancel", "probe", "reconcile"])
def test_without_a_session_one_is_asked_to_sign_in(client, verb: str) -> None:
    cutover, attempt = lost()
    answer = client.post(reverse(f"attempt-{verb}", args=[cutover.slug, attempt.pk]))
    assert answer.url.startswith("/accounts/login/?next=")


@pytest.mark.parametrize("verb", ["cancel", "probe", "reconcile"])
def test_coming_back_to_a_form_s_address_leads_to_the_item(browser_of, verb: str) -> None:
    cutover, attempt = lost()
    answer = browser_of("ama").get(reverse(f"attempt-{verb}", args=[cutover.slug, attempt.pk]))
    assert answer.url.startswith(item_of(cutover, "look").get_absolute_url())


def test_what_a_probe_saw_is_text(browser_of) -> None:
    evil = "<script>alert(1)</script>"
    cutover, _ = lost(
        unknown_reason=evil, finding={"seen": "DONE", "saw": evil, "dead": evil, "facts": {evil: evil}}
    )
    page = browser_of("ama").get(item_of(cutover, "look").get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;") >= 5
