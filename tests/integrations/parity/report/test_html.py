"""The HTML report is one file without dependencies, and shows rows side by side."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from integrations.parity.__main__ import DIFFERENT, main
from integrations.parity.beyond_rows.sql_rules import Answer, SqlRule, compare_sql_rule
from integrations.parity.model.personal import PersonalColumns
from integrations.parity.report.facts import build_facts
from integrations.parity.report.html import CUT, render_page
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult
from tests.integrations.parity.conftest import Pair

VOID = {"meta"}


class MarkupReader(HTMLParser):
    """Fails on markup that is not closed in order, and keeps what is marked and what is linked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.marks: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "mark":
            self.marks.append(data)


def written(*tables: TableResult, **more: Any) -> str:
    result = ComparisonResult("live", {"address": "old"}, {"address": "new"}, tables=list(tables), **more)
    return render_page(build_facts(result, {}, PersonalColumns(), 100))


def test_it_needs_no_script_and_no_other_file() -> None:
    read = MarkupReader(
        written(TableResult("t", changed=1, examples=[DifferingRow({"id": "1"}, "changed", {})]))
    )
    assert not read.tags & {"script", "link", "img", "iframe", "object"}
    assert {value for name, value in read.attributes if name in ("href", "src")} == {"#table-1"}
    assert "url(" not in written()


def test_values_are_escaped() -> None:
    evil = "<script>alert(1)</script>"
    row = DifferingRow({evil: evil}, "changed", {evil: [evil, "x"]})
    text = written(TableResult(evil, changed=1, examples=[row], unsound=[evil], notes=[evil]))
    assert "<script" not in text
    assert "script" not in MarkupReader(text).tags


def test_tables_that_differ_come_first_and_lead_to_their_rows() -> None:
    row = DifferingRow({"id": "1"}, "missing", {"id": ["1", None]})
    text = written(TableResult("apple"), TableResult("zebra", missing=1, examples=[row]))
    assert text.index("zebra") < text.index("apple")
    read = MarkupReader(text)
    assert ("href", "#table-1") in read.attributes
    assert ("id", "table-1") in read.attributes


def test_only_the_part_that_changed_is_marked() -> None:
    row = DifferingRow({"id": "1"}, "changed", {
        "street": ["Ikorodu Road 12", "Ikorodu Road 21"],
        "meta": ['{"a": 1, "tags": ["x", "y"]}', '{"a": 1, "tags": ["x", "z"]}'],
        "notes": ["words", None],
    })  # fmt: skip
    text = written(TableResult("t", changed=1, examples=[row]))
    assert MarkupReader(text).marks == ["12", "21", "y", "z", "words"]
    assert ">NULL<" in text


def test_a_row_that_one_side_lacks_says_so() -> None:
    rows = [
        DifferingRow({"id": "1"}, "missing", {"v": ["", None]}),
        DifferingRow({}, "extra", {"v": [None, "x"]}),
    ]
    text = written(TableResult("t", missing=1, extra=1, examples=rows))
    assert text.count(">no row<") == 2
    assert ">empty text<" in text
    assert "A row without a key" in text
    assert not MarkupReader(text).marks


def test_a_long_answer_to_a_rule_says_that_it_is_not_all() -> None:
    rows: Answer = [[str(number)] for number in range(30)]
    long = compare_sql_rule(SqlRule("members", "SELECT id FROM members"), rows, rows)
    short = compare_sql_rule(SqlRule("members", "SELECT id FROM members"), rows[:3], rows[:3])
    told = [written(TableResult("t"), checks=[one]).count(CUT) for one in (long, short)]
    assert told == [1, 0]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_meets_the_accessibility_rules(tmp_path: Path, scheme: Literal["light", "dark"]) -> None:
    rows = [
        DifferingRow({"id": "1"}, "changed", {"v": ["x", "y"]}),
        DifferingRow({"id": "2"}, "missing", {"v": ["x", None]}),
    ]
    totals = [{"table": "t", "sum": "v", "by": ["c"], "equal": False,
               "groups": [{"group": ["EUR"], "source": [1, "7"], "target": None}]}]  # fmt: skip
    tables = [TableResult("t", changed=1, missing=1, examples=rows), TableResult("s")]
    sides = {"address": "old"}, {"address": "new"}
    result = ComparisonResult("sample", *sides, tables=tables, totals=totals, not_compared=["u"])
    file = tmp_path / "report.html"
    file.write_text(render_page(build_facts(result, {}, PersonalColumns(("t.name",)), 100)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = chromium.new_context(color_scheme=scheme, viewport={"width": 390, "height": 800}).new_page()
        shown.goto(file.as_uri())
        violations = Axe().run(shown).response["violations"]
        width = shown.evaluate("document.documentElement.scrollWidth")
        chromium.close()
    assert [one["id"] for one in violations] == []
    assert width <= 390


def test_the_command_line_writes_it(pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'one two'), (2, 'x')")
    pair.both("create table same (id int primary key)", "insert into same values (1)")
    pair.target.run("update t set v = 'one three' where id = 1")
    file = tmp_path / "report.html"
    assert main([pair.source.url, pair.target.url, "--html", str(file)]) == DIFFERENT
    read = MarkupReader(file.read_text())
    assert read.marks == ["wo", "hree"] or read.marks == ["two", "three"]
    assert "1 row differs in 1 table" in file.read_text()
