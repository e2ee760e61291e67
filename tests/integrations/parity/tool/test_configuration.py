"""One file for a whole call: what it says counts, and a mistake in it is named with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL
from integrations.parity.argument_conflicts import list_outputs
from integrations.parity.arguments import build_options, build_parser
from integrations.parity.configuration import parse_call
from integrations.parity.model.selection import RowCondition
from integrations.parity.options import ComparisonOptions
from integrations.parity.outputs import Output
from tests.integrations.parity.tool.command import Tool, call

WHOLE = """
source: env:OLD
target: env:NEW
table: ['orders', "shop.*"]
exclude: shop.log
where:
  - "orders=status = 'paid'"
  - {table: shop.items, source: "v > 1", target: "w > 1"}
schema: [public, shop]
view: [v]
settle: 1.5
sample: 2.5
limit: 9
workers: 4
page-rate: 500
largest: 7
snapshot_age: 60
longest: 9
keep: 3
structure: judged
judge: [indexes]
personal: ["users.*"]
quiet: true
output: [csv=a.csv, jsonl]
html: b.html
declared: [{kind: new_table, table: audit}]
announced: [{kind: indexes, table: users}]
totals: [{table: donations, sum: amount}]
checks: [{name: none below zero, sql: select 1}]
spots: [{table: donations, key: {id: 7}}]
"""


def options_of(path: Path, *given: str) -> ComparisonOptions:
    return build_options(parse_call(build_parser(), ["--config", str(path), *given]))


def test_every_key_of_the_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "compare.yaml"
    file.write_text(WHOLE)
    arguments = parse_call(build_parser(), ["--config", str(file)])
    assert (arguments.source, arguments.target, arguments.quiet) == ("env:OLD", "env:NEW", True)
    assert list_outputs(arguments) == [Output("csv", "a.csv"), Output("jsonl"), Output("html", "b.html")]
    options = options_of(file)
    assert (options.tables, options.exclude, options.views) == (("orders", "shop.*"), ("shop.log",), ("v",))
    assert options.where == (
        RowCondition("orders", "status = 'paid'", "status = 'paid'"),
        RowCondition("shop.items", "v > 1", "w > 1"),
    )
    assert (options.settle, options.sample, options.limit, options.workers, options.page_rate) == (
        1.5,
        2.5,
        9,
        4,
        500,
    )
    assert (options.largest, options.snapshot_age, options.longest, options.keep) == (7, 60, 9, 3)
    assert (options.structure, options.judge, options.schemas) == ("judged", ("indexes",), ("public", "shop"))
    assert (options.personal, options.rules[0].table, options.announced[0].table) == (
        ("users.*",),
        "audit",
        "users",
    )
    assert (options.totals[0].sum, options.checks[0].name, options.spots[0].key) == (
        "amount", "none below zero", {"id": "7"},
    )  # fmt: skip


def test_the_command_line_replaces_values_and_adds_to_lists(tmp_path: Path) -> None:
    file, rules = tmp_path / "compare.yaml", tmp_path / "declared.yaml"
    file.write_text(WHOLE)
    rules.write_text("declared: [{kind: new_table, table: log}]")
    options = options_of(file, "--settle", "3", "--table", "more", "--declared", str(rules), "--where", "a=b")
    assert (options.settle, options.tables) == (3, ("orders", "shop.*", "more"))
    assert [rule.table for rule in options.rules] == ["audit", "log"]
    assert [one.table for one in options.where] == ["orders", "shop.items", "a"]
    arguments = parse_call(build_parser(), ["env:OTHER", "--config", str(file)])
    assert (arguments.source, arguments.target) == ("env:OTHER", "env:NEW")


@pytest.mark.parametrize(
    ("written", "line", "remedy"),
    [
        ("source: env:A\ntabel: [x]", 2, "did you mean “table”?"),
        ("colour: red", 1, "there are: "),
        ("table: [a]\ntable: [b]", 2, "keep one of them"),
        ("settle: soon", 1, "no number from 0 on"),
        ("\n\nworkers: -1", 3, "no whole number"),
        ("workers: [1]", 1, "must be one value"),
        ("workers: true", 1, "must be a text or a number"),
        ("structure: some", 1, "is one of"),
        ("judge: [indexes, wombats]", 1, "is one of"),
        ("table: [{a: b}]", 1, "must be a text or a number"),
        ("table:", 1, "must be a list"),
        ("quiet: perhaps", 1, "true or false"),
        ("where: [orders]", 1, "table=condition"),
        ("where:\n  - {table: a, condition: b}\n  - {table: a}", 3, "must look like"),
        ("declared:\n- {kind: new_table, table: a}\n- {kind: tabel, table: a}", 3, "declared difference 2"),
        ("declared: {kind: x}", 1, "must be a list"),
        ("totals:\n\n  - {table: a}", 3, "total 1"),
        ("output: [xml]", 1, "is not FORMAT"),
        ("html: postgresql://a:b@c/d", 1, "a file is wanted"),
        ("- a", 1, "must hold keys"),
        ("source: postgresql://reader:correct-horse@host/db", 1, "put the address into a variable"),
        ("target: host=a password=correct-horse", 1, "put the address into a variable"),
        ("source: [a]", 1, "must be an address"),
        ("config: other.yaml", 1, "there is no key"),
        ("a: b\nc: [", 2, "this is no YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_a_remedy(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, written: str, line: int, remedy: str
) -> None:
    file = tmp_path / "compare.yaml"
    file.write_text(written)
    ended = call(capsys, "env:A", "env:B", "--config", str(file))
    assert (ended.code, ended.out) == (COULD_NOT, "")
    assert f"{file}:{line}: " in ended.err or f"line {line}" in ended.err, ended.err
    assert remedy in ended.err, ended.err
    assert "correct-horse" not in ended.err


def test_a_call_needs_nothing_but_its_file(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.pair.both("create table t (id int primary key, v int)", "insert into t values (1, 1), (2, 2)")
    tool.pair.target.run("update t set v = 3 where id = 2")
    monkeypatch.setenv("OLD_ONE", tool.pair.source.url)
    monkeypatch.setenv("NEW_ONE", tool.pair.target.url)
    file = tmp_path / "compare.yaml"
    file.write_text("source: env:OLD_ONE\ntarget: env:NEW_ONE\noutput: json\nwhere: ['t=id = 1']\n")
    ended = tool.run("--config", str(file), sides=False)
    assert (ended.code, json.loads(ended.out)["conditions"]) == (EQUAL, ["t: only the rows where id = 1"])
    file.write_text("source: env:OLD_ONE\ntarget: env:NEW_ONE\n")
    assert tool.run("--config", str(file), sides=False).code == DIFFERENT
    assert tool.run("--config", str(tmp_path / "none.yaml"), sides=False).code == COULD_NOT
    assert tool.run(sides=False).code == COULD_NOT
