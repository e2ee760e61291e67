"""Values are compared as their types write them, and types by their parts: casts and names prove nothing."""

from __future__ import annotations

import pytest

from integrations.parity.beyond_rows.spot_checks import parse_spot_checks
from integrations.parity.engine.comparison import compare_live
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import TableResult
from integrations.parity.server.snapshot import Connection, PostgresServer
from tests.integrations.parity.conftest import Pair, only

#: Types whose cast to text was defined by a user, and leaves out what differs; two values of the type.
CASTS = {
    "composite": (
        [
            "create type addr as (street text, zip text)",
            "create function label(a addr) returns text language sql immutable as 'select ($1).street'",
            "create cast (addr as text) with function label(addr)",
        ],
        "addr",
        ("(Main,11111)", "(Main,99999)"),
    ),
    "enum": (
        [
            "create type mood as enum ('sad', 'ok', 'happy')",
            "create function label(a mood) returns text language sql immutable as $$select 'mood'$$",
            "create cast (mood as text) with function label(mood)",
        ],
        "mood",
        ("sad", "happy"),
    ),
    "range": (
        [
            "create type span as range (subtype = float8)",
            "create function label(a span) returns text language sql immutable as $$select 'a span'$$",
            "create cast (span as text) with function label(span)",
        ],
        "span",
        ("[1,2)", "[1,3)"),
    ),
    "array of a composite": (
        [
            "create type addr as (street text, zip text)",
            "create function label(a addr[]) returns text language sql immutable as $$select 'some'$$",
            "create cast (addr[] as text) with function label(addr[])",
        ],
        "addr[]",
        ('{"(Main,1)"}', '{"(Main,2)"}'),
    ),
    "a type of PostgreSQL": (
        [
            "create function label(a interval) returns text language sql immutable as $$select 'a while'$$",
            "create cast (interval as text) with function label(interval)",
        ],
        "interval",
        ("1 day", "2 days"),
    ),
    "numeric": (
        [
            "create function label(a numeric) returns text language sql immutable as $$select 'a number'$$",
            "create cast (numeric as text) with function label(numeric)",
        ],
        "numeric",
        ("1", "2"),
    ),
    "jsonb": (
        [
            "create function label(a jsonb) returns text language sql immutable as $$select 'a document'$$",
            "create cast (jsonb as text) with function label(jsonb)",
        ],
        "jsonb",
        ('{"a": 1}', '{"a": 2}'),
    ),
    "date": (
        [
            "create function label(a date) returns text language sql immutable as $$select 'a day'$$",
            "create cast (date as text) with function label(date)",
        ],
        "date",
        ("2024-01-01", "2024-01-02"),
    ),
}


@pytest.mark.parametrize("case", CASTS)
def test_a_cast_to_text_of_a_user_hides_nothing(pair: Pair, case: str) -> None:
    statements, kind, (before, after) = CASTS[case]
    pair.both(*statements, f"create table t (id int primary key, v {kind})")
    pair.source.run(f"insert into t values (1, '{before}'), (2, null)")
    pair.target.run(f"insert into t values (1, '{after}'), (2, null)")
    spots = parse_spot_checks([{"table": "t", "key": {"id": 1}}])
    result = pair.compare(spots=spots)
    assert [(row.key, dict(row.columns)) for row in only(result, "t").examples] == [
        ({"id": "1"}, {"v": [before, after]})
    ]
    assert result.spots[0]["columns"]["v"] == [before, after]


@pytest.mark.parametrize("case", ["enum", "composite", "date"])
def test_a_key_is_written_by_its_type(pair: Pair, case: str) -> None:
    statements, kind, (before, after) = CASTS[case]
    pair.both(*statements, f"create table t (k {kind} primary key, v int)")
    pair.both(f"insert into t values ('{before}', 1), ('{after}', 2)")
    pair.target.run("update t set v = 3 where v = 2")
    assert [row.key for row in pair.table("t").examples] == [{"k": after}]


def test_a_composite_value_of_nulls_is_not_null(pair: Pair) -> None:
    pair.both("create type duo as (a int, b int)", "create table t (id int primary key, v duo)")
    pair.source.run("insert into t values (1, null)")
    pair.target.run("insert into t values (1, row(null, null))")
    assert pair.table("t").changed == 1


#: Definitions of a type on both sides, and a value whose text is the same on both.
STRUCTURES = {
    "attributes in another order": (
        "create type kind as (street text, zip text)", "create type kind as (zip text, street text)", "(A,B)"
    ),
    "other attributes": (
        "create type kind as (n int, d date)", "create type kind as (n text, d text)", "(1,2020-01-02)"
    ),
    "ranges of other values": (
        "create type kind as range (subtype = timestamp)",
        "create type kind as range (subtype = date)",
        "empty",
    ),
    "ranges in another order": (
        'create type kind as range (subtype = text, collation = "C")',
        'create type kind as range (subtype = text, collation = "POSIX")',
        "[a,b)",
    ),
    "inside another composite type": (
        "create type inner_one as (a int); create type kind as (v inner_one)",
        "create type inner_one as (a text); create type kind as (v inner_one)",
        '("(1)")',
    ),
    "inside a domain": (
        "create type inner_one as (a int, b int); create domain kind as inner_one",
        "create type inner_one as (b int, a int); create domain kind as inner_one",
        "(1,2)",
    ),
    "a domain inside": (
        "create domain part as int; create type kind as (v part)",
        "create domain part as text; create type kind as (v part)",
        "(1)",
    ),
}  # fmt: skip


def compare_types(pair: Pair, source: str, target: str, value: str, kind: str = "kind") -> TableResult:
    for side, definition in ((pair.source, source), (pair.target, target)):
        side.run(*definition.split("; "), f"create table t (id int primary key, v {kind})",
                 f"insert into t values (1, '{value}')")  # fmt: skip
    return pair.table("t")


@pytest.mark.parametrize("case", STRUCTURES)
def test_types_of_one_name_and_other_parts_have_no_common_form(pair: Pair, case: str) -> None:
    found = compare_types(pair, *STRUCTURES[case])
    assert found.unsound[0].startswith("v: ")
    assert found.unsound[0].endswith("have no common form")
    assert not found.equal


def test_arrays_of_types_of_other_parts_have_no_common_form(pair: Pair) -> None:
    source, target, value = STRUCTURES["attributes in another order"]
    found = compare_types(pair, source, target, f'{{"{value}"}}', "kind[]")
    assert found.unsound == ["v: kind[] and kind[] have no common form"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("create type kind as (n int, d varchar(9))", "create type kind as (n bigint, d text)"),
        ("create type kind as (n int, d text)",
         "create domain whole as int; create type kind as (n whole, d text)"),
        ("create type kind as (n int, d text)",
         "create schema s; create type s.other as (n int, d text); create domain kind as s.other"),
    ],
)  # fmt: skip
def test_types_of_the_same_parts_are_compared(pair: Pair, source: str, target: str) -> None:
    found = compare_types(pair, source, target, "(1,x)")
    assert (found.unsound, found.equal) == ([], True)
    pair.target.run("update t set v = '(2,x)'")
    assert pair.table("t").changed == 1


def test_rows_that_hold_rows_of_another_table(pair: Pair) -> None:
    pair.both(
        "create table a (id int primary key, v text)", "create table t (id int primary key, v a, w a[])"
    )
    pair.both("insert into t values (1, '(1,x)', '{\"(2,y)\"}')")
    assert pair.compare().equal
    pair.target.run("update t set w = '{\"(2,z)\"}'")
    assert pair.table("t").changed == 1


def test_a_type_of_a_user_with_the_name_of_another_is_not_taken_for_that(pair: Pair) -> None:
    pair.both('create type "json" as (a text)', "create type timestamptz as (a int)")
    pair.both(
        'create table t (id int primary key, v public."json", w public.timestamptz)',
        "insert into t values (1, '(x)', '(1)')",
    )
    assert pair.compare().equal
    pair.target.run("update t set v = '(y)'")
    assert pair.table("t").changed == 1


def test_functions_of_a_user_are_not_taken_for_those_of_postgresql(pair: Pair) -> None:
    """Even where the role puts them first."""
    pair.both(
        "create table t (id int primary key, v text)",
        "insert into t values (1, 'x')",
        "create function set_config(text, text, boolean) returns text language sql as 'select $2'",
        "create function current_setting(text) returns text language sql as $$select 'off'$$",
    )
    for side in (pair.source, pair.target):
        name = side.value("select current_database()")
        side.run(f'alter database "{name}" set search_path = public, pg_catalog')
    assert pair.compare().equal
    pair.target.run("update t set v = 'y'")
    assert pair.table("t").changed == 1


def test_a_temporary_table_takes_the_place_of_no_type(pair: Pair) -> None:
    """Behind a pooler, the session may have been another client's before."""
    pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'x')")

    def connect() -> Connection:
        connection = pair.target.server.open()
        connection.execute('create temp table "text" (a int)')
        return connection

    result = compare_live(pair.source.server, PostgresServer(connect, "shop"), ComparisonOptions())
    assert result.equal


def test_a_cast_hides_nothing_from_a_normalised_column(pair: Pair) -> None:
    pair.both(
        "create type spirit as enum ('sad', 'happy')",
        "create function spirit_label(spirit) returns text language sql immutable return 'the same'",
        "create cast (spirit as text) with function spirit_label(spirit)",
        "create table t (id int primary key, m spirit)",
    )
    pair.source.run("insert into t values (1, 'sad')")
    pair.target.run("insert into t values (1, 'happy')")
    rule = {"kind": "normalised", "table": "t", "column": "m", "form": "lower"}
    assert pair.table("t", rule).changed == 1
