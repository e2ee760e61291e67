"""What a comparison tells: the verdict, the rows that were kept, and nothing that is personal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.parity.__main__ import main
from integrations.parity.model.personal import MASK, PersonalColumns
from integrations.parity.report.facts import COULD_NOT, DIFFERENT, EQUAL, RowCollector, build_facts, exit_code
from integrations.parity.result import ComparisonResult, DifferingRow, TableResult
from tests.integrations.parity.conftest import Pair

NAME, MAIL = "Ngozi Adeyemi", "ngozi@parish.example"


def result(*tables: TableResult, **more: Any) -> ComparisonResult:
    return ComparisonResult("live", {"address": "a"}, {"address": "b"}, tables=list(tables), **more)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (result(TableResult("t")), EQUAL),
        (result(TableResult("t", changed=1)), DIFFERENT),
        (result(TableResult("t", unsound=["no common form"])), COULD_NOT),
        (result(TableResult("t", changed=1, unsound=["no common form"])), DIFFERENT),
        (result(), COULD_NOT),
        (result(TableResult("t"), unsound=["f is a foreign table"]), COULD_NOT),
        (result(TableResult("t"), schema={"undeclared": ["new table u"]}), DIFFERENT),
        (result(TableResult("t"), sequences=[{"sequence": "s", "reason": "", "next": 1, "highest": 2}]),
         DIFFERENT),
        (result(TableResult("t"), sequences=[{"sequence": "s", "reason": "no right to read it"}]), COULD_NOT),
        (result(TableResult("t"), totals=[{"table": "t", "equal": False, "groups": []}]), DIFFERENT),
        (result(TableResult("t"), totals=[{"table": "t", "equal": False, "reason": "no column x"}]),
         COULD_NOT),
    ],
)  # fmt: skip
def test_the_exit_code_tells_different_from_unknown(found: ComparisonResult, code: int) -> None:
    assert exit_code(found) == code


def test_reported_rows_are_kept_up_to_a_limit() -> None:
    kept = RowCollector(3)
    for number in range(5):
        kept.add("t", DifferingRow({"id": str(number)}, "missing", {"id": [str(number), None]}))
    (table,) = build_facts(result(TableResult("t", missing=5)), kept.rows, PersonalColumns(), 3)["tables"]
    assert [row["key"]["id"] for row in table["examples"]] == ["0", "1", "2"]
    assert table["examples_cut"]


def test_rows_that_settled_are_not_shown_as_different() -> None:
    gone, stays = (DifferingRow({"id": n}, "changed", {"v": ["1", "2"]}) for n in ("1", "2"))
    table = TableResult("t", changed=1, settled=1, examples=[stays])
    (shown,) = build_facts(result(table), {"t": [gone, stays]}, PersonalColumns(), 10)["tables"]
    assert [row["key"]["id"] for row in shown["examples"]] == ["2"]


def test_a_pattern_hides_key_values_paths_groups_and_places() -> None:
    row = DifferingRow({"email": MAIL}, "changed", {"name": [NAME, None], "age": ["7", "8"]})
    table = TableResult("donors", changed=1, key=["email"], examples=[row], places=[f"email {MAIL} to z"])
    totals = [{"table": "donors", "sum": "age", "by": ["name"], "equal": False,
               "groups": [{"group": [NAME], "source": [1, "7"], "target": None}]}]  # fmt: skip
    personal = PersonalColumns(("donors.email", "*.name"))
    facts = build_facts(result(table, totals=totals), {}, personal, 10)
    assert NAME not in json.dumps(facts, ensure_ascii=False)
    assert MAIL not in json.dumps(facts)
    (shown,) = facts["tables"][0]["examples"]
    assert shown["key"] == {"email": MASK}
    assert shown["columns"] == {"name": [MASK, None], "age": ["7", "8"]}
    assert facts["totals"][0]["groups"] == [{"group": [MASK], "source": [1, "7"], "target": None}]


def test_repair_sql_with_personal_values_and_answers_of_rules_are_hidden() -> None:
    table = {"table": "donors", "key": ["id"], "places": [], "repair": [f"UPDATE donors SET name = '{NAME}'"],
             "by_column": {"name": 1}, "examples": []}  # fmt: skip
    spot = {"table": "donors", "key": {"name": NAME}, "columns": {"age": ["7", "8"]}, "equal": False}
    check = {"name": "a rule", "equal": False, "source": NAME, "target": "x"}
    facts = PersonalColumns(("donors.name",)).mask({"tables": [table], "spots": [spot], "checks": [check]})
    assert NAME not in json.dumps(facts, ensure_ascii=False)
    assert facts["spots"][0]["columns"] == {"age": ["7", "8"]}


def test_no_report_holds_a_personal_value(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair.both(
        "create table donors (id int primary key, name text, town text)",
        f"insert into donors values (1, '{NAME}', 'Enugu'), (2, '{NAME}', 'Jos')",
    )
    pair.target.run(f"update donors set name = '{MAIL}', town = 'Abuja' where id = 1",
                    "delete from donors where id = 2")  # fmt: skip
    urls, page = (pair.source.url, pair.target.url), tmp_path / "report.html"
    for more in (["--json"], ["--html", str(page)]):
        assert main([*urls, "--personal", "*.name", *more]) == DIFFERENT
        said = "".join(capsys.readouterr()) + (page.read_text() if page.exists() else "")
        assert "Enugu" in said
        assert not {NAME, MAIL} & {word for word in (NAME, MAIL) if word in said}
