"""The page of an item: what it says in each state, and starting an action from it."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.models import Attempt, Cutover, LogLine
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, Kind
from integrations.actions.base import Preview
from integrations.errors import Problem
from tests.checklists.histories import ended, item_of, make_cutover, person
from tests.checklists.sample_actions import SampleLook

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def words_of(answer) -> str:
    """What the page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def address(cutover: Cutover, key: str = "look") -> str:
    return reverse("item", args=[cutover.slug, key])


def start(client, cutover: Cutover, key: str = "look", **said: object):
    return client.post(reverse("item-start", args=[cutover.slug, key]), said, follow=True)


def logged(attempt: Attempt, *texts: str) -> None:
    now = database_now()
    LogLine.objects.bulk_create(
        LogLine(attempt=attempt, number=n, at=now, text=text) for n, text in enumerate(texts, 1)
    )


STATES = {
    "blocked": (lambda: make_cutover(), "Waits for 1.1 Announce it"),
    "ready": (lambda: make_cutover("announced"), "Ready. Nothing stands in its way."),
    "done": (lambda: make_cutover("looked"), "saw it (1)"),
}


@pytest.mark.parametrize("state", STATES)
def test_the_first_line_says_how_it_stands(browser_of, state: str) -> None:
    make, says = STATES[state]
    page = words_of(browser_of("ama").get(address(make())))
    assert says in page


def after(status: AttemptStatus, **more) -> Cutover:
    cutover = make_cutover("announced")
    ended(cutover, "look", status, **more)
    return cutover


def test_a_queued_one_says_what_it_waits_for_and_can_be_stopped(browser_of) -> None:
    cutover = after(AttemptStatus.QUEUED, resource="db:target")
    page = text_of(browser_of("ama").get(address(cutover)))
    assert "Waiting for a worker" in page
    assert "<code>db:target</code>" in page
    assert 'id="cancel"' in page


def test_a_running_one_shows_its_progress_as_a_bar_and_in_words(browser_of) -> None:
    cutover = after(
        AttemptStatus.RUNNING, progress_done=14, progress_total=22, progress_what="restoring donations"
    )
    page = text_of(browser_of("ama").get(address(cutover)))
    assert "restoring donations" in page
    assert 'value="14.000" max="22.000"' in page


def test_a_failed_one_says_what_happened_what_it_means_and_what_to_do(browser_of) -> None:
    problem = {"what": "It stopped.", "means": "Nothing was changed.", "next": "Run Baseline first."}
    cutover = after(AttemptStatus.ERRORED, problem=problem)
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "It stopped. Nothing was changed. Next: Run Baseline first." in page
    assert "Start again" in page


def test_a_verdict_of_no_is_said_first(browser_of) -> None:
    cutover = after(AttemptStatus.FAILED, summary="3 rows differ. Compare again.", facts={"rows": 3})
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "3 rows differ. Compare again." in page


def test_an_unknown_one_asks_to_look_first(browser_of) -> None:
    cutover = after(AttemptStatus.UNKNOWN, unknown_reason="Its worker died at 02:13:40.", resource="db:x")
    page = text_of(browser_of("ama").get(address(cutover)))
    assert "We do not know whether" in page
    assert "Its worker died at 02:13:40." in page
    assert "Nobody has looked yet" in page
    assert 'id="look"' in page
    assert 'id="reconcile"' not in page


def test_with_a_finding_it_can_be_decided(browser_of) -> None:
    finding = {
        "seen": "PARTIAL",
        "saw": "2 of 3 rows",
        "dead": "pid 4711 is gone",
        "at": "2026-01-01T02:03:04Z",
        "facts": {"rows_there": 2},
    }
    cutover = after(AttemptStatus.UNKNOWN, unknown_reason="Lost.", finding=finding)
    page = text_of(browser_of("efua").get(address(cutover)))
    assert "2 of 3 rows" in page
    assert "pid 4711 is gone" in page
    assert 'value="PARTIAL"' in page
    assert "checked" not in page  # nothing is chosen beforehand
    assert "rows there" in page


def test_a_look_without_proof_of_death_decides_nothing(browser_of) -> None:
    cutover = after(
        AttemptStatus.UNKNOWN, unknown_reason="Lost.", finding={"seen": "DONE", "saw": "all there"}
    )
    page = text_of(browser_of("ama").get(address(cutover)))
    assert "It is not proven that the old executor is dead" in page
    assert 'id="reconcile"' not in page


def test_a_reconciled_one_says_who_decided(browser_of) -> None:
    cutover = after(
        AttemptStatus.RECONCILED,
        reconciliation="DONE",
        reconciled_by=person("efua"),
        reconciled_at=database_now(),
        summary="It was done, as efua decided: I counted",
    )
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "It was done, as efua decided: I counted" in page


def test_old_evidence_says_how_old_and_what_to_do(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", ago=timedelta(hours=2))
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "too old for a gate" in page


def test_an_earlier_attempt_can_be_opened_and_says_that_it_is_not_the_latest(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.ERRORED, problem={"what": "First trouble."})
    ended(cutover, "look", AttemptStatus.UNKNOWN, unknown_reason="Lost at 02:00.")
    page = words_of(browser_of("ama").get(address(cutover) + "?attempt=1"))
    assert "You are looking at attempt #1" in page
    assert "First trouble." in page
    assert "Lost at 02:00." in page  # what counts now is never hidden by the past
    latest = Attempt.objects.get(item__cutover=cutover, number=2)
    html = text_of(browser_of("ama").get(address(cutover) + "?attempt=1"))
    assert reverse("attempt-probe", args=[cutover.slug, latest.pk]) in html


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "x", "-1", "²"])
def test_an_attempt_that_is_not_there_opens_the_latest(browser_of, number: str) -> None:
    cutover = make_cutover("looked")
    answer = browser_of("ama").get(address(cutover), {"attempt": number})
    assert "Log of attempt #1" in text_of(answer)


def test_a_stakeholder_sees_and_finds_no_button(browser_of) -> None:
    cutover = make_cutover("announced")
    page = text_of(browser_of("yaw").get(address(cutover)))
    assert "<form" not in page
    assert "a migration lead starts it" in page


def test_an_approver_is_told_who_starts_it(browser_of) -> None:
    page = text_of(browser_of("efua").get(address(make_cutover("announced"))))
    assert 'id="start"' not in page
    assert "a migration lead starts it" in page


@pytest.mark.parametrize("name", ["item", "item-preview"])
def test_who_has_no_part_finds_nothing(browser_of, name: str) -> None:
    cutover = make_cutover("looked")
    person("stranger")
    for address_ in (
        reverse(name, args=[cutover.slug, "look"]),
        reverse("attempt-log", args=[cutover.slug, "look", 1]),
    ):
        assert browser_of("stranger").get(address_).status_code == 404


def test_without_a_session_one_is_asked_to_sign_in(client) -> None:
    cutover = make_cutover()
    assert client.get(address(cutover)).url.startswith("/accounts/login/?next=")
    assert client.post(reverse("item-start", args=[cutover.slug, "look"])).status_code == 302
    assert not Attempt.objects.exists()


def test_htmx_gets_the_part_that_changes(browser_of) -> None:
    page = text_of(browser_of("ama", htmx=True).get(address(make_cutover("looked"))))
    assert page.startswith('<div id="live"')
    assert "<html" not in page
    assert 'id="log"' not in page


def test_a_gate_is_not_shown_as_an_item(browser_of) -> None:
    cutover = make_cutover()
    answer = browser_of("ama").get(address(cutover, "go"))
    assert answer.url == reverse("gate", args=[cutover.slug, "go"])


# ── starting ────────────────────────────────────────────────────────────────


def test_starting_queues_an_attempt(browser_of) -> None:
    cutover = make_cutover("announced")
    answer = start(browser_of("ama"), cutover, after=0)
    assert "1.2 Look at it is on its way." in text_of(answer)
    assert Attempt.objects.get().status == AttemptStatus.QUEUED


def test_a_double_click_starts_one(browser_of) -> None:
    cutover = make_cutover("announced")
    ama = browser_of("ama")
    start(ama, cutover, after=0)
    Attempt.objects.update(status=AttemptStatus.CANCELLED)  # even when the first one is over already
    start(ama, cutover, after=0)
    assert Attempt.objects.count() == 1


def test_a_blocked_one_is_refused_by_what_stands_in_its_way(browser_of) -> None:
    cutover = make_cutover()
    answer = start(browser_of("ama"), cutover, after=0)
    assert answer.status_code == 422
    assert "1.1 Announce it is not done yet" in text_of(answer)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("who", ["efua", "yaw", "stranger"])
def test_only_a_lead_starts(browser_of, who: str) -> None:
    cutover = make_cutover("announced")
    person("stranger")
    answer = start(browser_of(who), cutover, after=0)
    assert answer.status_code in (403, 404, 422)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("said", ["x", "-1", "9" * 400, "\x00", "1.5", "٣" * 50])
def test_a_broken_page_starts_nothing_and_says_so(browser_of, said: str) -> None:
    cutover = make_cutover("announced")
    answer = start(browser_of("ama"), cutover, after=said)
    assert answer.status_code == 422
    assert "The page did not arrive whole." in text_of(answer)
    assert not Attempt.objects.exists()


def production() -> Cutover:
    return make_cutover("signed", kind=Kind.PRODUCTION)


@pytest.mark.parametrize(
    "typed", ["", "somewhere/else", "\x00", "x" * 5000, "🚚<b>", "<script>alert(1)</script>"]
)
def test_in_production_the_target_is_typed_and_what_was_typed_is_kept(browser_of, typed: str) -> None:
    cutover = production()
    answer = start(browser_of("ama"), cutover, "change-it", after=0, typed_target=typed)
    assert answer.status_code == 422
    assert answer.context["start_form"]["typed_target"].value() == typed
    assert "<script>alert" not in text_of(answer)
    assert not Attempt.objects.filter(item__key="change-it").exists()
    assert f'hx-get="{address(cutover, "change-it")}"' in text_of(answer)


def test_the_right_target_starts_it(browser_of) -> None:
    cutover = production()
    start(browser_of("ama"), cutover, "change-it", after=0, typed_target="nowhere/sample")
    assert Attempt.objects.filter(item__key="change-it").count() == 1


def test_with_htmx_a_refusal_comes_as_a_fragment_that_htmx_shows(browser_of) -> None:
    cutover = production()
    answer = start(browser_of("ama", htmx=True), cutover, "change-it", after=0, typed_target="elsewhere")
    assert answer.status_code == 200
    assert text_of(answer).startswith('<div id="live"')
    assert 'value="elsewhere"' in text_of(answer)
    assert "is not “nowhere/sample”" in text_of(answer)


@pytest.mark.parametrize("name", ["item-start"])
def test_coming_back_to_a_form_s_address_leads_to_the_page(browser_of, name: str) -> None:
    cutover = make_cutover("announced")
    answer = browser_of("ama").get(reverse(name, args=[cutover.slug, "look"]))
    assert answer.url == address(cutover)


def test_a_megabyte_that_nobody_asked_for_is_no_failure_of_ours(browser_of) -> None:
    cutover = production()
    answer = start(browser_of("ama"), cutover, "change-it", after=0, typed_target="x" * 1_000_000)
    assert answer.status_code == 422
    answer = start(browser_of("ama"), cutover, "change-it", after=0, typed_target="x" * 3_000_000)
    assert answer.status_code == 400


# ── preview ─────────────────────────────────────────────────────────────────


def preview(client, cutover: Cutover, key: str = "look"):
    return client.get(reverse("item-preview", args=[cutover.slug, key]))


def test_the_preview_says_exactly_what_would_be_done_and_where(browser_of) -> None:
    page = text_of(preview(browser_of("yaw"), make_cutover()))
    assert "look at the moon" in page
    assert "nowhere/sample" in page
    assert "<html" in page


def test_htmx_gets_only_the_preview(browser_of) -> None:
    page = text_of(preview(browser_of("ama", htmx=True), make_cutover()))
    assert page.startswith('<div id="preview"')


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (Problem("The server is away.", means="Nothing is known.", next="Start it."), "The server is away."),
        (KeyError("secret-thing"), "The preview failed in itself"),
    ],
)
def test_a_preview_that_fails_is_said_in_words(browser_of, monkeypatch, trouble, says) -> None:
    def fails(self, params) -> Preview:
        raise trouble

    monkeypatch.setattr(SampleLook, "preview", fails)
    answer = preview(browser_of("ama"), make_cutover())
    assert answer.status_code == 200
    assert says in text_of(answer)
    assert "secret-thing" not in text_of(answer)


def test_what_a_person_does_has_no_preview(browser_of) -> None:
    assert preview(browser_of("ama"), make_cutover(), "announce").status_code == 404
    assert preview(browser_of("ama"), make_cutover(), "none").status_code == 404


# ── log ─────────────────────────────────────────────────────────────────────


def test_of_ten_thousand_lines_the_page_shows_the_last_five_hundred(browser_of) -> None:
    cutover = make_cutover("looked")
    attempt = Attempt.objects.get()
    logged(attempt, *(f"line {n}" for n in range(1, 10_001)))
    ama = browser_of("ama")
    page = text_of(ama.get(address(cutover)))
    assert page.count('class="log-line"') == 500
    assert 'id="line-9501"' in page
    assert 'id="line-9500"' not in page
    assert "9 500 earlier lines" in page
    assert f"log={attempt.pk}&amp;after=10000" in page or f"log={attempt.pk}&after=10000" in page
    whole = ama.get(reverse("attempt-log", args=[cutover.slug, "look", 1]))
    assert whole.content.decode().count("\n") == 10_000
    assert whole["Content-Disposition"] == 'attachment; filename="look-1.log"'


@pytest.mark.parametrize("number", [2, 10**30])
def test_the_log_of_no_attempt_is_not_there(browser_of, number: int) -> None:
    cutover = make_cutover("looked")
    address_ = reverse("attempt-log", args=[cutover.slug, "look", number])
    assert browser_of("ama").get(address_).status_code == 404


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>🚚"


def test_no_text_of_anybody_becomes_markup(browser_of) -> None:
    cutover = make_cutover("announced")
    attempt = ended(
        cutover,
        "look",
        AttemptStatus.FAILED,
        summary=EVIL,
        problem={"what": EVIL, "means": EVIL, "next": EVIL},
        resource=EVIL,
        progress_what=EVIL,
        facts={
            EVIL: EVIL,
            "list": [EVIL],
            "rows": [{EVIL: EVIL}, {EVIL: EVIL}],
            "deep": {EVIL: {EVIL: {EVIL: {EVIL: [EVIL, {EVIL: EVIL}]}}}},
        },
    )
    logged(attempt, EVIL)
    services.add_note(item=item_of(cutover, "look"), by=person("ama"), text=EVIL)
    page = browser_of("ama").get(address(cutover)).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_more_attempts_lines_and_facts_take_no_more_queries(browser_of) -> None:
    counts = []
    for many in (2, 60):
        cutover = make_cutover("announced")
        facts = {f"fact {n}": {"rows": [{"name": str(m), "n": m} for m in range(many)]} for n in range(many)}
        for _ in range(many):
            attempt = ended(cutover, "look", facts=facts)
            services.add_note(item=item_of(cutover, "look"), by=person("ama"), text="seen")
        logged(attempt, *["a line"] * many * 5)
        ama = browser_of("ama")
        ama.get(address(cutover))
        with CaptureQueriesContext(connection) as queries:
            assert ama.get(address(cutover)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30


def test_an_attempt_of_another_cutover_is_not_here(browser_of) -> None:
    here, there = make_cutover("looked"), make_cutover("looked")
    attempt = Attempt.objects.get(cutover=there)
    for name in ("attempt-cancel", "attempt-probe", "attempt-reconcile"):
        for pk in (attempt.pk, uuid.uuid4()):
            assert browser_of("ama").post(reverse(name, args=[here.slug, pk])).status_code == 404
