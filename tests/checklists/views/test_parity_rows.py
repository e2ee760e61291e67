"""Rows that differ: filtered, searched, turned over page by page, one by one; masked for who only watches."""

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

from checklists.executor.differing import kept_row
from checklists.models import Attempt, Cutover, RowDifference, TableProgress
from checklists.models.audit import database_now
from checklists.states import AttemptStatus
from integrations.parity.result import Example, TableResult
from integrations.redact import Redactor
from tests.checklists.histories import ended, make_cutover, person
from tests.checklists.views.test_parity import compared, table, text_of, whole, words_of

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
        kept = kept_row({**row, "personal": ["email"], **more}, Redactor())
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


def keys_in(answer: Any) -> list[str]:
    return re.findall(r"<code>(id \d+)</code>", answer.content.decode())


def test_a_page_has_fifty_rows_and_leads_on_and_back(browser_of, attempt: Attempt) -> None:
    ama = browser_of("ama")
    first = ama.get(table(attempt))
    assert keys_in(first) == [f"id {n}" for n in range(50)]
    assert "1 to 50 of 120" in words_of(first)
    assert 'rel="next"' in text_of(first)
    assert 'rel="prev"' not in text_of(first)
    second = ama.get(f"{table(attempt)}?after=50")
    assert keys_in(second) == [f"id {n}" for n in range(50, 100)]
    third = ama.get(f"{table(attempt)}?after=100")
    assert keys_in(third) == [f"id {n}" for n in range(100, 120)]
    assert 'rel="next"' not in text_of(third)
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
    "query", ["kind=nonsense", "after=x", "before=-1", "q=%00", f"after={'9' * 30}", "column=%00"]
)
def test_nonsense_in_the_address_does_no_harm(browser_of, attempt: Attempt, query: str) -> None:
    assert browser_of("ama").get(f"{table(attempt)}?{query}").status_code == 200


def test_kinds_columns_and_declared_rules_are_counted_and_lead_to_their_rows(browser_of, cutover) -> None:
    result = TableResult(
        "members", 9, 9, changed=3, missing=2, extra=1, declared=7,
        declared_by={"members.bio: NULL is 'x'": 7}, examples=[Example({"id": "1"}, "missing", {})],
    )  # fmt: skip
    attempt = compared(cutover, result, told={"by_column": {"email": 2, "a&b": 1}})
    answer = browser_of("ama").get(table(attempt))
    page = words_of(answer)
    assert "changed 3 email 2 a&amp;b 1 missing after 2 only after 1 declared 7 members.bio" in page
    assert 'href="?kind=missing#rows-title"' in answer.content.decode()
    assert 'href="?column=a%26b#rows-title"' in answer.content.decode()


def test_a_row_has_a_page_that_marks_words_and_keeps_the_filter(browser_of, attempt: Attempt) -> None:
    ama = browser_of("ama")
    answer = ama.get(row(attempt, 4, column="bio", q="words"))
    page = text_of(answer)
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
    kept = kept_row({**given, "paths": {"data": ["$.town"]}}, Redactor())
    RowDifference.objects.create(attempt=attempt, number=1, **kept)
    page = browser_of("ama").get(row(attempt, 1)).content.decode()
    assert '<code class="path">$.town</code>' in page
    assert "&quot;town&quot;: &quot;<mark>Accra</mark>&quot;" in page


def test_versions_that_look_alike_are_not_called_the_same(browser_of, cutover) -> None:
    attempt = compared(cutover, TableResult("members", 1, 1, changed=1))
    same = ["x" * 500, "x" * 500]  # cut by the engine before they differ
    given = {"table": "members", "kind": "changed", "key": {"id": "1"}, "columns": {"essay": same}}
    kept = kept_row({**given, "paths": {}, "personal": []}, Redactor())
    RowDifference.objects.create(attempt=attempt, number=1, **kept)
    assert "they differ further on" in words_of(browser_of("ama").get(row(attempt, 1)))


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
def test_who_only_watches_sees_no_personal_value_and_finds_none(
    browser_of, attempt: Attempt, name: str
) -> None:
    person("root", is_superuser=True)  # sees every cutover, and has a part in none
    watcher = browser_of(name)
    for address in (table(attempt), row(attempt, 4), whole(attempt), f"{table(attempt)}?column=email"):
        page = watcher.get(address).content.decode()
        assert "@example" not in page, address
    assert "hidden: personal" in words_of(watcher.get(row(attempt, 4)))
    assert "words 3" in words_of(watcher.get(row(attempt, 4)))  # the rest is there
    assert "No row fits." in words_of(watcher.get(f"{table(attempt)}?q=m118%40example.com"))
    assert "id 1" in keys_in(watcher.get(f"{table(attempt)}?q=words+1"))


@pytest.mark.parametrize("name", ["ama", "efua"])
def test_who_works_on_it_sees_all_of_it(browser_of, attempt: Attempt, name: str) -> None:
    assert "m3@example" in browser_of(name).get(row(attempt, 4)).content.decode()


def test_repair_is_shown_never_run_and_hidden_where_something_is_personal(browser_of, cutover) -> None:
    sql = "UPDATE public.members SET email = 'm1@example.org' WHERE id = 1;"
    result = TableResult("members", 9, 9, changed=1)
    attempt = compared(cutover, result, personal=("members.email",), told={"repair": [sql]})
    page = text_of(browser_of("ama").get(table(attempt)))
    assert "The panel never runs this." in page
    assert "UPDATE public.members SET email = &#x27;m1@example.org&#x27; WHERE id = 1;" in page
    assert 'data-copy="repair-sql"' in page
    assert "example.org" not in browser_of("yaw").get(table(attempt)).content.decode()
    open_to_all = compared(cutover, result, told={"repair": [sql]})
    assert "UPDATE public.members" in text_of(browser_of("yaw").get(table(open_to_all)))


def test_no_value_is_on_the_page_of_the_item_or_in_the_record(browser_of, cutover) -> None:
    example = Example({"id": "1"}, "changed", {"email": ["m1@example.org", None]})
    attempt = compared(
        cutover, TableResult("members", 9, 9, changed=1, examples=[example]), personal=("members.email",)
    )
    yaw = browser_of("yaw")
    assert "example.org" not in yaw.get(table(attempt)).content.decode()
    for name, more in (
        ("item", ["look"]),
        ("record", []),
        ("record-export", []),
        ("runbook", []),
        ("status", []),
    ):
        answer = yaw.get(reverse(name, args=[cutover.slug, *more]))
        assert answer.status_code == 200
        assert "example.org" not in answer.content.decode(), name


# ── how much ────────────────────────────────────────────────────────────────


def test_ten_thousand_rows_are_as_few_queries_as_ten_and_no_slower_page(browser_of, cutover) -> None:
    ama, used, took = browser_of("ama"), [], []
    for many in (10, 10_000):
        attempt = compared(cutover, TableResult("members", 20_000, 20_000, changed=many))
        differing(attempt, many)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE checklists_rowdifference")
        addresses = [
            table(attempt),
            f"{table(attempt)}?kind=changed&q=m{many - 3}%40",
            row(attempt, many - 2),
        ]
        ama.get(addresses[0])
        for address in addresses:
            began = time.monotonic()
            with CaptureQueriesContext(connection) as queries:
                assert ama.get(address).status_code == 200
            used.append(len(queries))
            took.append(time.monotonic() - began)
    assert used[:3] == used[3:]
    assert max(used) <= 20
    assert max(took) < 10  # a fraction of a second on a machine that has nothing else to do


def test_a_page_deep_inside_is_read_by_the_index(attempt: Attempt) -> None:
    compared_again = compared(attempt.cutover, TableResult("members", 9, 9, changed=9_000))
    differing(compared_again, 9_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE checklists_rowdifference")
        cursor.execute(
            'EXPLAIN SELECT * FROM checklists_rowdifference WHERE attempt_id = %s AND "table" = %s'
            " AND number > 8000 ORDER BY number LIMIT 50",
            [compared_again.pk, "members"],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Index Scan" in plan
    assert "Sort" not in plan


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
    page = words_of(browser_of("yaw").get(whole(attempt)))
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
    page = words_of(browser_of("ama").get(whole(attempt)))
    assert "Stopped before it was done: 1 of 3 tables were compared" in page
    assert "It is no result: nothing can rely on it." in page
    assert page.count("not compared") == 2
    assert "Equal" not in page
    listed = browser_of("ama").get(reverse("parity", args=[cutover.slug]))
    assert "Nothing was compared yet." in words_of(listed)
    assert "Stopped before they were done" in words_of(listed)
    assert whole(attempt) in listed.content.decode()


def test_a_comparison_that_only_tells_is_not_called_equal(browser_of, cutover) -> None:
    attempt = compared(cutover, TableResult("members", 9, 9, changed=1), only_tell=True)
    assert attempt.status == AttemptStatus.SUCCEEDED
    ama = browser_of("ama")
    assert "Not equal when it was last compared" in words_of(ama.get(reverse("parity", args=[cutover.slug])))
    assert "1 row differs in 1 of 1 tables" in words_of(ama.get(whole(attempt)))


def test_a_sample_says_that_it_is_one_and_never_equal(browser_of, cutover) -> None:
    notice = "only a sample of about 5 % of its rows was looked at"
    tables = [TableResult(name, 9, 9, mode="sample", unsound=[notice]) for name in ("members", "gifts")]
    attempt = compared(cutover, *tables, mode="sample")
    page = words_of(browser_of("ama").get(whole(attempt)))
    assert "A sample, and no more: in the rows that were read nothing differs" in page
    assert "Equal:" not in page
    assert page.count("nothing differs in the sample") == 2
    assert "not all could be compared" not in page
    assert "members: nothing differs in the sample" in words_of(browser_of("ama").get(table(attempt)))
    assert "a sample only" in words_of(browser_of("ama").get(reverse("parity", args=[cutover.slug])))


def test_how_differences_fell_is_drawn_and_listed(browser_of) -> None:
    for changed in (40, 0):
        cutover = make_cutover("announced")
        attempt = compared(cutover, TableResult("members", 99, 99, changed=changed, digest="d"))
    answer = browser_of("ama").get(reverse("parity_history", args=[cutover.slug]))
    page = words_of(answer)
    assert "40 rows differed at first, none at the last of 2 comparisons" in page
    assert "<polyline" in answer.content.decode()
    assert whole(attempt) in answer.content.decode()
