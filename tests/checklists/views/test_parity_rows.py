"""Rows that differ: filters, search, pages, one row; masked for stakeholders; running comparisons."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists.executor.writers.row_differences import row_to_store
from checklists.models import Attempt, Cutover, RowDifference, TableProgress
from checklists.models.audit import database_now
from checklists.states import AttemptStatus
from integrations.parity.result import DifferingRow, TableResult
from integrations.redact import Redactor
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover, person
from tests.checklists.views.pages import Page, markup_of, words_of
from tests.checklists.views.test_parity import compared, table, whole

pytestmark = pytest.mark.django_db


def differing(attempt: Attempt, rows: int, name: str = "members", **more: Any) -> None:
    """Keeps that many rows, as the executor does: two of three changed, every third missing."""
    first = 1 + attempt.differences.count()
    for start in range(0, rows, 1_000):  # a transaction that says nothing for long is ended
        places = range(start, min(start + 1_000, rows))
        RowDifference.objects.bulk_create(_made(attempt, first, name, places, more))


def _made(
    attempt: Attempt, first: int, name: str, places: range, more: dict[str, Any]
) -> Iterator[RowDifference]:
    for n in places:
        kind = "missing" if n % 3 == 2 else "changed"
        columns = {"email": [f"m{n}@example.org", None if kind == "missing" else f"m{n}@example.com"]}
        if n % 2:
            columns["bio"] = [f"words {n}", None]
        row = {"table": name, "kind": kind, "key": {"id": str(n)}, "columns": columns, "paths": {}}
        kept = row_to_store({**row, "personal": ["email"], **more}, Redactor())
        yield RowDifference(attempt=attempt, number=first + n, **kept)


@pytest.fixture
def cutover(db) -> Cutover:
    return make_cutover("announced")


@pytest.fixture
def attempt(cutover: Cutover) -> Attempt:
    made = compared(
        cutover,
        TableResult("members", 9_000, 9_000, changed=80, missing=40),
        told={"by_column": {"email": 80, "bio": 40}},
    )
    differing(made, 120)
    return made


def row(attempt: Attempt, number: int, **query: str) -> str:
    address = reverse("parity_row", args=[attempt.cutover.slug, attempt.pk, number])
    return f"{address}?{urlencode(query)}" if query else address


def keys_in(response: Any) -> list[str]:
    return re.findall(r"<code>(id \d+)</code>", response.content.decode())


def test_a_page_has_fifty_rows_and_leads_on_and_back(browser_of, attempt: Attempt) -> None:
    ama = browser_of("ama")
    first = ama.get(table(attempt))
    assert keys_in(first) == [f"id {n}" for n in range(50)]
    assert "1 to 50 of 120" in words_of(first)
    assert 'rel="next"' in markup_of(first)
    assert 'rel="prev"' not in markup_of(first)
    second = ama.get(f"{table(attempt)}?after=50")
    assert keys_in(second) == [f"id {n}" for n in range(50, 100)]
    third = ama.get(f"{table(attempt)}?after=100")
    assert keys_in(third) == [f"id {n}" for n in range(100, 120)]
    assert 'rel="next"' not in markup_of(third)
    back = ama.get(f"{table(attempt)}?before=101")
    assert keys_in(back) == keys_in(second)


def test_rows_are_filtered_by_kind_and_by_the_column_that_changed(browser_of, attempt: Attempt) -> None:
    ama = browser_of("ama")
    page = ama.get(f"{table(attempt)}?kind=missing")
    assert keys_in(page)[:3] == ["id 2", "id 5", "id 8"]
    assert "40 rows fit" in words_of(page)
    page = ama.get(f"{table(attempt)}?column=bio")
    assert keys_in(page)[:3] == ["id 1", "id 3", "id 7"]
    assert "40 rows fit" in words_of(page)
    assert "10 rows fit" in words_of(ama.get(f"{table(attempt)}?column=bio&q=words+1"))
    page = ama.get(f"{table(attempt)}?kind=extra")
    assert "No row fits." in words_of(page)
    assert "120 of them" not in words_of(page)


@pytest.mark.parametrize(
    ("words", "found"),
    [("words 7", 6), ("M117@EXAMPLE.COM", 1), ("m118@example.com", 1), ("%", 0), ("_", 0), ("'", 0)],
)
def test_rows_are_searched_by_key_and_value(browser_of, attempt: Attempt, words: str, found: int) -> None:
    page = browser_of("ama").get(f"{table(attempt)}?{urlencode({'q': words})}")
    fit = re.search(r"(\d+) rows? fits? ", words_of(page))
    assert (int(fit[1]) if fit else None) == found


@pytest.mark.parametrize(
    "query", ["kind=nonsense", "after=x", "before=-1", "q=%01", f"after={'9' * 30}", "column=%01"]
)
def test_nonsense_in_the_address_does_no_harm(browser_of, attempt: Attempt, query: str) -> None:
    assert browser_of("ama").get(f"{table(attempt)}?{query}").status_code == 200


def test_kinds_columns_and_declared_rules_are_counted_and_lead_to_their_rows(browser_of, cutover) -> None:
    result = TableResult(
        "members", 9, 9, changed=3, missing=2, extra=1, declared=7,
        declared_by={"members.bio: NULL is 'x'": 7}, examples=[DifferingRow({"id": "1"}, "missing", {})],
    )  # fmt: skip
    attempt = compared(cutover, result, told={"by_column": {"email": 2, "a&b": 1}})
    response = browser_of("ama").get(table(attempt))
    page = words_of(response)
    assert "changed 3 email 2 a&amp;b 1 missing after 2 only after 1 declared 7 members.bio" in page
    assert 'href="?kind=missing#rows-title"' in response.content.decode()
    assert 'href="?column=a%26b#rows-title"' in response.content.decode()


def test_a_row_has_a_page_that_marks_words_and_keeps_the_filter(browser_of, attempt: Attempt) -> None:
    ama = browser_of("ama")
    response = ama.get(row(attempt, 4, column="bio", q="words"))
    page = markup_of(response)
    assert "members <code>id 3</code>" in page
    assert "<del>m3@example.<mark>org</mark></del>" in page
    links = re.findall(r'rel="(prev|next)" href="([^"]+)"', page)
    assert links == [
        ("prev", row(attempt, 2, column="bio", q="words").replace("&", "&amp;")),
        ("next", row(attempt, 8, column="bio", q="words").replace("&", "&amp;")),
    ]
    assert f"{table(attempt)}?column=bio&amp;q=words#row-4" in page


def test_json_is_shown_by_its_paths_and_lines(browser_of, cutover) -> None:
    attempt = compared(cutover, TableResult("members", 1, 1, changed=1))
    columns = {"data": ['{"town": "Accra", "n": 1}', '{"town": "Tema", "n": 1}']}
    given = {"table": "members", "kind": "changed", "key": {"id": "1"}, "columns": columns, "personal": []}
    kept = row_to_store({**given, "paths": {"data": ["$.town"]}}, Redactor())
    RowDifference.objects.create(attempt=attempt, number=1, **kept)
    page = browser_of("ama").get(row(attempt, 1)).content.decode()
    assert '<code class="path">$.town</code>' in page
    assert "&quot;town&quot;: &quot;<mark>Accra</mark>&quot;" in page


def test_versions_that_look_alike_are_not_called_the_same(browser_of, cutover) -> None:
    attempt = compared(cutover, TableResult("members", 1, 1, changed=1))
    same = ["x" * 500, "x" * 500]  # cut by the engine before they differ
    given = {"table": "members", "kind": "changed", "key": {"id": "1"}, "columns": {"essay": same}}
    kept = row_to_store({**given, "paths": {}, "personal": []}, Redactor())
    RowDifference.objects.create(attempt=attempt, number=1, **kept)
    assert "the difference comes later" in words_of(browser_of("ama").get(row(attempt, 1)))


@pytest.mark.parametrize("number", [0, 121, 10**12])
def test_a_row_that_was_not_kept_is_not_there(browser_of, attempt: Attempt, number: int) -> None:
    assert browser_of("ama").get(row(attempt, number)).status_code == 404


def test_a_row_of_another_cutover_is_not_there(browser_of, attempt: Attempt, client) -> None:
    other = make_cutover("announced")
    wrong = reverse("parity_row", args=[other.slug, attempt.pk, 1])
    assert browser_of("ama").get(wrong).status_code == 404
    assert browser_of("stranger").get(row(attempt, 1)).status_code == 404
    assert client.get(row(attempt, 1)).url.startswith("/accounts/login/")


# ── what is personal ────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["yaw", "root"])
def test_a_stakeholder_sees_and_finds_no_personal_value(browser_of, attempt: Attempt, name: str) -> None:
    person("root", is_superuser=True)  # sees every cutover, and has a part in none
    watcher = browser_of(name)
    for address in (table(attempt), row(attempt, 4), whole(attempt), f"{table(attempt)}?column=email"):
        page = watcher.get(address).content.decode()
        assert "@example" not in page, address
        assert "words" not in page, f"{address}: not declared harmless"
    assert "hidden" in words_of(watcher.get(row(attempt, 4)))
    for words in ("m118%40example.com", "words+1"):
        assert "No row fits." in words_of(watcher.get(f"{table(attempt)}?q={words}"))


def test_a_stakeholder_sees_the_columns_that_are_declared_harmless(browser_of, attempt: Attempt) -> None:
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(params={"harmless": ["members.bio", "members.id"]})
    page = words_of(browser_of("yaw").get(row(attempt, 4)))
    assert "words 3" in page
    assert "@example" not in page


@pytest.mark.parametrize("name", ["ama", "efua"])
def test_leads_and_approvers_see_all_values(browser_of, attempt: Attempt, name: str) -> None:
    assert "m3@example" in browser_of(name).get(row(attempt, 4)).content.decode()


def test_repair_is_shown_never_run_and_hidden_where_something_is_personal(browser_of, cutover) -> None:
    sql = "UPDATE public.members SET email = 'm1@example.org' WHERE id = 1;"
    result = TableResult("members", 9, 9, changed=1)
    attempt = compared(cutover, result, personal=("members.email",), told={"repair": [sql]})
    page = markup_of(browser_of("ama").get(table(attempt)))
    assert "The panel never runs this." in page
    assert "UPDATE public.members SET email = &#x27;m1@example.org&#x27; WHERE id = 1;" in page
    assert 'data-copy="repair-sql"' in page
    assert "example.org" not in browser_of("yaw").get(table(attempt)).content.decode()
    undeclared = compared(cutover, result, told={"repair": [sql]})
    assert "UPDATE public.members" not in markup_of(browser_of("yaw").get(table(undeclared)))


def test_no_value_is_on_the_page_of_the_item_or_in_the_record(browser_of, cutover) -> None:
    example = DifferingRow({"id": "1"}, "changed", {"email": ["m1@example.org", None]})
    attempt = compared(
        cutover, TableResult("members", 9, 9, changed=1, examples=[example]), personal=("members.email",)
    )
    yaw = browser_of("yaw")
    assert "example.org" not in yaw.get(table(attempt)).content.decode()
    for name, more in (
        ("item", ["look"]),
        ("record", []),
        ("runbook", []),
        ("status", []),
    ):
        response = yaw.get(reverse(name, args=[cutover.slug, *more]))
        assert response.status_code == 200
        assert "example.org" not in response.content.decode(), name


# ── how much ────────────────────────────────────────────────────────────────


def test_ten_thousand_rows_are_as_few_queries_as_ten_and_a_deep_page_is_read_by_the_index(
    browser_of, cutover
) -> None:
    ama, queries, seconds = browser_of("ama"), [], []
    for rows in (10, 10_000):
        attempt = compared(cutover, TableResult("members", 20_000, 20_000, changed=rows))
        differing(attempt, rows)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE checklists_rowdifference")
        addresses = [
            table(attempt),
            f"{table(attempt)}?kind=changed&q=m{rows - 3}%40",
            row(attempt, rows - 2),
        ]
        ama.get(addresses[0])
        for address in addresses:
            began = time.monotonic()
            with CaptureQueriesContext(connection) as captured:
                assert ama.get(address).status_code == 200
            queries.append(len(captured))
            seconds.append(time.monotonic() - began)
    assert queries[:3] == queries[3:]
    assert max(queries) <= 20
    assert max(seconds) < 10  # a fraction of a second on a machine that has nothing else to do
    plan = plan_of_page(attempt, after=8_000)
    assert "Index Scan" in plan
    assert "Sort" not in plan


def plan_of_page(attempt: Attempt, *, after: int) -> str:
    """How PostgreSQL reads the page of rows that follows that number."""
    with connection.cursor() as cursor:
        cursor.execute(
            'EXPLAIN SELECT * FROM checklists_rowdifference WHERE attempt_id = %s AND "table" = %s'
            " AND number > %s ORDER BY number LIMIT 50",
            [attempt.pk, "members", after],
        )
        return "\n".join(line for (line,) in cursor.fetchall())


# ── while it runs ───────────────────────────────────────────────────────────


def running(cutover: Cutover, status: AttemptStatus = AttemptStatus.RUNNING) -> Attempt:
    """A comparison of three tables: one done and different, one half read, one that waits."""
    attempt = ended(
        cutover, "look", status, action="parity.compare", progress_done=150, progress_total=400,
        progress_what="gifts",
    )  # fmt: skip
    found = {"equal": False, "differing": 2, "source_rows": 500, "target_rows": 499}
    tables = [
        ("members", "done", 100, 100, found),
        ("gifts", "reading", 200, 50, {}),
        ("notes", "waiting", 9, 0, {}),
    ]
    for position, (name, state, pages, done, counts) in enumerate(tables, 1):
        TableProgress.objects.create(
            attempt=attempt, table=name, position=position, state=state, pages=pages, pages_done=done,
            seconds=2 * bool(done), seconds_left=6 if state == "reading" else None, found=counts,
            at=database_now(),
        )  # fmt: skip
    differing(attempt, 2)
    return attempt


def test_while_it_runs_each_table_says_how_far_it_is(browser_of, cutover) -> None:
    attempt = running(cutover)
    response = browser_of("yaw").get(whole(attempt))
    assert Page(response).state == "running"
    assert Page(response).states("table-") == {
        "members": "differing",
        "gifts": "reading",
        "notes": "waiting",
    }
    page = words_of(response)
    assert "Comparing: 1 of 3 tables done; 2 rows differ so far" in page
    assert "50 of 200 pages, 204.8 kB/s, about 6 s left" in page
    assert "notes waits" in page
    assert page.rindex("members") < page.rindex("gifts") < page.rindex("notes")
    assert "it counts for a gate only when all is done" in page
    assert "progress from:#stream" in browser_of("yaw").get(whole(attempt)).content.decode()


def test_rows_of_a_table_are_there_before_the_comparison_ends(browser_of, cutover) -> None:
    attempt = running(cutover)
    page = browser_of("ama").get(table(attempt))
    assert "The comparison still runs" in words_of(page)
    assert keys_in(page) == ["id 0", "id 1"]
    assert "50 of 200 pages" in words_of(browser_of("ama").get(table(attempt, "gifts")))


def test_the_list_leads_to_what_runs(browser_of, cutover) -> None:
    attempt = running(cutover)
    page = browser_of("ama").get(reverse("parity", args=[cutover.slug]))
    assert "The first comparison is under way." in words_of(page)
    assert whole(attempt) in page.content.decode()


def test_a_comparison_that_has_not_begun_says_so(browser_of, cutover) -> None:
    attempt = ended(cutover, "look", AttemptStatus.QUEUED, action="parity.compare")
    assert "The comparison has not read anything yet." in words_of(browser_of("ama").get(whole(attempt)))


@pytest.mark.parametrize(
    "status", [AttemptStatus.CANCELLED, AttemptStatus.ERRORED, AttemptStatus.TIMED_OUT, AttemptStatus.UNKNOWN]
)
def test_a_comparison_that_stopped_is_no_result(browser_of, cutover, status: AttemptStatus) -> None:
    attempt = running(cutover, status)
    page = Page(browser_of("ama").get(whole(attempt)))
    assert page.state == "stopped"
    assert "Stopped before it was done: 1 of 3 tables were compared" in page["headline"].words
    assert page["tables-title"].words.startswith("3 tables")
    listed = browser_of("ama").get(reverse("parity", args=[cutover.slug]))
    assert Page(listed).state == "none"
    assert "Stopped before they were done" in words_of(listed)
    assert whole(attempt) in listed.content.decode()


def test_a_comparison_that_only_tells_is_not_called_equal(browser_of, cutover) -> None:
    attempt = compared(cutover, TableResult("members", 9, 9, changed=1), only_tell=True)
    assert attempt.status == AttemptStatus.SUCCEEDED
    ama = browser_of("ama")
    assert Page(ama.get(reverse("parity", args=[cutover.slug]))).state == "unequal"
    assert Page(ama.get(whole(attempt))).state == "differing"


def test_a_sample_says_that_it_is_one_and_never_equal(browser_of, cutover) -> None:
    notice = "only a sample of about 5 % of its rows was read"
    tables = [TableResult(name, 9, 9, mode="sample", unsound=[notice]) for name in ("members", "gifts")]
    attempt = compared(cutover, *tables, mode="sample")
    page = Page(browser_of("ama").get(whole(attempt)))
    assert page.state == "sampled"
    assert page.states("table-") == {"members": "sampled", "gifts": "sampled"}
    assert "A sample, and no more: in the rows that were read nothing differs" in page["headline"].words
    assert Page(browser_of("ama").get(table(attempt))).state == "sampled"
    assert "a sample only" in words_of(browser_of("ama").get(reverse("parity", args=[cutover.slug])))


def test_how_differences_fell_is_drawn_and_listed(browser_of) -> None:
    for changed in (40, 0):
        cutover = make_cutover("announced")
        attempt = compared(cutover, TableResult("members", 99, 99, changed=changed, digest="d"))
    response = browser_of("ama").get(reverse("parity_history", args=[cutover.slug]))
    page = words_of(response)
    assert "40 rows differed at first, none at the last of 2 comparisons" in page
    assert "<polyline" in response.content.decode()
    assert whole(attempt) in response.content.decode()
