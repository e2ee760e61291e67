"""The pages of comparisons: all of them, one table by table, one table row by row."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists.executor.writers.evidence import PROJECTIONS
from checklists.models import Attempt, Cutover, TableProgress
from checklists.states import AttemptStatus
from integrations.parity.beyond_rows.sql_rules import Answer, SqlRule, compare_sql_rule
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover, person
from tests.checklists.views.pages import Page, markup_of, words_of

pytestmark = pytest.mark.django_db

EQUAL = TableResult("churches", source_rows=412, target_rows=412, digest="a" * 64, seconds=0.2)
DIFFERENT = TableResult(
    "members",
    source_rows=1_204_311,
    target_rows=1_204_310,
    changed=1,
    missing=1,
    extra=1,
    declared=41_892,
    digest="b" * 64,
    seconds=3.5,
    declared_by={"null is default: members.bio": 41_892},
    examples=[
        DifferingRow(
            {"id": "7"}, "changed", {"email": ["m7@example.org", "m7@example.com"], "bio": [None, "words"]}
        ),
        DifferingRow({"id": "8"}, "missing", {"email": ["m8@example.org", None]}),
        DifferingRow({"id": "9"}, "extra", {"email": [None, "m9@example.org"]}),
    ],
)


def compared(
    cutover: Cutover,
    *tables: TableResult,
    personal: Sequence[str] = (),
    only_tell: bool = False,
    told: dict[str, Any] | None = None,
    **more: Any,
) -> Attempt:
    """An attempt that compared these tables, kept as the executor keeps it.

    ``told`` is what the engine says of each of its tables beside what a `TableResult` is made of here.
    """
    result = ComparisonResult(
        **{"mode": "live", **more},
        source={"address": "db:5432/old"},
        target={"address": "db:5432/new"},
        tables=list(tables),
    )
    status = AttemptStatus.SUCCEEDED if result.equal or only_tell else AttemptStatus.FAILED
    whole = {**result.as_facts(), "personal": list(personal)}
    whole["tables"] = [{**table, **(told or {})} for table in whole["tables"]]
    attempt = ended(cutover, "look", status, facts={"parity": whole}, summary=result.summary)
    with by_hand():  # its executor does so in the transaction of the verdict
        PROJECTIONS["parity"](attempt, whole, attempt.ended_at)
    return attempt


def listed(cutover: Cutover) -> str:
    return reverse("parity", args=[cutover.slug])


def whole(attempt: Attempt) -> str:
    return reverse("parity_attempt", args=[attempt.cutover.slug, attempt.pk])


def table(attempt: Attempt, name: str = "members") -> str:
    return reverse("parity_table", args=[attempt.cutover.slug, attempt.pk, name])


@pytest.fixture
def cutover(db) -> Cutover:
    return make_cutover("announced")


BEHIND = {"sequence": "s", "table": "t", "column": "id", "next": 10, "highest": 5000, "reason": ""}
#: What was compared → what the overview and the wall say of it, and how it is marked.
IN_FEW_WORDS: dict[str, tuple[list[TableResult], dict[str, Any], str, str]] = {
    "all": ([EQUAL], {}, "1 of 1 table equal", ""),
    "one of two": ([DIFFERENT, EQUAL], {}, "1 of 2 tables equal", "bad"),
    "beside the rows": (
        [EQUAL], {"sequences": [BEHIND]}, "1 of 1 table equal, and what is beside the rows is not", "bad",
    ),
    "a selection": (
        [EQUAL], {"selection": "only the tables churches"},
        "1 of 1 selected table equal; the rest was not compared", "text-warning",
    ),
    "a selection, beside the rows": (
        [EQUAL], {"sequences": [BEHIND], "selection": "without gifts"},
        "1 of 1 selected table equal, and what is beside the rows is not; the rest was not compared", "bad",
    ),
    "a selection that differs": (
        [DIFFERENT], {"selection": "without gifts"},
        "0 of 1 selected table equal; the rest was not compared", "bad",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", IN_FEW_WORDS)
@pytest.mark.parametrize("view", ["", "?wall"])
def test_the_overview_says_in_few_words_what_is_equal_and_what_was_not_compared(
    browser_of, cutover, view: str, case: str
) -> None:
    tables, more, words, mark = IN_FEW_WORDS[case]
    compared(cutover, *tables, **more)
    answer = browser_of("ama").get(reverse("cutover", args=[cutover.slug]) + view)
    found = re.search(r"<(?:a|li)\b([^<>]*)>\s*(\d+ of \d+[^<]* table[^<]*?)\s*<", answer.content.decode())
    assert found
    assert " ".join(found[2].split()) == words
    marks = re.search(r'class="([^"]*)"', found[1])
    assert (marks[1] if marks else "") == mark


def test_without_a_comparison_the_page_says_where_to_start_one(browser_of, cutover) -> None:
    page = Page(browser_of("yaw").get(listed(cutover)))
    assert page.state == "none"
    assert "Nothing was compared yet." in page["headline"].words


def test_the_newest_comparison_answers_first(browser_of, cutover) -> None:
    compared(cutover, DIFFERENT, EQUAL)
    page = Page(browser_of("ama").get(listed(cutover)))
    assert page.state == "unequal"
    assert "Not equal when it was last compared" in page["headline"].words
    compared(cutover, EQUAL)
    page = Page(browser_of("ama").get(listed(cutover)))
    assert page.state == "equal"
    assert "1.2 Look at it, #1" in page["live"].words
    compared(cutover, EQUAL, selection="only the tables churches")
    page = Page(browser_of("ama").get(listed(cutover)))
    assert "Equal in what was selected when it was last compared" in page["headline"].words


def test_tables_that_are_all_equal_do_not_make_a_comparison_equal(browser_of, cutover) -> None:
    behind = {"sequence": "s", "table": "t", "column": "id", "next": 10, "highest": 5000, "reason": ""}
    attempt = compared(
        cutover,
        EQUAL,
        sequences=[behind],
        schema={"undeclared": ["new column members.phone"]},
        totals=[
            {
                "table": "donations",
                "sum": "amount",
                "by": ["currency"],
                "equal": False,
                "reason": "",
                "groups": [{"group": ["GHS"], "source": [3, "10.50"], "target": [3, "10.51"]}],
            }
        ],
    )
    assert Page(browser_of("ama").get(listed(cutover))).state == "unequal"
    response = browser_of("ama").get(whole(attempt))
    assert Page(response).state == "incomplete"
    page = words_of(response)
    assert "Not equal , though no row differs" in page
    assert "new column members.phone" in page
    assert "s t.id 10 5 000" in page
    assert "GHS 3 10.50 3 10.51" in page


def test_a_comparison_answers_first_and_shows_what_differs_first(browser_of, cutover) -> None:
    attempt = compared(cutover, EQUAL, DIFFERENT)
    response = browser_of("ama").get(whole(attempt))
    page = words_of(response)
    assert "3 rows differ in 1 of 2 tables" in page
    assert "41 892 differences are declared" in page
    html = response.content.decode()
    assert html.index(table(attempt, "members")) < html.index(table(attempt, "churches"))
    assert "3 rows differ (1 changed, 1 missing after, 1 only after)" in page
    assert "Declared differences, by rule null is default: members.bio 41 892" in page


ROWS_OF_RULE: Answer = [[f"member {number} "] for number in range(30)]
BESIDE: dict[str, Any] = {
    "checks": [
        {"name": "paid", "sql": "SELECT 1", "equal": False, "source": [["GHS", "3"]],
         "target": [["GHS", None]]},
        {"name": "late", "sql": "SELECT 2", "equal": False, "source": None, "target": [],
         "reason": "no table x"},
        {"name": "gifts", "sql": "SELECT 3", "equal": True, "source": [["7"]], "target": [["7"]]},
    ],
    "spots": [
        {"table": "members", "key": {"id": "7"}, "equal": False, "columns": {"email": ["a@x", None]}},
        {"table": "gifts", "key": {"id": "9"}, "equal": False, "columns": {},
         "reason": "there is no such row"},
    ],
    "structure": {
        "indexes": [
            {"kind": "indexes", "name": "members.by_email", "source": "CREATE INDEX", "target": None,
             "declared": False},
            {"kind": "indexes", "name": "members.by_name", "source": None, "target": "CREATE INDEX",
             "declared": True},
        ],
        "triggers": [],
        "enums": [
            {"kind": "enums", "name": "Role", "source": None, "target": "'ADMIN'", "declared": False,
             "expected": True},
        ],
    },
    "uncompared": [
        {"kind": "rules", "source": 1, "target": None, "reason": "this kind is never compared"},
    ],
    "cost": {"pages_read": 1_234, "cpu_seconds": 5, "seconds": 9.0},
}  # fmt: skip


def test_rules_named_rows_structure_and_cost_are_shown(browser_of, cutover) -> None:
    judged = compared(cutover, EQUAL, **BESIDE, structure_judged=True)
    page = words_of(browser_of("ama").get(whole(judged)))
    assert "1 234 pages read on the servers, 5 s of processor time there" in page
    assert "not the same answer : paid SELECT 1 Before GHS | 3 After GHS | NULL" in page
    assert "late no table x SELECT 2 Before no answer After no rows" in page
    assert "the same answer : gifts" in page
    assert "not the same : members id 7 Column Before After email a@x NULL" in page
    assert "gifts id 9 there is no such row" in page
    assert "1 not declared : indexes, 2 that differ" in page
    assert "members.by_email CREATE INDEX not there" in page
    assert "members.by_name declared not there CREATE INDEX" in page
    assert "as announced : enums, 1 that differs" in page
    assert "Role announced not there" in page
    assert "Present, not compared What Before After Why rules 1 not known this kind is never" in page
    assert "reported, does not count" not in page
    told = compared(cutover, EQUAL, **{**BESIDE, "checks": [], "spots": []}, judged_kinds=["enums"])
    response = browser_of("ama").get(whole(told))
    assert "indexes, 2 that differ (reported, does not count)" in words_of(response)
    assert "is-different" not in response.content.decode()
    levels = compared(cutover, EQUAL, **{**BESIDE, "checks": [], "spots": []}, judged_kinds=["indexes"])
    assert "is-different" in browser_of("ama").get(whole(levels)).content.decode()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (ROWS_OF_RULE, "Only the first rows are shown; both sides have the same ones after them, too."),
        (
            ROWS_OF_RULE[1:],
            "The answers are long: each begins with the rows that the other side does not have",
        ),
    ],
)
def test_a_long_answer_to_a_rule_says_before_it_what_is_left_out(browser_of, cutover, after, words) -> None:
    rule = compare_sql_rule(SqlRule("members", "SELECT id FROM members"), ROWS_OF_RULE, after)
    attempt = compared(cutover, EQUAL, checks=[rule])
    page = words_of(browser_of("ama").get(whole(attempt)))
    assert words in page
    assert page.index(words) < page.index("member 0 ")
    assert "member 21" not in page


def test_a_stakeholder_sees_whether_rules_and_spot_checks_agree_but_no_values(browser_of, cutover) -> None:
    attempt = compared(cutover, EQUAL, **BESIDE, personal=["members.email"])
    page = browser_of("yaw").get(whole(attempt)).content.decode()
    assert "a@x" not in page
    assert "GHS" not in page
    assert "What it answered is hidden from people who only watch" in page


def test_an_equal_selection_is_called_one(browser_of, cutover) -> None:
    attempt = compared(cutover, EQUAL, selection="only the tables churches")
    page = Page(browser_of("ama").get(whole(attempt)))
    assert page["headline"].words.startswith("Equal in what was selected: 1 table, 412 rows")
    assert "This is a selection, and says nothing about the rest." in page["live"].words


def test_an_equal_comparison_says_so(browser_of, cutover) -> None:
    page = Page(browser_of("ama").get(whole(compared(cutover, EQUAL))))
    assert (page.state, page.states("table-")) == ("equal", {"churches": "equal"})
    assert page["headline"].words == "Equal: 1 table, 412 rows"


def test_a_table_that_could_not_be_compared_is_not_called_equal(browser_of, cutover) -> None:
    odd = TableResult(
        "notes", source_rows=3, target_rows=3, unsound=["body: holds JSON that jsonb cannot hold"]
    )
    attempt = compared(cutover, odd)
    assert "not all could be compared" in words_of(browser_of("ama").get(whole(attempt)))
    page = words_of(browser_of("ama").get(table(attempt, "notes")))
    assert "notes: not all of it could be compared" in page
    assert "holds JSON that jsonb cannot hold" in page


def test_a_table_shows_both_versions_and_marks_only_what_differs(browser_of, cutover) -> None:
    page = markup_of(browser_of("ama").get(table(compared(cutover, DIFFERENT))))
    assert 'members: <span class="bad"> 3 rows differ </span>' in page
    assert "<del>m7@example.<mark>org</mark></del>" in page
    assert "<ins>m7@example.<mark>com</mark></ins>" in page
    assert '<span class="null">NULL</span>' in page
    assert "<code>id 8</code></a> is missing after" in page
    assert "<code>id 9</code></a> is there only after" in page


def test_rows_that_are_not_listed_are_counted(browser_of, cutover) -> None:
    many = TableResult("members", 10, 10, changed=3_400, digest="c", examples=DIFFERENT.examples[:1])
    page = words_of(browser_of("ama").get(table(compared(cutover, many))))
    assert "3 399 more differ and are not listed." in page


def test_a_lower_bound_is_said_as_one(browser_of, cutover) -> None:
    many = TableResult("members", 10, 10, changed=5, at_least=True, places=["ids 1 to 9"])
    page = words_of(browser_of("ama").get(table(compared(cutover, many))))
    assert "at least 5 rows differ" in page
    assert "ids 1 to 9" in page


EVIL = '<script>alert(1)</script>"🚚'


def test_no_value_of_a_row_becomes_markup(browser_of, cutover) -> None:
    evil = TableResult(
        EVIL,
        1,
        1,
        changed=1,
        notes=[EVIL],
        unsound=[EVIL],
        declared_by={EVIL: 1},
        places=[EVIL],
        not_compared=[EVIL],
        examples=[DifferingRow({EVIL: EVIL}, "changed", {EVIL: [EVIL, f"x{EVIL}"]})],
    )
    attempt = compared(cutover, evil, unsound=[EVIL], unmet_rules=[EVIL], not_compared=[EVIL])
    for address in (listed(cutover), whole(attempt)):
        assert "<script>alert" not in browser_of("ama").get(address).content.decode()
    assert "<script>alert" not in browser_of("ama").get(table(attempt, EVIL)).content.decode()


@pytest.mark.parametrize("name", ["with/slash", "with space", "ünï", "a?b#c", "%41"])
def test_a_table_of_any_name_has_a_page(browser_of, cutover, name: str) -> None:
    attempt = compared(cutover, TableResult(name, 1, 1))
    page = browser_of("ama").get(whole(attempt)).content.decode()
    assert table(attempt, name) in page
    assert browser_of("ama").get(table(attempt, name)).status_code == 200


@pytest.mark.parametrize("name", ["none", "a\x01b", "x" * 3000])
def test_a_table_that_was_not_compared_is_not_there(browser_of, cutover, name: str) -> None:
    assert browser_of("ama").get(table(compared(cutover, EQUAL), name)).status_code == 404


def test_a_comparison_of_another_cutover_is_not_found(browser_of, cutover, client) -> None:
    attempt, other = compared(cutover, EQUAL), make_cutover("looked")
    person("stranger")
    ama = browser_of("ama")
    for pk in (attempt.pk, uuid.uuid4(), Attempt.objects.get(cutover=other).pk):
        assert ama.get(reverse("parity_attempt", args=[other.slug, pk])).status_code == 404
    for address in (listed(cutover), whole(attempt), table(attempt, "churches")):
        assert browser_of("stranger").get(address).status_code == 404
        assert client.get(address).url.startswith("/accounts/login/")


@pytest.mark.parametrize("make", [lambda a: listed(a.cutover), whole, table])
def test_htmx_gets_the_part_that_changes(browser_of, cutover, make) -> None:
    page = markup_of(browser_of("yaw", htmx=True).get(make(compared(cutover, DIFFERENT))))
    assert page.startswith('<div id="live"')
    assert 'method="post"' not in page


def test_more_comparisons_tables_and_rows_take_no_more_queries(browser_of) -> None:
    counts = []
    for many in (1, 30):
        cutover = make_cutover("announced")
        for _ in range(many):
            attempt = compared(
                cutover,
                *(TableResult(f"t{n}", 1, 1) for n in range(many)),
                TableResult("members", 1, 1, changed=many, examples=DIFFERENT.examples[:1] * many),
            )
        ama = browser_of("ama")
        used = []
        for address in (listed(cutover), whole(attempt), table(attempt)):
            ama.get(address)
            with CaptureQueriesContext(connection) as queries:
                assert ama.get(address).status_code == 200
            used.append(len(queries))
        counts.append(used)
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 20


@pytest.mark.parametrize(
    ("status", "stopped"),
    [
        (AttemptStatus.SUCCEEDED, False),
        (AttemptStatus.FAILED, False),
        (AttemptStatus.RECONCILED, False),
        (AttemptStatus.ERRORED, True),
        (AttemptStatus.CANCELLED, True),
    ],
)
def test_an_attempt_with_a_result_was_not_stopped(browser_of, status: AttemptStatus, stopped: bool) -> None:
    cutover = make_cutover("announced")
    decided = "DONE" if status == AttemptStatus.RECONCILED else ""
    attempt = ended(cutover, "look", status, reconciliation=decided)
    TableProgress.objects.create(
        attempt=attempt, table="members", position=1, state="done", at=attempt.queued_at
    )
    page = Page(browser_of("ama").get(reverse("parity", args=[cutover.slug])))
    assert (f"stopped-{attempt.pk}" in page) == stopped
    assert (f"result-{attempt.pk}" in page) != stopped
