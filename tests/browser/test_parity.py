"""Comparisons in a real browser: filling while they run, by keyboard, without a script, on a phone, dark."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from checklists.executor.writers.announcer import Announcer
from checklists.executor.writers.comparison import ComparisonWriter
from checklists.models import Attempt, Cutover
from checklists.states import AttemptStatus
from integrations.parity.beyond_rows.sql_rules import SqlRule, compare_sql_rule
from integrations.parity.result import ComparisonResult, TableResult
from integrations.redact import Redactor
from tests.browser.test_inner_pages import tab_to
from tests.checklists.histories import end, ended, make_cutover
from tests.checklists.views.test_parity import BESIDE, compared, listed, table, whole
from tests.checklists.views.test_parity_rows import differing, row

pytestmark = [pytest.mark.browser]
FENCE = 7


@pytest.fixture
def cutover(transactional_db: None) -> Cutover:
    return make_cutover("announced")


@pytest.fixture
def finished(cutover: Cutover) -> Attempt:
    """120 rows of members differ, in all the ways there are; something is wrong beside the rows, too."""
    beside: dict[str, Any] = {
        "sequences": [{"sequence": "s", "table": "t", "column": "id", "next": 1, "highest": 5, "reason": ""}],
        "schema": {"undeclared": ["new column members.phone"], "declared": ["new table sessions"]},
        "totals": [
            {
                "table": "gifts",
                "sum": "amount",
                "by": ["currency"],
                "equal": False,
                "reason": "",
                "groups": [{"group": ["GHS"], "source": [3, "10.50"], "target": [3, "10.51"]}],
            }
        ],
    }
    many = [[f"{number} {'x' * 90}"] for number in range(30)]
    long = compare_sql_rule(
        SqlRule("long", f"SELECT id FROM members WHERE {' AND '.join(['id > 0'] * 20)}"), many, []
    )
    beside |= {**BESIDE, "structure_judged": True, "checks": [*BESIDE["checks"], long]}
    result = TableResult("members", 9_000, 8_960, changed=80, missing=40, digest="b" * 64)
    told = {"repair": ["UPDATE members SET bio = 'x' WHERE id = 1;"], "by_column": {"email": 80, "bio": 40}}
    made = compared(cutover, TableResult("gifts", 5, 5), result, told=told, **beside)
    differing(made, 120)
    return made


class Running:
    """A comparison under way, told through the channel that a guard uses: PostgreSQL, Redis, the stream."""

    def __init__(self, cutover: Cutover) -> None:
        self.attempt = ended(
            cutover, "look", AttemptStatus.RUNNING, action="parity.compare", fence=FENCE, progress_total=100
        )
        self.channel = ComparisonWriter(self.attempt.pk, FENCE, Redactor(), Announcer(cutover.pk))

    def tell(self, name: str, state: str, done: int = 0, **found: Any) -> None:
        self.channel.set_table(
            {
                "table": name,
                "state": state,
                "pages": 200,
                "pages_done": done,
                "rows_done": done,
                "seconds": 2.0,
                "seconds_left": 6.0,
                "found": found,
            }
        )
        self.channel.flush(everything=True)

    def row(self, number: int) -> None:
        columns = {"email": [f"m{number}@example.org", f"m{number}@example.com"]}
        self.channel.add_row(
            {
                "table": "members",
                "kind": "changed",
                "key": {"id": str(number)},
                "columns": columns,
                "paths": {},
                "personal": [],
            }
        )
        self.channel.flush(everything=True)


def line(page: Page, name: str) -> Any:
    return page.locator(f"#table-{name}")


def test_the_page_fills_table_by_table_while_the_comparison_runs(signed_in, cutover: Cutover) -> None:
    running = Running(cutover)
    page = signed_in("yaw")
    page.goto(whole(running.attempt))
    expect(page.locator("#headline")).to_contain_text("has not read anything yet")
    running.tell("gifts", "waiting")
    running.tell("members", "reading", 50)
    expect(line(page, "members")).to_contain_text("50 of 200 pages, 204.8 kB/s, about 6 s left")
    expect(line(page, "gifts")).to_contain_text("waits")
    running.tell("members", "done", 200, equal=False, differing=3, source_rows=9, target_rows=9)
    expect(page.locator("#headline")).to_contain_text("Comparing: 1 of 2 tables done; 3 rows differ so far")
    running.tell("gifts", "done", 200, equal=True, differing=0, source_rows=5, target_rows=5)
    expect(line(page, "gifts")).to_contain_text("equal")


def test_rows_come_below_those_that_somebody_reads(signed_in, cutover: Cutover) -> None:
    running = Running(cutover)
    running.tell("members", "asking", 200)
    for number in range(8):
        running.row(number)
    page = signed_in("ama")
    page.goto(table(running.attempt))
    third = page.locator("#row-3")
    third.hover()
    before = third.bounding_box()
    for number in range(8, 12):
        running.row(number)
    expect(page.locator(".row-card")).to_have_count(12)
    assert before
    assert abs(third.bounding_box()["y"] - before["y"]) < 2


def test_the_element_under_the_pointer_stays_when_the_tables_are_reordered(
    signed_in, cutover: Cutover
) -> None:
    running = Running(cutover)
    for n in range(30):
        running.tell(f"t{n:02}", "done", 200, equal=n != 29, differing=int(n == 29))
    page = signed_in("ama")
    page.goto(whole(running.attempt))
    watched = line(page, "t15")
    watched.scroll_into_view_if_needed()
    watched.hover()
    before = watched.bounding_box()
    tables = [TableResult(f"t{n:02}", 5, 5, changed=int(n == 29)) for n in range(30)]
    other = compared(make_cutover("announced"), *tables)
    facts = ComparisonResult("live", {"address": "a"}, {"address": "b"}, tables=tables).as_facts()
    assert other
    _end(running.attempt, facts)
    expect(page.locator("#headline")).to_contain_text("1 row differs in 1 of 30 tables")
    expect(page.locator("#tables-title + table tbody tr").first).to_have_attribute("id", "table-t29")
    assert before
    assert abs(watched.bounding_box()["y"] - before["y"]) < 2


def _end(attempt: Attempt, facts: dict[str, Any]) -> None:
    from checklists.announcements import announce
    from checklists.models.audit import database_now
    from checklists.states import AttemptStatus

    end(attempt, AttemptStatus.FAILED, {"parity": facts}, progress_at=database_now())
    announce(attempt.cutover_id)


def test_rows_are_filtered_by_keyboard_and_the_address_holds_the_filter(signed_in, finished: Attempt) -> None:
    page = signed_in("ama")
    page.goto(table(finished))
    tab_to(page, "q")
    page.keyboard.type("m118@")
    page.keyboard.press("Enter")
    expect(page.locator("#rows-title")).to_have_text("1 row fits")
    assert "q=m118%40" in page.url
    page.reload()
    expect(page.locator(".row-card")).to_have_count(1)
    page.locator(".row-card h3 a").click()
    expect(page.locator("#headline")).to_contain_text("members id 118")


def test_j_and_k_move_from_row_to_row(signed_in, finished: Attempt) -> None:
    page = signed_in("ama")
    page.goto(table(finished))
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#headline")).to_contain_text("members id 1:")
    page.keyboard.press("j")
    expect(page.locator("#headline")).to_contain_text("members id 2:")
    page.keyboard.press("k")
    expect(page.locator("#headline")).to_contain_text("members id 1:")


def test_rows_are_taken_away_as_a_file_from_a_real_server(signed_in, finished: Attempt) -> None:
    page = signed_in("ama")
    page.goto(whole(finished))
    with page.expect_download() as taken:
        page.get_by_role("link", name="Rows that differ (CSV)").click()
    lines = taken.value.path().read_text().splitlines()
    assert len(lines) == 1 + 180
    assert lines[1].startswith("members,1,changed,id 0,email,value,m0@example.org,value,m0@example.com")


def test_without_a_script_one_pages_filters_and_opens_a_row(signed_in, finished: Attempt) -> None:
    page = signed_in("ama", script=False)
    page.goto(whole(finished))
    page.get_by_role("link", name="members").click()
    page.get_by_role("link", name="Later").click()
    expect(page.locator(".pages")).to_contain_text("51 to 100 of 120")
    page.locator("#kind").select_option("missing")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#rows-title")).to_have_text("40 rows fit")
    page.locator(".row-card h3 a").nth(1).click()
    expect(page.locator("#headline")).to_contain_text("missing after")
    page.get_by_role("link", name="Later").click()
    expect(page.locator("#headline")).to_contain_text("id 8")


def test_text_in_the_search_field_stays_while_rows_arrive(signed_in, cutover: Cutover) -> None:
    running = Running(cutover)
    running.tell("members", "asking", 200)
    running.row(0)
    page = signed_in("ama")
    page.goto(table(running.attempt))
    page.locator("#q").fill("half a thou")
    running.row(1)
    expect(page.locator(".row-card")).to_have_count(2)
    assert page.locator("#q").input_value() == "half a thou"


def test_repair_is_copied_and_never_run(signed_in, finished: Attempt) -> None:
    page = signed_in("ama")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(table(finished))
    page.locator("[data-copy=repair-sql]").click()
    expect(page.locator("[data-copied=repair-sql]")).to_have_text("Copied.")
    assert "UPDATE members SET bio" in page.evaluate("navigator.clipboard.readText()")


def test_axe_finds_nothing_and_nothing_is_cut_off(signed_in, unreadable, finished: Attempt) -> None:
    running = Running(make_cutover("announced"))
    running.tell("a_table_with_a_name_that_is_rather_long_for_a_phone_at_night", "reading", 50)
    running.tell("gifts", "failed", 1, equal=False, unsound=["no"])
    history = reverse("parity_history", args=[finished.cutover.slug])
    pages = [
        listed(finished.cutover),
        history,
        whole(finished),
        table(finished),
        row(finished, 4),
        row(finished, 3),
    ]
    pages += [whole(running.attempt), table(running.attempt, "gifts"), f"{table(finished)}?kind=extra"]
    page = signed_in("ama", axe=True)
    for address in pages:
        page.goto(address)
        assert unreadable(page) == []


def test_a_stakeholder_sees_no_personal_value_in_a_browser_either(signed_in, finished: Attempt) -> None:
    page = signed_in("yaw")
    for address in (whole(finished), table(finished), row(finished, 4)):
        page.goto(address)
        assert not re.search(r"m\d+@example", page.content()), address
    expect(page.locator(".null").first).to_have_text("hidden")
