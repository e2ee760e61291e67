"""A label names one table, a rule applies to what it names, and what is left out is told everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL, main
from tests.integrations.parity.conftest import Pair, only


@pytest.fixture
def alike(pair: Pair) -> Pair:
    """The table b of schema a, and the table "a.b": both differ."""
    pair.both(
        "create schema a",
        "create table a.b (id int primary key, v text)",
        'create table "a.b" (id int primary key, v text)',
        "create table z (id int primary key)",
    )
    pair.source.run("insert into a.b values (1, 'x')", "insert into \"a.b\" values (1, 'y')")
    pair.target.run("insert into a.b values (1, 'q')", "insert into \"a.b\" values (1, 'z')")
    return pair


def test_two_tables_never_share_a_label(alike: Pair) -> None:
    result = alike.compare()
    found = {table.table: [dict(row.columns) for row in table.examples] for table in result.tables}
    assert found == {"a.b": [{"v": ["x", "q"]}], '"a.b"': [{"v": ["y", "z"]}], "z": []}


@pytest.mark.parametrize(("named", "other"), [("a.b", '"a.b"'), ('"a.b"', "a.b")])
def test_a_rule_leaves_out_one_of_two_tables_that_look_alike(alike: Pair, named: str, other: str) -> None:
    result = alike.compare([{"kind": "not_compared", "table": named}])
    assert result.not_compared == [named]
    assert only(result, other).changed == 1


def test_the_structure_and_views_use_the_same_labels(pair: Pair) -> None:
    for table, view in (("a.b", "vi.ew"), ('(od"d)', "plain")):
        quoted = table.replace('"', '""')
        pair.both(f'create table "{quoted}" (id int primary key)', f'create view "{view}" as select 1 as id')
        pair.target.run(f'alter table "{quoted}" add check (id > 0)')
    result = pair.compare(views=('"vi.ew"', "plain"))
    assert {table.table for table in result.tables} == {'"a.b"', '"(od""d)"', '"vi.ew"', "plain"}
    names = [entry["name"] for entry in result.structure["constraints"]]
    assert names == ['"(od""d)".(od"d)_id_check', '"a.b".a.b_id_check']


def test_a_declared_column_declares_no_other_that_looks_alike(pair: Pair) -> None:
    pair.both(
        "create schema t", "create table t.a (id int primary key)", "create table t (id int primary key)"
    )
    pair.target.run("alter table t.a add b int", 'alter table t add "a.b" int')
    result = pair.compare([{"kind": "new_column", "table": "t", "column": "a.b"}])
    assert result.schema["undeclared"] == ["new column t.a.b"]
    assert result.schema["declared"] == ['t."a.b"']


def run_with(
    pair: Pair, rules: list[dict[str, Any]], folder: Path, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str]:
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump({"declared": rules}))
    code = main([pair.source.url, pair.target.url, "--declared", str(file), "--quiet", *more])
    return code, capsys.readouterr().out


@pytest.fixture
def left_out(pair: Pair) -> Pair:
    pair.both("create table t (id int primary key, v int)")
    pair.source.run("insert into t values (1, 5)")
    pair.target.run("insert into t values (1, 6)", "alter table t add w int", "alter table t add x int")
    return pair


LEFT_OUT = [
    {"kind": "not_compared", "table": "t", "column": "v"},
    {"kind": "not_compared", "table": "t", "column": "w"},
    {"kind": "new_column", "table": "t", "column": "x"},
]


def test_every_output_lists_the_columns_that_are_left_out(
    left_out: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    code, told = run_with(left_out, LEFT_OUT, tmp_path, capsys, "--html", str(page))
    assert code == EQUAL
    assert "  left out on purpose: t.v\n  left out on purpose: t.w\n" in told
    assert "schema: t.x is on one side only, declared" in told
    facts = json.loads(run_with(left_out, LEFT_OUT, tmp_path, capsys, "--json")[1])
    assert facts["not_compared"] == ["t.v", "t.w"]
    assert facts["tables"][0]["not_compared"] == ["v", "w"]
    assert facts["schema"]["declared"] == ["t.x"]
    for name in ("t.v", "t.w", "t.x"):
        assert name in page.read_text()


def test_a_table_without_a_compared_column_is_not_equal(
    left_out: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [{"kind": "not_compared", "table": "t", "column": "*"}]
    code, told = run_with(left_out, rules, tmp_path, capsys)
    assert code == COULD_NOT
    assert "t: not one of its columns was compared" in told
    left_out.target.run("insert into t values (2, 6)")
    assert run_with(left_out, rules, tmp_path, capsys)[0] == DIFFERENT


def test_tables_that_have_no_columns_are_compared_by_their_rows(pair: Pair) -> None:
    pair.both("create table t ()", "insert into t default values")
    assert pair.compare().equal
    pair.target.run("insert into t default values")
    assert pair.table("t").extra == 1
