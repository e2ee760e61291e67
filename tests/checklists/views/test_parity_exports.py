"""Comparisons as files: complete, safe in a spreadsheet, streamed, masked for stakeholders."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from checklists.comparisons import export
from checklists.comparisons.export import csv_line
from checklists.executor.writers.row_differences import row_to_store
from checklists.models import Attempt, RowDifference
from integrations.parity.result import TableResult
from integrations.redact import Redactor
from tests.checklists.histories import make_cutover, person
from tests.checklists.views.test_parity import compared
from tests.checklists.views.test_parity_rows import differing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def attempt(transactional_db) -> Attempt:
    made = compared(
        make_cutover("announced"),
        TableResult("gifts", 5, 5),
        TableResult("members", 9_000, 8_960, changed=80, missing=40, digest="b" * 64),
        personal=("members.email",),
    )
    differing(made, 120)
    return made


def address(attempt: Attempt, name: str) -> str:
    return reverse(name, args=[attempt.cutover.slug, attempt.pk])


def rows_of(client: Any, attempt: Attempt, query: str = "") -> list[dict[str, str]]:
    """The CSV as a reader sees it."""
    response = client.get(f"{address(attempt, 'parity_rows_csv')}{query}")
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith('attachment; filename="sample-')
    assert response["Cache-Control"] == "no-store, private"

    async def whole() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    return list(csv.DictReader(io.StringIO(async_to_sync(whole)().decode())))


def test_every_kept_row_is_in_the_csv_column_by_column(browser_of, attempt: Attempt, monkeypatch) -> None:
    monkeypatch.setattr(export, "ROWS_PER_BATCH", 7)  # many batches, and none lost between them
    rows = rows_of(browser_of("ama"), attempt)
    assert [int(one["row"]) for one in rows if one["column"] == "email"] == list(range(1, 121))
    assert len(rows) == 180
    assert rows[1] == {
        "table": "members", "row": "2", "kind": "changed", "key": "id 1", "column": "email",
        "before is": "value", "before": "m1@example.org",
        "after is": "value", "after": "m1@example.com", "paths that differ": "",
    }  # fmt: skip
    assert (rows[2]["after is"], rows[2]["after"]) == ("null", "")
    assert (rows[3]["kind"], rows[3]["after is"]) == ("missing", "no row")


def test_the_filter_of_the_address_holds_for_the_csv(browser_of, attempt: Attempt) -> None:
    ama = browser_of("ama")
    assert {one["kind"] for one in rows_of(ama, attempt, "?table=members&kind=missing")} == {"missing"}
    assert {one["row"] for one in rows_of(ama, attempt, "?q=m5%40example.org")} == {"6"}
    assert rows_of(ama, attempt, "?table=gifts") == []


@pytest.mark.parametrize("name", ["yaw", "root"])
def test_a_stakeholder_gets_no_personal_value_in_any_file(browser_of, attempt: Attempt, name: str) -> None:
    person("root", is_superuser=True)
    client = browser_of(name)
    rows = rows_of(client, attempt)
    assert {one["before is"] for one in rows if one["column"] == "email"} == {"hidden"}
    assert "@example" not in str(rows)
    assert rows_of(client, attempt, "?q=m5%40example.org") == []
    for page in ("parity_report", "parity_tables_csv"):
        response = client.get(address(attempt, page))
        assert response.status_code == 200
        assert "@example" not in response.content.decode()


EVIL = '=HYPERLINK("http://x";"y")'


@pytest.mark.parametrize(
    "text", [EVIL, "+1", "-1", "@x", "\tx", "\rx", "\nx", "  =1", "＝1", "=cmd|' /C calc'!A0"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    (cells,) = csv.reader(io.StringIO(csv_line([text, 7, None, "plain"])))
    assert cells == [f"'{text}", "7", "", "plain"]


def test_names_and_keys_are_no_formulas_either(browser_of, attempt: Attempt) -> None:
    given = {"table": EVIL, "kind": "changed", "key": {EVIL: EVIL}, "columns": {EVIL: [EVIL, None]}}
    kept = row_to_store({**given, "paths": {EVIL: [EVIL]}, "personal": []}, Redactor())
    RowDifference.objects.create(attempt=attempt, number=900, **kept)
    one = rows_of(browser_of("ama"), attempt)[-1]
    texts = [
        value for name, value in one.items() if name not in ("row", "kind", "before is", "after is", "after")
    ]
    assert len(texts) == 5
    assert all(text.startswith("'=") for text in texts)


def test_the_tables_are_a_csv_too(browser_of, attempt: Attempt) -> None:
    response = browser_of("ama").get(address(attempt, "parity_tables_csv"))
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [(one["table"], one["equal"], one["differ"], one["rows after"]) for one in rows] == [
        ("members", "no", "120", "8960"),
        ("gifts", "yes", "0", "5"),
    ]


def test_the_report_is_a_page_that_needs_nothing_else(browser_of, attempt: Attempt) -> None:
    response = browser_of("ama").get(address(attempt, "parity_report"))
    page = response.content.decode()
    assert response["Content-Disposition"].endswith('.html"')
    assert "<script" not in page
    assert "<link" not in page
    assert "sprite" not in page
    assert '<base href="http://testserver/">' in page
    assert "REHEARSAL" in page
    assert "120 rows differ </span> in 1 of 2 tables" in " ".join(page.split())
    assert "<del>m1@example.<mark>org</mark></del>" in page
    assert "120 rows are kept; the first 100 are here, all of them in the CSV." in page


def test_files_of_another_s_cutover_are_not_there(browser_of, attempt: Attempt, client) -> None:
    for name in ("parity_rows_csv", "parity_tables_csv", "parity_report"):
        assert browser_of("stranger").get(address(attempt, name)).status_code == 404
        assert client.get(address(attempt, name)).url.startswith("/accounts/login/")
