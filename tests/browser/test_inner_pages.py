"""The inner pages in a real browser: by keyboard, without JavaScript, on a phone, in both themes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from checklists import services
from checklists.executor.writers.evidence import PROJECTIONS
from checklists.models import Attempt, Cutover, LogLine, SignOff
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind, Decision
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult
from tests.by_hand import by_hand
from tests.checklists.histories import (
    PASSWORD,
    asked_preflight,
    ended,
    item_of,
    make_cutover,
    person,
    preflight_done,
    previewed,
    sign,
)

pytestmark = [pytest.mark.browser]

FACTS = {
    "backup": {
        "path": "/backups/one",
        "bytes": 123_456_789,
        "sha256": "a" * 64,
        "taken_at": "2026-01-01T02:03:04+00:00",
        "tables": 22,
        "rows": 200_431,
        "counts": {f"public.table_{n}": n for n in range(20)},
    },
    "smoke": {
        "asked": [{"path": f"/api/{n}", "status": 200, "ms": 3.5, "wrong": "no" * (n == 3)} for n in range(9)]
    },
    "migrations": [{"name": "0_init", "checksum": "b" * 64, "equal_to_file": True}],
    "remarks": ["a long remark " * 30, "short"],
}


def item(cutover: Cutover, key: str = "look") -> str:
    return reverse("item", args=[cutover.slug, key])


def gate(cutover: Cutover) -> str:
    return reverse("gate", args=[cutover.slug, "go"])


def tab_to(page: Page, wanted: str) -> None:
    """Goes on with the Tab key until that element has the focus, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == wanted:
            return
    raise AssertionError(f"Tab never reaches #{wanted}")


# ── by keyboard ─────────────────────────────────────────────────────────────


def test_an_action_is_started_and_stopped_by_keyboard(signed_in) -> None:
    cutover = make_cutover("announced")
    page = signed_in("ama")
    page.goto(item(cutover))
    tab_to(page, "start")
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_have_attribute("data-state", "QUEUED")
    assert Attempt.objects.get().status == AttemptStatus.QUEUED
    expect(page.locator("#log-title")).to_be_visible()  # the page loads itself anew for a new attempt
    tab_to(page, "cancel")
    page.keyboard.press("Enter")
    expect(page.locator("#attempts-title + .attempts")).to_contain_text("Cancelled")
    assert Attempt.objects.get().status == AttemptStatus.CANCELLED


def test_a_double_click_starts_one_attempt(signed_in) -> None:
    cutover = make_cutover("announced")
    page = signed_in("ama")
    page.goto(item(cutover))
    page.locator("#start").dblclick()
    expect(page.locator("#live")).to_have_attribute("data-state", "QUEUED")
    assert Attempt.objects.count() == 1


def test_a_gate_is_signed_by_keyboard(signed_in) -> None:
    cutover = make_cutover("looked")
    page = signed_in("efua")
    page.goto(gate(cutover))
    tab_to(page, "seat-choice-technical")
    page.keyboard.press("Space")
    tab_to(page, "decision-GO")
    page.keyboard.press("Space")
    tab_to(page, "id_reason")
    page.keyboard.type("I read all of it")
    tab_to(page, "id_password")
    page.keyboard.type(PASSWORD)
    tab_to(page, "sign")
    page.keyboard.press("Enter")
    expect(page.locator("#seat-technical")).to_contain_text("Go")
    assert SignOff.objects.get().reason == "I read all of it"


# ── without JavaScript ──────────────────────────────────────────────────────


def test_without_javascript_an_item_is_started_and_a_gate_signed(signed_in) -> None:
    cutover = make_cutover("announced")
    lead = signed_in("ama", script=False)
    lead.goto(item(cutover))
    lead.locator("#start").click()
    expect(lead.locator("#live")).to_have_attribute("data-state", "QUEUED")
    attempt = Attempt.objects.get()
    lead.locator("#cancel").click()
    expect(lead.locator(".attempts")).to_contain_text("Cancelled")
    assert Attempt.objects.get(pk=attempt.pk).status == AttemptStatus.CANCELLED
    ended(cutover, "look")
    approver = signed_in("kofi", script=False)
    approver.goto(gate(cutover))
    approver.locator("#seat-choice-finance").check()
    approver.locator("#decision-NO_GO").check()
    approver.locator("#id_password").fill(PASSWORD)
    approver.locator("#sign").click()
    expect(approver.locator("#sign-problem")).to_contain_text("a no-go needs one")
    assert approver.locator("#decision-NO_GO").is_checked()
    approver.locator("#id_reason").fill("the disk is full")
    approver.locator("#id_password").fill(PASSWORD)
    approver.locator("#sign").click()
    expect(approver.locator("#live")).to_have_attribute("data-state", "NO_GO")
    assert SignOff.objects.get().seat == "finance"


# ── while things change ─────────────────────────────────────────────────────


def test_typed_text_stays_while_the_page_updates_itself(signed_in) -> None:
    cutover = make_cutover("looked")
    page = signed_in("efua")
    page.goto(gate(cutover))
    page.locator("#seat-choice-technical").check()
    page.locator("#decision-GO").check()
    page.locator("#id_reason").fill("half a thou")
    page.locator("#id_password").fill(PASSWORD)
    sign(cutover, "kofi", "data")
    # The seat is taken, so the form no longer offers it. A page that missed the event would wait for 30 s.
    expect(page.locator("#seat-choice-data")).to_have_count(0)
    assert page.locator("#id_reason").input_value() == "half a thou"
    assert page.locator("#id_password").input_value() == PASSWORD
    assert page.locator("#decision-GO").is_checked()
    page.locator("#sign").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "DONE")


def test_evidence_that_changes_under_the_pen_is_not_signed(signed_in) -> None:
    cutover = make_cutover("looked")
    page = signed_in("efua")
    page.goto(gate(cutover))
    page.locator("#seat-choice-technical").check()
    page.locator("#decision-GO").check()
    page.locator("#id_reason").fill("I read the first")
    page.locator("#id_password").fill(PASSWORD)
    ended(cutover, "look", facts={"seen": 2})
    services.add_note(
        item=item_of(cutover, "go"), by=person("ama"), text="compared again"
    )  # announces a change
    expect(page.locator("#fact-look")).to_contain_text("Attempt #2")
    page.locator("#sign").click()
    expect(page.locator("#sign-problem")).to_contain_text("The evidence changed")
    assert page.locator("#id_reason").input_value() == "I read the first"
    assert not SignOff.objects.exists()
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#sign").click()
    expect(page.locator("#seat-technical")).to_contain_text("Efua")
    assert SignOff.objects.count() == 1


def test_typed_text_stays_after_a_wrong_password_while_the_page_updates_itself(signed_in) -> None:
    cutover = make_cutover("looked")
    page = signed_in("efua")
    page.goto(gate(cutover))
    page.locator("#seat-choice-technical").check()
    page.locator("#decision-GO").check()
    page.locator("#id_reason").fill("a long thought")
    page.locator("#id_password").fill("not that one")
    page.locator("#sign").click()
    expect(page.locator("#sign-problem")).to_contain_text("that is not right")
    sign(cutover, "kofi", "finance")
    expect(page.locator("#seat-finance")).to_contain_text("Kofi")
    assert page.locator("#id_reason").input_value() == "a long thought"
    assert page.locator("#decision-GO").is_checked()
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#sign").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "DONE")


def test_a_wrong_target_is_said_in_place_and_stays_in_its_field(signed_in) -> None:
    cutover = make_cutover("signed", kind=CutoverKind.PRODUCTION)
    previewed(item_of(cutover, "change-it"))
    page = signed_in("ama")
    page.goto(item(cutover, "change-it"))
    expect(page.locator("#preview .target-name")).to_have_text("nowhere/sample")
    page.locator("#id_typed_target").fill("somewhere")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#start").click()
    expect(page.locator("#notices")).to_contain_text("was not typed as it is")
    assert page.locator("#id_typed_target").input_value() == "somewhere"
    page.locator("#id_typed_target").fill("nowhere/sample")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("#start").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "QUEUED")


# ── every page, both themes, phone and desk ─────────────────────────────────


def compared(cutover: Cutover) -> Attempt:
    tables = [
        TableResult("churches", 412, 412, digest="c" * 64),
        TableResult(
            "members",
            1_204_311,
            1_204_310,
            changed=1,
            missing=1,
            declared=41_892,
            digest="d" * 64,
            declared_by={"null is default: members.bio": 41_892},
            unsound=["body: cannot be compared"],
            examples=[
                DifferingRow(
                    {"id": "7"},
                    "changed",
                    {"email": ["m7@example.org", "m7@example.com"], "bio": [None, "x" * 90]},
                ),
                DifferingRow({"id": "8"}, "missing", {"email": ["m8@example.org", None]}),
            ],
        ),
    ]
    behind = {
        "sequence": "public.s",
        "table": "public.t",
        "column": "id",
        "next": 1,
        "highest": 9,
        "reason": "",
    }
    totals = {
        "table": "t",
        "sum": "amount",
        "by": ["currency"],
        "equal": False,
        "reason": "",
        "groups": [{"group": ["GHS"], "source": [1, "2.50"], "target": [1, "2.51"]}],
    }
    sides = {"address": "db:5432/old"}, {"address": "db:5432/new"}
    result = ComparisonResult(
        "live", *sides, tables=tables, sequences=[behind], totals=[totals], unmet_rules=["none: t.x"]
    )
    attempt = ended(
        cutover, "look", AttemptStatus.FAILED, facts={"parity": result.as_facts()}, summary=result.summary
    )
    with by_hand():  # its executor does so in the transaction of the verdict
        PROJECTIONS["parity"](attempt, result.as_facts(), attempt.ended_at)
    return attempt


def every_page() -> list[tuple[str, str]]:
    """Who looks, and at what: every inner page in each of its states."""
    at = {name: make_cutover(name) for name in ("opened", "announced", "looked", "signed")}
    pages = [("ama", item(c)) for c in at.values()] + [("efua", gate(c)) for c in at.values()]
    pages += [
        ("ama", item(at["opened"], "announce")),
        ("yaw", item(at["looked"])),
        ("yaw", gate(at["looked"])),
    ]
    for status, more in (
        (AttemptStatus.QUEUED, {"resource": "db:target"}),
        (
            AttemptStatus.RUNNING,
            {"progress_done": 3, "progress_total": 9, "progress_what": "restoring donations"},
        ),
        (
            AttemptStatus.ERRORED,
            {"problem": {"what": "It stopped.", "means": "Nothing changed.", "next": "Again."}},
        ),
        (
            AttemptStatus.UNKNOWN,
            {
                "unknown_reason": "Lost.",
                "finding": {
                    "seen": "DONE",
                    "saw": "All there.",
                    "dead": "pid 1 is gone",
                    "at": "2026-01-01T02:03:04Z",
                    "facts": FACTS,
                },
            },
        ),
    ):
        cutover = make_cutover("announced")
        attempt = ended(cutover, "look", status, **more)
        LogLine.objects.bulk_create(
            LogLine(attempt=attempt, number=n, at=database_now(), text="a line " * (n % 40))
            for n in range(1, 200)
        )
        pages.append(("ama", item(cutover)))
    rich = make_cutover("announced")
    backup = ended(rich, "look", facts=FACTS)
    with by_hand():  # its executor does so in the transaction of the verdict
        PROJECTIONS["backup"](backup, FACTS["backup"], backup.ended_at)
    services.add_note(item=item_of(rich, "look"), by=person("ama"), text="a note " * 40)
    pages += [("ama", item(rich)), ("efua", gate(rich)), ("ama", reverse("backups", args=[rich.slug]))]
    attempt = compared(rich)
    slug = [rich.slug]
    pages += [
        ("ama", item(rich)),
        ("ama", reverse("parity", args=slug)),
        ("ama", reverse("parity_attempt", args=[*slug, attempt.pk])),
        ("ama", reverse("parity_table", args=[*slug, attempt.pk, "members"])),
        ("ama", reverse("record", args=slug)),
        ("ama", item(make_cutover("signed", kind=CutoverKind.PRODUCTION), "change-it")),
    ]
    known = make_cutover("announced")
    ended(known, "look", AttemptStatus.FAILED)
    preflight_done(known, wall="green")
    asked_preflight(known, items=["look"], wall="red", cellar="unknown", roof="amber", door="green")
    pages += [("ama", reverse("problems", args=[known.slug])), ("ama", item(known))]
    refused = make_cutover("looked")
    sign(refused, "efua", "technical", Decision.NO_GO, "The disk is full.")
    link = services.create_status_link(
        cutover=rich, label="all", lasts=timedelta(hours=1), nonce=uuid.uuid4(), by=person("ama")
    )
    pages += [("ama", reverse("status-links", args=slug)), ("ama", reverse("shared-status", args=[link[1]]))]
    pages += [("yaw", reverse("status", args=[one.slug])) for one in at.values()]
    return [*pages, ("efua", gate(refused)), ("ama", reverse("backups", args=[at["opened"].slug]))]


@pytest.mark.timeout(900)  # 35 pages, 20 s; a machine that is busy with something else needs longer
def test_every_page_can_be_read_by_everybody(signed_in, unreadable: Callable[[Page], list[str]]) -> None:
    pages = every_page()
    browsers = {name: signed_in(name, axe=True) for name, _ in pages}
    wrong = []
    for name, address in pages:
        page = browsers[name]
        page.goto(address)
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
        wrong += unreadable(page)
    assert wrong == []
