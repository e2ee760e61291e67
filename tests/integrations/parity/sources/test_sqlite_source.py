"""A file of SQLite as the source: its values may be of any type, and each that does not fit is named."""

# ruff: noqa: E501  # values read best as a table

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations.parity.errors import ParityError
from integrations.parity.model.declared import parse_rules
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, DIFFERENT, EQUAL, exit_code
from integrations.parity.result import ComparisonResult, TableResult
from integrations.parity.sources.source_comparison import compare_source
from integrations.parity.sources.sqlite_values import round_digits
from tests.integrations.parity.conftest import Database, only


@dataclass(frozen=True)
class FilePair:
    """A file of SQLite as the source, PostgreSQL as the target."""

    file: Path
    target: Database

    def run(self, *statements: str) -> None:
        connection = sqlite3.connect(self.file, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    def compare(self, *declared: dict[str, Any], **more: Any) -> ComparisonResult:
        options = ComparisonOptions(parse_rules(declared), **more)
        return compare_source(f"sqlite:///{self.file}", self.target.server, options)

    def table(self, name: str, *declared: dict[str, Any], **more: Any) -> TableResult:
        return only(self.compare(*declared, **more), name)


@pytest.fixture
def filed(tmp_path: Path, new_database: Callable[[], str]) -> FilePair:
    return FilePair(tmp_path / "shop 1.sqlite", Database(new_database()))


#: type of the target → literals of SQLite and PostgreSQL: the same value, and another one
VALUES: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "integer": (
        [("5", "5"), ("-1", "-1"), ("null", "null")],
        [("'5'", "5"), ("'abc'", "5"), ("5.5", "5"), ("'5 '", "5"), ("x'35'", "5"), ("''", "0"), ("1", "null")],
    ),
    "numeric": (
        [("0.1", "0.10"), ("5", "5.00"), ("1e20", "100000000000000000000"), ("'12345678901234567.89'", "12345678901234567.89"), ("9e999", "'Infinity'")],
        [("0.1", "0.10000000000000001"), ("5", "-5"), ("'five'", "5"), ("0", "'NaN'"), ("x'35'", "5")],
    ),
    "double precision": (
        [("0.1", "0.1"), ("5", "5"), ("-0.0", "0"), ("9e999", "'Infinity'")],
        [("0.1", "0.10000000000000002"), ("'0.1'", "0.1"), ("0", "'NaN'"), ("9007199254740993", "9007199254740992")],
    ),
    "real": ([("0.1", "0.1"), ("2.5", "2.5")], [("0.1", "0.11")]),
    "boolean": ([("1", "true"), ("0", "false"), ("null", "null")], [("2", "true"), ("'true'", "true"), ("0", "null")]),
    "text": (
        [("'a'", "'a'"), ("''", "''"), ("'a ''b'", "'a ''b'"), ("5", "'5'"), ("null", "null")],
        [("'a'", "'a '"), ("''", "null"), ("x'61'", "'a'"), ("1.0", "'1.0'"), ("cast(x'ff61' as text)", "'a'"),
         ("cast(x'6100' as text)", "'a'"), ("'blob 61'", "'a'")],
    ),
    "char(5)": ([("'ab'", "'ab'"), ("'ab  '", "'ab'")], [("' ab'", "'ab'")]),
    "bytea": ([("x'00ff'", "'\\x00ff'"), ("x''", "'\\x'")], [("'00ff'", "'\\x00ff'"), ("x''", "null")]),
    "uuid": (
        [("'ABCDEF00000040008000000000000000'", "'abcdef00-0000-4000-8000-000000000000'"),
         ("x'abcdef00000040008000000000000001'", "'abcdef00-0000-4000-8000-000000000001'")],
        [("'abc'", "'abcdef00-0000-4000-8000-000000000000'"), ("''", "null")],
    ),
    "date": (
        [("'2024-02-29'", "'2024-02-29'")],
        [("'2023-02-29'", "'2023-03-01'"), ("'2024-02-29 00:00:00'", "'2024-02-29'"), ("20240229", "'2024-02-29'"), ("''", "null")],
    ),
    "timestamp": (
        [("'2024-01-01'", "'2024-01-01 00:00:00'"), ("'2024-01-01T10:00:00.5'", "'2024-01-01 10:00:00.5'"),
         ("'2024-01-01 10:00+02:00'", "'2024-01-01 08:00:00'"), ("'2024-01-01 10:00:00.1234560'", "'2024-01-01 10:00:00.123456'")],
        [("'2024-13-01 10:00:00'", "null"), ("1704103200", "'2024-01-01 10:00:00'"), ("'2024-01-01 10:00:00.1234567'", "'2024-01-01 10:00:00.123457'"),
         ("'2024-01-01 24:00:00'", "'2024-01-02 00:00:00'")],
    ),
    "timestamptz(3)": (
        [("'2024-01-01 10:00:00.0015Z'", "'2024-01-01 10:00:00.002+00'"), ("'9999-12-31 23:59:59.9'", "'9999-12-31 23:59:59.9+00'")],
        [("'2024-01-01 10:00:00.0015'", "'2024-01-01 10:00:00.001+00'")],
    ),
    "time": ([("'10:00'", "'10:00:00'"), ("'10:00:00.5'", "'10:00:00.5'")], [("'25:00'", "'01:00'"), ("10", "'10:00'")]),
    "jsonb": (
        [("'{\"b\": 1, \"a\": 2.0}'", "'{\"a\": 2, \"b\": 1}'"), ("5", "'5'"), ("'null'", "'null'")],
        [("'{'", "'{}'"), ("'null'", "null"), ("x'7b7d'", "'{}'"), ("'5'", "'\"5\"'")],
    ),
    "interval": ([("'01:00:00'", "'1 hour'")], [("'1 hour'", "'1 hour'")]),
}  # fmt: skip


def test_values_of_every_type_are_told_apart(filed: FilePair) -> None:
    expected = {}
    for number, (kind, (same, other)) in enumerate(VALUES.items()):
        rows = [*same, *other]
        ours, theirs = (", ".join(f"({n}, {row[side]})" for n, row in enumerate(rows)) for side in (0, 1))
        filed.run(
            f"create table t{number} (id integer primary key, v)", f"insert into t{number} values {ours}"
        )
        filed.target.run(
            f"create table t{number} (id int primary key, v {kind})", f"insert into t{number} values {theirs}"
        )
        expected[f"t{number}"] = (kind, {str(n) for n in range(len(same), len(rows))})
    result = filed.compare()
    assert [table.unsound for table in result.tables if table.unsound] == []
    found = {
        table.table: (expected[table.table][0], {str(row.key["id"]) for row in table.examples})
        for table in result.tables
    }
    assert found == expected


def test_columns_without_a_common_form_are_not_equal(filed: FilePair) -> None:
    filed.run("create table t (id integer primary key, v)")
    filed.target.run("create table t (id int primary key, v text[])")
    result = filed.compare()
    assert (exit_code(result), "no common form" in result.tables[0].unsound[0]) == (COULD_NOT, True)


def test_a_key_that_is_no_number_is_a_row_like_any_other(filed: FilePair) -> None:
    filed.run(
        "create table t (id int primary key, v)", "insert into t values (1, 'a'), ('x', 'b'), (null, 'c')"
    )
    filed.target.run("create table t (id int primary key, v text)", "insert into t values (1, 'a'), (2, 'b')")
    table = filed.table("t")
    kinds = sorted((row.kind, str(row.key["id"])) for row in table.examples)
    assert kinds == [("extra", "2"), ("missing", "None"), ("missing", "x")]


def test_declared_rules_hold_for_files_too(filed: FilePair) -> None:
    filed.run(
        "create table t (id integer primary key, v, at)",
        "insert into t values (1, null, '2024-01-01 00:00:00.1239')",
    )
    filed.target.run(
        "create table t (id int primary key, v boolean, at timestamp)",
        "insert into t values (1, false, '2024-01-01 00:00:00.124')",
    )
    rules = (
        {"kind": "null_is_default", "table": "t", "column": "v", "default": False},
        {"kind": "rounded", "table": "t", "column": "at"},
    )
    result = filed.compare(*rules)
    assert (result.equal, result.declared_count) == (True, 2), result.problems
    filed.target.run("update t set v = null")
    filed.run("update t set v = 0")
    assert filed.table("t", *rules).changed == 1


def test_next_numbers_views_and_counts_of_a_file(filed: FilePair) -> None:
    filed.run(
        "create table t (id integer primary key autoincrement, v)", "insert into t values (41, 'a')", "delete from t",
        "create view w as select 1 as one", "create index i on t (v)", "create virtual table f using fts5(a)",
    )  # fmt: skip
    filed.target.run(
        "create table t (id int generated by default as identity primary key, v text)",
        "create view w as select 2 as one",
    )
    result = filed.compare(views=("w",))
    assert exit_code(result) == DIFFERENT
    assert result.structure["sequence values"][0]["source"] == "next is 42"
    assert (only(result, "w").missing, only(result, "w").extra) == (1, 1)
    numbers = {one["kind"]: one["source"] for one in result.uncompared}
    assert (numbers["indexes"], numbers["virtual tables"]) == (1, 1)
    assert [label for label in result.schema["undeclared"] if "f_" in label] == []


def test_nothing_is_written_to_the_file_and_no_file_is_made(filed: FilePair) -> None:
    with pytest.raises(ParityError, match="There is no file"):
        filed.compare()
    filed.run("create table t (id integer primary key)")
    filed.target.run("create table t (id int primary key)")
    before = filed.file.read_bytes(), sorted(filed.file.parent.iterdir())
    assert exit_code(filed.compare()) == EQUAL
    assert (filed.file.read_bytes(), sorted(filed.file.parent.iterdir())) == before
    filed.file.write_bytes(b"no database at all" * 100)
    with pytest.raises(ParityError, match="cannot be read as SQLite"):
        filed.compare()


@pytest.mark.parametrize(
    ("text", "digits", "rounded"),
    [
        ("2024-01-01 23:59:59.9996", 3, "2024-01-02 00:00:00"), ("10:00:00.0005", 3, "10:00:00.001"),
        ("23:59:59.9", 0, "24:00:00"), ("9999-12-31 23:59:59.9", 0, "9999-12-31 23:59:59.9"), ("x", 0, "x"),
    ],
)  # fmt: skip
def test_digits_are_rounded_as_postgresql_does(text: str, digits: int, rounded: str) -> None:
    assert round_digits(text, digits) == rounded
