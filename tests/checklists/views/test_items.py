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
from checklists.models import Attempt, Cutover, ItemPreview, LogLine
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind, ItemState
from integrations.actions import Preview
from tests.checklists.histories import PASSWORD, end, ended, item_of, make_cutover, person, previewed, view_of
from tests.checklists.sample_actions import SampleLook
from tests.checklists.views.pages import Page, markup_of, words_of

pytestmark = pytest.mark.django_db


def address(cutover: Cutover, key: str = "look") -> str:
    return reverse("item", args=[cutover.slug, key])


def start(client, cutover: Cutover, key: str = "look", **said: object):
    said.setdefault("password", PASSWORD)
    return client.post(reverse("item-start", args=[cutover.slug, key]), said, follow=True)


def logged(attempt: Attempt, *texts: str) -> None:
    now = database_now()
    LogLine.objects.bulk_create(
        LogLine(attempt=attempt, number=n, at=now, text=text) for n, text in enumerate(texts, 1)
    )


@pytest.mark.parametrize(
    ("history", "state", "says"),
    [
        ("opened", "BLOCKED", "Waits for 1.1 Announce it"),
        ("announced", "READY", "Ready."),
        ("looked", "DONE", "saw it (1)"),
    ],
)
def test_the_first_line_says_how_it_stands(browser_of, history: str, state: str, says: str) -> None:
    page = Page(browser_of("ama").get(address(make_cutover(history))))
    assert page.state == state
    assert says in page["state-line"].words
    assert page.states("need-") == {"announce": "READY" if state == "BLOCKED" else "DONE"}


def after(status: AttemptStatus, **more) -> Cutover:
    cutover = make_cutover("announced")
    ended(cutover, "look", status, **more)
    return cutover


def test_a_queued_item_says_what_it_waits_for_and_can_be_stopped(browser_of) -> None:
    cutover = after(AttemptStatus.QUEUED, resource="db:target")
    page = Page(browser_of("ama").get(address(cutover)))
    assert (page.state, page.states("attempt-")) == ("QUEUED", {"1": "QUEUED"})
    assert "Waiting for a worker" in page["progress-card"].words
    assert "no worker is running" in page["progress-card"].words  # nobody holds its resource
    assert "cancel" in page


def test_a_running_item_shows_its_progress_as_a_bar_and_in_words(browser_of) -> None:
    cutover = after(
        AttemptStatus.RUNNING, progress_done=14, progress_total=22, progress_what="restoring donations"
    )
    response = browser_of("ama").get(address(cutover))
    assert "restoring donations" in Page(response)["progress-card"].words
    assert 'value="14.000" max="22.000"' in markup_of(response)


def test_a_failed_item_says_what_happened_what_it_means_and_what_to_do(browser_of) -> None:
    problem = {"what": "It stopped.", "means": "Nothing was changed.", "next": "Run Baseline first."}
    cutover = after(AttemptStatus.ERRORED, problem=problem)
    page = Page(browser_of("ama").get(address(cutover)))
    assert page.state == "FAILED"
    assert page["state-line"].words.endswith("It stopped.")
    assert "Nothing was changed. Next: Run Baseline first." in page["problem"].words
    assert "start" in page


def test_a_verdict_of_no_is_said_first(browser_of) -> None:
    cutover = after(AttemptStatus.FAILED, summary="3 rows differ. Compare again.", facts={"rows": 3})
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "3 rows differ. Compare again." in page


def test_an_item_of_unknown_outcome_asks_for_a_probe_first(browser_of) -> None:
    cutover = after(AttemptStatus.UNKNOWN, unknown_reason="Its worker died at 02:13:40.", resource="db:x")
    page = Page(browser_of("ama").get(address(cutover)))
    assert page.state == "UNKNOWN"
    assert "We do not know whether" in page["state-line"].words
    assert "Its worker died at 02:13:40." in page["unknown"].words
    assert page["unknown"].attributes["data-probed"] == "false"
    assert "probe" in page
    assert "reconcile" not in page


def test_an_attempt_with_a_finding_can_be_reconciled(browser_of) -> None:
    finding = {
        "seen": "PARTIAL",
        "saw": "2 of 3 rows",
        "dead": "pid 4711 is gone",
        "at": "2026-01-01T02:03:04Z",
        "facts": {"rows_there": 2},
    }
    cutover = after(AttemptStatus.UNKNOWN, unknown_reason="Lost.", finding=finding)
    page = markup_of(browser_of("efua").get(address(cutover)))
    assert "2 of 3 rows" in page
    assert "pid 4711 is gone" in page
    assert 'data-probed="true"' in page
    assert 'value="PARTIAL"' in page
    assert not re.search(r"<input[^>]*\bchecked\b", page)  # nothing is chosen beforehand
    assert "rows there" in page


def test_a_probe_without_proof_of_death_allows_no_decision(browser_of) -> None:
    cutover = after(
        AttemptStatus.UNKNOWN, unknown_reason="Lost.", finding={"seen": "DONE", "saw": "all there"}
    )
    page = Page(browser_of("ama").get(address(cutover)))
    assert "It is not proven that the old executor is dead" in page["unknown"].words
    assert "reconcile" not in page


def test_a_reconciled_item_says_who_decided(browser_of) -> None:
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
    response = browser_of("ama").get(address(cutover) + "?attempt=1")
    page = Page(response)
    assert "First trouble." in page["not-the-latest"].words
    assert "Lost at 02:00." in page["unknown"].words  # an earlier attempt never hides how it stands now
    latest = Attempt.objects.get(item__cutover=cutover, number=2)
    assert reverse("attempt-probe", args=[cutover.slug, latest.pk]) in markup_of(response)


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "x", "-1", "²"])
def test_an_attempt_that_is_not_there_opens_the_latest(browser_of, number: str) -> None:
    cutover = make_cutover("looked")
    response = browser_of("ama").get(address(cutover), {"attempt": number})
    assert "not-the-latest" not in Page(response)
    assert "Log of attempt #1" in markup_of(response)


def test_a_stakeholder_sees_and_finds_no_button(browser_of) -> None:
    cutover = make_cutover("announced")
    response = browser_of("yaw").get(address(cutover))
    assert "<form" not in markup_of(response).partition("<dialog")[0]
    assert "who-starts" in Page(response)


def test_an_approver_is_told_who_starts_it(browser_of) -> None:
    page = Page(browser_of("efua").get(address(make_cutover("announced"))))
    assert "start" not in page
    assert "a migration lead starts it" in page["who-starts"].words


@pytest.mark.parametrize("name", ["item", "item-preview"])
def test_a_stranger_gets_404(browser_of, name: str) -> None:
    cutover = make_cutover("looked")
    person("stranger")
    for address_ in (
        reverse(name, args=[cutover.slug, "look"]),
        reverse("attempt-log", args=[cutover.slug, "look", 1]),
    ):
        assert browser_of("stranger").get(address_).status_code == 404


def test_a_visitor_is_asked_to_sign_in(client) -> None:
    cutover = make_cutover()
    assert client.get(address(cutover)).url.startswith("/accounts/login/?next=")
    assert client.post(reverse("item-start", args=[cutover.slug, "look"])).status_code == 302
    assert not Attempt.objects.exists()


def test_htmx_gets_the_part_that_changes(browser_of) -> None:
    page = markup_of(browser_of("ama", htmx=True).get(address(make_cutover("looked"))))
    assert page.startswith('<div id="live"')
    assert "<html" not in page
    assert 'id="log"' not in page


def test_a_gate_is_not_shown_as_an_item(browser_of) -> None:
    cutover = make_cutover()
    response = browser_of("ama").get(address(cutover, "go"))
    assert response.url == reverse("gate", args=[cutover.slug, "go"])


# ── starting ────────────────────────────────────────────────────────────────


def test_starting_queues_an_attempt(browser_of) -> None:
    cutover = make_cutover("announced")
    response = start(browser_of("ama"), cutover, after=0)
    assert "1.2 Look at it is on its way." in markup_of(response)
    assert Attempt.objects.get().status == AttemptStatus.QUEUED


def test_a_double_click_starts_one(browser_of) -> None:
    cutover = make_cutover("announced")
    ama = browser_of("ama")
    start(ama, cutover, after=0)
    end(Attempt.objects.get(), AttemptStatus.CANCELLED)  # even when the first one is over already
    start(ama, cutover, after=0)
    assert Attempt.objects.count() == 1


def test_a_blocked_item_is_refused_with_its_blocker(browser_of) -> None:
    cutover = make_cutover()
    response = start(browser_of("ama"), cutover, after=0)
    assert response.status_code == 422
    assert "1.1 Announce it is not done yet" in markup_of(response)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("who", ["efua", "yaw", "stranger"])
def test_only_a_lead_starts(browser_of, who: str) -> None:
    cutover = make_cutover("announced")
    person("stranger")
    response = start(browser_of(who), cutover, after=0)
    assert response.status_code in (403, 404, 422)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("said", ["x", "-1", "9" * 400, "\x00", "1.5", "٣" * 50])
def test_an_incomplete_form_starts_nothing_and_says_so(browser_of, said: str) -> None:
    cutover = make_cutover("announced")
    response = start(browser_of("ama"), cutover, after=said)
    assert response.status_code == 422
    assert "The page arrived incomplete." in markup_of(response)
    assert not Attempt.objects.exists()


def production() -> Cutover:
    return make_cutover("signed", kind=CutoverKind.PRODUCTION)


@pytest.mark.parametrize(
    "typed", ["", "somewhere/else", "\x00", "x" * 5000, "🚚<b>", "<script>alert(1)</script>"]
)
def test_in_production_the_target_is_typed_and_what_was_typed_is_kept(browser_of, typed: str) -> None:
    cutover = production()
    response = start(browser_of("ama"), cutover, "change-it", after=0, typed_target=typed)
    assert response.status_code == 422
    assert response.context["start_form"]["typed_target"].value() == typed
    assert "<script>alert" not in markup_of(response)
    assert not Attempt.objects.filter(item__key="change-it").exists()
    assert f'hx-get="{address(cutover, "change-it")}"' in markup_of(response)


def test_the_correct_target_starts_the_action(browser_of) -> None:
    cutover = production()
    previewed(item_of(cutover, "change-it"))
    start(browser_of("ama"), cutover, "change-it", after=0, typed_target="nowhere/sample")
    assert Attempt.objects.filter(item__key="change-it").count() == 1


def test_with_htmx_a_refusal_comes_as_a_fragment_that_htmx_shows(browser_of) -> None:
    cutover = production()
    previewed(item_of(cutover, "change-it"))
    response = start(browser_of("ama", htmx=True), cutover, "change-it", after=0, typed_target="elsewhere")
    assert response.status_code == 200
    assert markup_of(response).startswith('<div id="live"')
    assert 'value="elsewhere"' in markup_of(response)
    assert "is not “nowhere/sample”" in markup_of(response)


@pytest.mark.parametrize("name", ["item-start"])
def test_a_get_of_a_form_address_leads_to_the_page(browser_of, name: str) -> None:
    cutover = make_cutover("announced")
    response = browser_of("ama").get(reverse(name, args=[cutover.slug, "look"]))
    assert response.url == address(cutover)


def test_a_megabyte_of_input_is_no_server_error(browser_of) -> None:
    cutover = production()
    response = start(browser_of("ama"), cutover, "change-it", after=0, typed_target="x" * 1_000_000)
    assert response.status_code == 422
    response = start(browser_of("ama"), cutover, "change-it", after=0, typed_target="x" * 3_000_000)
    assert response.status_code == 400


# ── preview ─────────────────────────────────────────────────────────────────


def ask(client, cutover: Cutover, key: str = "look"):
    return client.post(reverse("item-preview", args=[cutover.slug, key]))


def test_a_get_runs_nothing_and_queues_nothing(browser_of, monkeypatch) -> None:
    def never(self, params) -> Preview:
        raise AssertionError("the web process asked a system")

    monkeypatch.setattr(SampleLook, "preview", never)
    cutover, ama = make_cutover(), browser_of("ama")
    response = ama.get(reverse("item-preview", args=[cutover.slug, "look"]))
    assert response.url == address(cutover)
    page = Page(ama.get(address(cutover)))
    assert "Nobody has asked yet" in page["preview-none"].words
    ask(ama, cutover)
    assert ItemPreview.objects.get().status == "QUEUED"
    assert "ask-preview" not in Page(ama.get(address(cutover)))


def test_the_page_shows_the_last_answer_with_its_age_and_who_asked(browser_of) -> None:
    cutover = make_cutover()
    earlier = database_now() - timedelta(minutes=3)
    previewed(item_of(cutover, "look"), requested_at=earlier, ended_at=earlier)
    page = Page(browser_of("efua").get(address(cutover)))
    assert "look at the moon" in page["preview"].words
    assert "nowhere/sample" in page["preview"].words
    assert "Ama" in page["preview-age"].words
    assert "3 min ago" in page["preview-age"].words
    assert "ask-preview" not in page, "an approver does not start it"


def test_while_a_worker_asks_the_last_answer_stays(browser_of) -> None:
    cutover = make_cutover()
    previewed(item_of(cutover, "look"))
    previewed(item_of(cutover, "look"), status="RUNNING", ended_at=None, shown={})
    page = Page(browser_of("ama").get(address(cutover)))
    assert "look at the moon" in page["preview"].words
    assert "A worker is asking" in page["preview-asked"].words


def test_a_preview_that_failed_is_said_in_words(browser_of) -> None:
    cutover = make_cutover()
    problem = {"what": "The server is away.", "means": "Nothing is known.", "next": "Start it."}
    previewed(item_of(cutover, "look"), status="FAILED", shown={}, problem=problem)
    page = Page(browser_of("ama").get(address(cutover)))
    assert "The server is away. Nothing is known. Start it." in page["preview-refused"].words


def test_only_people_who_may_start_the_item_ask_for_its_preview(browser_of) -> None:
    cutover = make_cutover()
    previewed(item_of(cutover, "look"))
    assert ask(browser_of("yaw"), cutover).status_code == 403
    assert "preview" not in Page(browser_of("yaw").get(address(cutover))), "a stakeholder sees none"
    ask(browser_of("efua"), cutover)
    assert ItemPreview.objects.count() == 1


def test_a_manual_item_has_no_preview(browser_of) -> None:
    assert ask(browser_of("ama"), make_cutover(), "announce").status_code == 404
    assert ask(browser_of("ama"), make_cutover(), "none").status_code == 404


# ── log ─────────────────────────────────────────────────────────────────────


def test_of_ten_thousand_lines_the_page_shows_the_last_five_hundred(browser_of) -> None:
    cutover = make_cutover("looked")
    attempt = Attempt.objects.get()
    logged(attempt, *(f"line {n}" for n in range(1, 10_001)))
    ama = browser_of("ama")
    page = markup_of(ama.get(address(cutover)))
    assert page.count('class="log-line"') == 500
    assert 'id="line-9501"' in page
    assert 'id="line-9500"' not in page
    assert "9 500 earlier lines" in page
    assert f"log={attempt.pk}&amp;after=10000" in page or f"log={attempt.pk}&after=10000" in page


@pytest.mark.parametrize("number", [2, 10**30])
def test_the_log_of_no_attempt_is_not_there(browser_of, number: int) -> None:
    cutover = make_cutover("looked")
    address_ = reverse("attempt-log", args=[cutover.slug, "look", number])
    assert browser_of("ama").get(address_).status_code == 404


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>🚚"


def test_text_of_people_never_becomes_markup(browser_of) -> None:
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


def test_differences_that_matter_stand_out_and_are_never_folded_away(browser_of) -> None:
    cutover = make_cutover("announced")
    same = {"production": "18.1", "rehearsal": "18.2", "matters": False, "means": "", "details": []}
    rows = [{**same, "what": f"setting {n}"} for n in range(20)]
    rows[0] |= {"matters": True, "means": "rows may be lost", "details": ["one table", "another table"]}
    ended(cutover, "look", facts={"differences": rows, "others": rows[1:]})
    page = browser_of("ama").get(address(cutover)).content.decode()
    assert page.count('<tr class="is-notable">') == 1
    assert len(re.findall(r"<details[^>]* open>\s*<summary>20 rows", page)) == 1
    assert len(re.findall(r"<details[^>]*[^n]>\s*<summary>19 rows", page)) == 1
    heads = re.findall(r'<th scope="col">(\w+)', page)
    assert heads[-6:] == ["what", "production", "rehearsal", "matters", "means", "details"]
    assert "another table" in page


def test_more_attempts_lines_and_facts_take_no_more_queries(browser_of) -> None:
    counts = []
    for many in (2, 25):
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
    assert counts[0] == counts[1] <= 44  # with the last preview, the one that people wait for, the forecast


def test_an_attempt_of_another_cutover_is_not_here(browser_of) -> None:
    here, there = make_cutover("looked"), make_cutover("looked")
    attempt = Attempt.objects.get(cutover=there)
    for name in ("attempt-cancel", "attempt-probe", "attempt-reconcile"):
        for pk in (attempt.pk, uuid.uuid4()):
            assert browser_of("ama").post(reverse(name, args=[here.slug, pk])).status_code == 404


def test_a_stakeholder_sees_no_log_on_the_page_in_the_file_or_in_the_stream(browser_of) -> None:
    cutover = make_cutover("looked")
    attempt = Attempt.objects.get()
    logged(attempt, "a line that a program printed")
    log_file = reverse("attempt-log", args=[cutover.slug, "look", 1])
    yaw = browser_of("yaw")
    page = yaw.get(address(cutover))
    assert "a line that a program printed" not in markup_of(page)
    assert "log-hidden" in Page(page)
    assert f"log={attempt.pk}" not in markup_of(page)
    assert yaw.get(log_file).status_code == 403
    assert "a line that a program printed" in markup_of(browser_of("efua").get(address(cutover)))
    assert browser_of("efua").get(log_file).status_code == 200


def test_taking_a_tick_back_marks_what_depends_on_it(browser_of) -> None:
    cutover = make_cutover("looked")
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="Not everybody got it.")
    view = view_of(cutover, "look")
    assert (view.state, [need.key for need in view.reopened]) == (ItemState.DONE, ["announce"])
    runbook = browser_of("ama").get(reverse("runbook", args=[cutover.slug]))
    for page in (runbook, browser_of("ama").get(view.item.get_absolute_url())):
        assert 'data-reopened="announce"' in markup_of(page)
        assert "open again: 1.1 Announce it" in words_of(page)
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    assert view_of(cutover, "look").reopened == []


def test_what_its_own_undo_took_back_reopens_nothing() -> None:
    cutover = make_cutover("celebrated")
    ended(cutover, "restore")  # it undoes “Change it”, which “Celebrate” needs
    assert view_of(cutover, "change-it").state == ItemState.UNDONE
    assert view_of(cutover, "celebrate").reopened == []


def test_a_settled_item_says_what_is_ready_now(browser_of) -> None:
    cutover = make_cutover("announced")
    page = Page(browser_of("ama").get(address(cutover, "announce")))
    assert "Ready now: 1.2 Look at it" in page["ready-next"].words
    assert "ready-next" not in Page(browser_of("ama").get(address(cutover, "look")))
    celebrated = make_cutover("celebrated")
    assert "ready-next" not in Page(browser_of("ama").get(address(celebrated, "celebrate")))
