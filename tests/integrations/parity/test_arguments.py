"""The command line accepts every option, and never prints a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL, main
from integrations.parity.arguments import build_options, build_parser
from integrations.parity.model.selection import RowCondition
from integrations.parity.options import ComparisonOptions
from tests.integrations.parity.conftest import Pair

SECRET = "correct-horse-battery"


def chosen(*given: str) -> ComparisonOptions:
    return build_options(build_parser().parse_args(["a", "b", *given]))


def test_every_option_reaches_the_comparison() -> None:
    said = chosen(
        "--workers", "4", "--page-rate", "500", "--snapshot-age", "60", "--largest", "7", "--longest", "9",
        "--sample", "2.5", "--keep", "3", "--settle", "1.5", "--schema", "a", "--schema", "b",
        "--view", "v", "--personal", "users.*", "--structure", "judged", "--table", "t", "--exclude", "u",
        "--where", "t=v = 1", "--fail-fast", "--limit", "5",
    )  # fmt: skip
    assert said == ComparisonOptions(
        workers=4, page_rate=500, snapshot_age=60, largest=7, longest=9, sample=2.5, keep=3, settle=1.5,
        schemas=("a", "b"), views=("v",), personal=("users.*",), structure="judged", tables=("t",),
        exclude=("u",), where=(RowCondition("t", "v = 1", "v = 1"),), fail_fast=True, limit=5,
        refuse_personal=True,
    )  # fmt: skip


def test_missing_options_have_the_defaults_of_the_library(tmp_path: Path) -> None:
    assert chosen() == ComparisonOptions(keep=1000, refuse_personal=True)


def test_the_file_contains_rules_totals_and_personal_columns(tmp_path: Path) -> None:
    file = tmp_path / "declared.yaml"
    file.write_text(
        "declared: [{kind: new_table, table: audit}]\n"
        "totals: [{table: donations, sum: amount}]\n"
        "checks: [{name: no amount below zero, sql: select count(*) from donations where amount < 0}]\n"
        "spots: [{table: donations, key: {id: 7}}]\n"
        "personal: [donors.email]\n"
    )
    said = chosen("--declared", str(file), "--personal", "*.phone")
    assert [rule.table for rule in said.rules] == ["audit"]
    assert [total.name for total in said.totals] == ["donations: sum of amount by nothing"]
    assert [check.name for check in said.checks] == ["no amount below zero"]
    assert [(spot.table, spot.key) for spot in said.spots] == [("donations", {"id": "7"})]
    assert said.personal == ("*.phone", "donors.email")


@pytest.mark.parametrize(
    ("written", "named"),
    [("totls: []", "totls"), ("personal: donors.email", "personal"), ("7", "declared must be a list")],
)
def test_a_mistake_in_the_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str, named: str
) -> None:
    file = tmp_path / "declared.yaml"
    file.write_text(written)
    assert main(["a", "b", "--declared", str(file)]) == COULD_NOT
    assert named in capsys.readouterr().err


def test_an_address_comes_from_the_environment(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair.both("create table t (id int primary key)", "insert into t values (1)")
    monkeypatch.setenv("OLD_DATABASE", pair.source.url)
    monkeypatch.setenv("NEW_DATABASE", pair.target.url)
    assert main(["env:OLD_DATABASE", "env:NEW_DATABASE"]) == EQUAL
    assert capsys.readouterr().out.startswith("Equal: 1 table, 1 row: all equal.")
    pair.source.run("insert into t values (2)")
    assert main(["env:OLD_DATABASE", "env:NEW_DATABASE"]) == DIFFERENT
    capsys.readouterr()
    assert main(["env:NO_SUCH_DATABASE", "env:NEW_DATABASE"]) == COULD_NOT
    assert capsys.readouterr().err == (
        "Could not compare: The variable NO_SUCH_DATABASE is not set."
        " The address env:NO_SUCH_DATABASE is read from it."
        " Set NO_SUCH_DATABASE, or give the address itself.\n"
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["a"], "give TARGET"),
        (["a", "b", "--take", "f"], "give TARGET"),
        (["a", "b", "--keep-pass", "f", "--recheck", "f"], "give one of them"),
        (["a", "b", "--sample", "1", "--recheck", "f"], "a sample is no full pass"),
        (["a", "b", "--backup", "c"], "SOURCE is no file"),
        ([__file__, "b", "--recheck", "f"], "SOURCE is a file"),
        (["a", "b", "--html", "/no/such/folder/report.html"], "its folder is not there"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    given: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=str(COULD_NOT)):
        main(given)
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        ["postgresql://user:{}@127.0.0.1:1/db", "postgresql://user:{}@127.0.0.1:1/other"],
        ["postgresql://user:{}@127.0.0.1:1/db", "b", "postgresql://user:{}@127.0.0.1/third"],
        ["a", "b", "--workers", "postgresql://user:{}@127.0.0.1/db"],
        ["host=127.0.0.1 port=1 password={}", "host=127.0.0.1 port=1 password={}"],
        ["postgresql://user:{}@[broken/db", "b"],
        ["postgresql://user:{}@127.0.0.1/db"],
        ["a", "b", "--declared", "postgresql://user:{}@127.0.0.1/db"],
    ],
)
def test_no_password_is_ever_printed(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([one.format(SECRET) for one in given])
    except SystemExit as ended:
        code = int(str(ended.code))
    said = capsys.readouterr()
    assert code == COULD_NOT
    assert said.err
    assert SECRET not in said.out + said.err
