"""What an item's page shows in each state: the log, choices when it failed, evidence in the end."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.executor.writers.evidence import PROJECTIONS
from checklists.models import Attempt, Cutover
from checklists.states import AttemptStatus, MemberPart
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult
from tests.by_hand import by_hand
from tests.checklists.histories import RUNBOOK, admin, ended, item_of, make_cutover, person
from tests.checklists.views.pages import Page, markup_of

pytestmark = pytest.mark.django_db


def page_of(client, cutover: Cutover, key: str = "look") -> Page:
    return Page(client.get(item_of(cutover, key).get_absolute_url()))


def failed(status: AttemptStatus = AttemptStatus.FAILED, **more) -> Cutover:
    cutover = make_cutover("announced")
    services.add_member(
        cutover=cutover, person=person("esi"), part=MemberPart.LEAD, seats=[], roles=["lead"], by=admin()
    )
    ended(cutover, "look", status, **more)
    return cutover


def choices_of(page: Page) -> set[str]:
    return {name.removeprefix("choice-") for name in page.elements if name.startswith("choice-")}


# ── while it runs ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [AttemptStatus.QUEUED, AttemptStatus.CLAIMED, AttemptStatus.RUNNING])
def test_while_it_runs_all_but_state_progress_and_log_is_folded(browser_of, status: AttemptStatus) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", status)
    response = browser_of("ama").get(item_of(cutover, "look").get_absolute_url())
    page, html = Page(response), markup_of(response)
    assert page["everything-else"].tag == "details"
    assert "open" not in page["everything-else"].attributes
    folded = html[html.index('id="everything-else"') : html.index('id="log-title"')]
    for inside in ("ready-title", "attempts-title", "preview-title", "how-title"):
        assert (f'id="{inside}"' in folded) == (f'id="{inside}"' in html)
    assert html.index('id="progress-card"') < html.index('id="everything-else"')


@pytest.mark.parametrize("at", ["opened", "announced", "looked"])
def test_what_does_not_run_is_not_folded(browser_of, at: str) -> None:
    assert "everything-else" not in page_of(browser_of("ama"), make_cutover(at))


# ── when it did not work ─────────────────────────────────────────────────────


def test_a_failure_offers_each_person_only_what_they_may_do(browser_of) -> None:
    cutover = failed()
    offered = {name: choices_of(page_of(browser_of(name), cutover)) for name in ("ama", "efua", "yaw")}
    assert offered == {
        "ama": {"start", "skip", "hand_over", "note", "rollback"},
        "efua": {"note", "rollback"},
        "yaw": set(),
    }


def test_what_cannot_be_done_now_is_not_offered(browser_of) -> None:
    cutover = failed()
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="nobody read it")
    assert choices_of(page_of(browser_of("ama"), cutover)) == {"skip", "hand_over", "note", "rollback"}
    services.order_rollback(cutover=cutover, by=person("ama"), reason="too late")
    assert "rollback" not in choices_of(page_of(browser_of("ama"), cutover))


def test_nobody_to_hand_it_to_and_no_way_back_are_not_offered(browser_of) -> None:
    forward = RUNBOOK.partition("  - key: back\n")[0].replace("undo: restore,", "irreversible: Sent.,")
    alone = make_cutover("announced", text=forward.replace("name: sample", "name: forward"))
    ended(alone, "look", AttemptStatus.FAILED)
    assert choices_of(page_of(browser_of("ama"), alone)) == {"start", "skip", "hand_over", "note"}
    with by_hand():
        alone.items.filter(key="look").update(claimed_by=person("ama"))
    assert choices_of(page_of(browser_of("ama"), alone)) == {"start", "skip", "note"}


def test_a_note_on_what_did_not_work_says_that_it_is_the_answer(browser_of) -> None:
    ama, cutover = browser_of("ama"), failed()
    assert "as the answer to this problem" in page_of(ama, cutover)["choice-note"].words
    assert "Answer with this note" in page_of(ama, cutover)["ask-note-look"].words
    open_row = reverse("runbook", args=[cutover.slug])
    assert "Answer with this note" in Page(ama.get(open_row, {"open": "look"}))["ask-note-look"].words
    assert "Add the note" in Page(ama.get(open_row, {"open": "celebrate"}))["ask-note-celebrate"].words


def test_each_choice_says_its_consequence_for_this_item(browser_of) -> None:
    page = page_of(browser_of("ama"), failed())
    assert "1.3 no longer waits for it." in page["choice-skip"].words
    assert "It only looks again" in page["choice-start"].words
    changing = make_cutover("signed")
    ended(
        changing, "change-it", AttemptStatus.ERRORED, effect="AT_MOST_ONCE", problem={"what": "It stopped."}
    )
    assert "may happen only once" in page_of(browser_of("ama"), changing, "change-it")["choice-start"].words


@pytest.mark.parametrize("status", [AttemptStatus.FAILED, AttemptStatus.ERRORED, AttemptStatus.TIMED_OUT])
def test_every_way_to_fail_has_the_choices_and_one_word(browser_of, status: AttemptStatus) -> None:
    page = page_of(browser_of("ama"), failed(status))
    assert "start" in choices_of(page)
    assert page["attempt-1"].state == status
    assert "Failed" in page["attempt-1"].words


def test_somebody_who_only_watches_still_reads_what_happened(browser_of) -> None:
    cutover = failed(AttemptStatus.ERRORED, problem={"what": "W.", "means": "Nothing changed.", "next": "N."})
    assert "problem" in page_of(browser_of("yaw"), cutover)


def test_an_item_is_handed_over_on_the_record(browser_of) -> None:
    cutover = failed()
    url = reverse("item-hand-over", args=[cutover.slug, "look"])
    browser_of("ama").post(url, {"to": "esi"})
    assert item_of(cutover, "look").claimed_by == person("esi")
    entry = cutover.record.get(kind="item.handed_over")
    assert (entry.payload["to"], entry.payload["was"]) == ("esi", None)
    browser_of("ama").post(url, {"to": "esi"})  # a second click
    assert cutover.record.filter(kind="item.handed_over").count() == 1


@pytest.mark.parametrize(("by", "to"), [("efua", "esi"), ("ama", "efua"), ("ama", "yaw"), ("ama", "ghost")])
def test_only_a_lead_hands_over_and_only_to_a_lead(browser_of, by: str, to: str) -> None:
    cutover = failed()
    browser_of(by).post(reverse("item-hand-over", args=[cutover.slug, "look"]), {"to": to})
    assert item_of(cutover, "look").claimed_by is None
    assert not cutover.record.filter(kind="item.handed_over").exists()


# ── the marks say what it means ──────────────────────────────────────────────


def mark_of(browser_of, cutover: Cutover, key: str, need: str) -> str:
    html = markup_of(browser_of("ama").get(item_of(cutover, key).get_absolute_url()))
    after = html[html.index(f'id="need-{need}"') :]
    return after[after.index("fact-mark") : after.index("<div>")]


def test_a_need_that_was_skipped_or_has_a_warning_has_no_green_mark(browser_of) -> None:
    cutover = make_cutover()
    services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="they know")
    assert 'class="good"' not in mark_of(browser_of, cutover, "look", "announce")
    done = make_cutover("announced")
    assert 'class="good"' in mark_of(browser_of, done, "look", "announce")
    warned = make_cutover("signed")
    ended(warned, "change-it", effect="AT_MOST_ONCE", facts={"warnings": ["61 731 rows would make it fail."]})
    assert 'class="text-warning"' in mark_of(browser_of, warned, "celebrate", "change-it")


@pytest.mark.parametrize(
    ("facts", "style"), [({"seen": 1}, "state-done"), ({"warnings": ["rows would fail"]}, "state-warned")]
)
def test_a_success_with_a_warning_is_amber_among_the_attempts(browser_of, facts, style: str) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts=facts)
    html = markup_of(browser_of("ama").get(item_of(cutover, "look").get_absolute_url()))
    row = html[html.index('id="attempt-1"') :]
    assert f'class="state {style}"' in row[: row.index("</li>")]


@pytest.mark.parametrize(
    ("decided", "style"),
    [("DONE", "state-done"), ("NOT_DONE", "state-skipped"), ("PARTIAL", "state-failed")],
)
def test_an_attempt_that_people_decided_has_the_mark_of_their_decision(browser_of, decided, style) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.RECONCILED, reconciliation=decided, reconciled_by=person("ama"))
    html = markup_of(browser_of("ama").get(item_of(cutover, "look").get_absolute_url()))
    row = html[html.index('id="attempt-1"') :]
    assert f'class="state {style}"' in row[: row.index("</li>")]


# ── what was found ───────────────────────────────────────────────────────────

BACKUP = {
    "backup": {"path": "/b/1", "bytes": 8_500_000_000, "sha256": "a" * 64, "rows": 203_438, "tables": 22}
}


def test_evidence_shows_what_matters_first_and_folds_the_rest(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts=BACKUP | {"pid": 4711, "seconds": 252})
    page = page_of(browser_of("ama"), cutover)
    headline = page["headline-facts"].words
    assert "8.5 GB" in headline
    assert "4 min 12 s" in headline
    assert not {"4711", "/b/1", "aaaa"} & set(headline.split())
    assert "open" not in page["all-facts"].attributes
    assert "/b/1" in page["all-facts"].words


def test_start_again_is_folded_away_once_it_is_done(browser_of) -> None:
    page = page_of(browser_of("ama"), make_cutover("looked"))
    assert page["start-again"].tag == "details"
    assert "open" not in page["start-again"].attributes
    assert "start" in page


def test_evidence_can_be_taken_away_as_a_file(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts={"seen": 5})
    url = reverse("attempt-evidence", args=[cutover.slug, "look", 1])
    response = browser_of("ama").get(url)
    assert json.loads(response.content)["facts"] == {"seen": 5}
    assert response["Content-Disposition"].startswith("attachment")
    assert json.loads(browser_of("yaw").get(url).content)["facts"] != {"seen": 5}  # values of rows are hidden
    assert browser_of("ama").get(url.replace("/1/", "/2/")).status_code == 404


def compared(cutover: Cutover, rows: int) -> Attempt:
    examples = [
        DifferingRow({"id": str(n)}, "changed", {"email": [f"old{n}@example.org", f"new{n}@example.org"]})
        for n in range(rows)
    ]
    members = TableResult("members", 900, 900, changed=rows, digest="d" * 64, examples=examples)
    sides = {"address": "db:5432/old"}, {"address": "db:5432/new"}
    result = ComparisonResult("live", *sides, tables=[members])
    status = AttemptStatus.FAILED if rows else AttemptStatus.SUCCEEDED
    attempt = ended(cutover, "look", status, facts={"parity": result.as_facts()}, summary=result.summary)
    PROJECTIONS["parity"](attempt, result.as_facts(), attempt.ended_at)
    return attempt


def test_a_failed_comparison_shows_its_first_rows_right_there(browser_of) -> None:
    cutover = make_cutover("announced")
    compared(cutover, 7)
    response = browser_of("ama").get(item_of(cutover, "look").get_absolute_url())
    assert Page(response)["first-rows"].attributes["data-rows"] == "7"
    assert [name for name in Page(response).elements if name.startswith("row-title-")] == [
        f"row-title-{n}" for n in (1, 2, 3)
    ]
    assert "old0@example.org" in Page(response)["first-rows"].words
    seen_by_yaw = page_of(browser_of("yaw"), cutover)
    assert "old0@example.org" not in seen_by_yaw["main"].words


def test_a_comparison_that_found_nothing_shows_no_rows(browser_of) -> None:
    cutover = make_cutover("announced")
    compared(cutover, 0)
    assert "first-rows" not in page_of(browser_of("ama"), cutover)


def test_the_number_of_queries_does_not_grow_with_attempts_or_rows(browser_of) -> None:
    counts = []
    for attempts, rows in ((1, 3), (12, 60)):
        cutover = make_cutover("announced")
        for _ in range(attempts):
            compared(cutover, rows)
        ama, address = browser_of("ama"), item_of(cutover, "look").get_absolute_url()
        ama.get(address)
        with CaptureQueriesContext(connection) as queries:
            ama.get(address)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_fingerprint_is_not_listed_as_a_run_that_stopped(browser_of) -> None:
    cutover = make_cutover("announced")
    found = [ended(cutover, "look", status) for status in (AttemptStatus.SUCCEEDED, AttemptStatus.CANCELLED)]
    for attempt in found:
        attempt.table_progress.create(table="members", position=1, state="done", at=attempt.queued_at)
    page = Page(browser_of("ama").get(reverse("parity", args=[cutover.slug])))
    ended_well, stopped = found
    assert page[f"result-{ended_well.pk}"].state == "SUCCEEDED"
    assert f"stopped-{ended_well.pk}" not in page
    assert f"stopped-{stopped.pk}" in page
