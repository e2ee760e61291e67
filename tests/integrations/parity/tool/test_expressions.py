"""Columns that are compared through SQL: every pair of types, nothing volatile, nothing in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from integrations.parity.__main__ import COULD_NOT, DIFFERENT, EQUAL
from tests.integrations.parity.tool.command import Tool

Rule = dict[str, Any]


def write(path: Path, *rules: Rule) -> tuple[str, str]:
    file = path / "declared.yaml"
    file.write_text(yaml.safe_dump({"declared": list(rules)}))
    return "--declared", str(file)


def through(source: str = "", target: str = "", column: str = "v") -> Rule:
    sides = {"source": source, "target": target}
    return {
        "kind": "as",
        "table": "t",
        "column": column,
        **{side: text for side, text in sides.items() if text},
    }


def normalised(form: str) -> Rule:
    return {"kind": "normalised", "table": "t", "column": "v", "form": form}


#: type and value in the source, those in the target, the same value but for one, and the rule
PAIRS: dict[str, tuple[str, str, str, str, str, Rule]] = {
    "text to jsonb": (
        "text", """'{"b":1, "a":2}'""", "jsonb", """'{"a":2,"b":1}'""", """'{"a":3}'""", through("v::jsonb"),
    ),
    "smallint to boolean": ("smallint", "1", "boolean", "true", "false", through("v <> 0")),
    "float to numeric": ("float8", "0.1", "numeric", "0.1", "0.11", through("v::numeric")),
    "real to double": ("real", "0.1", "float8", "0.1", "0.2", through("v::text::float8")),
    "money to numeric": ("money", "'12.50'", "numeric", "12.5", "12.51", through("v::numeric")),
    "text to date": ("text", "'2026-11-30'", "date", "'2026-11-30'", "'2026-12-01'", through("v::date")),
    "array of an enum": ("mood[]", "'{sad,ok}'", "text[]", "'{sad,ok}'", "'{ok,sad}'", through("v::text[]")),
    "letters of an UUID": (
        "text", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'", through("lower(v)"),
    ),
    "an epoch": (
        "bigint", "1700000000", "timestamptz", "to_timestamp(1700000000)", "now()",
        through("to_timestamp(v)"),
    ),
    "rounded": (
        "numeric", "1.2345", "numeric", "1.23", "1.24",
        {"kind": "rounded_number", "table": "t", "column": "v", "digits": 2},
    ),
    "rounded float": (
        "float8", "1.23450001", "float8", "1.2345", "1.2",
        {"kind": "rounded_number", "table": "*", "column": "v", "digits": 4},
    ),
    "lower": ("text", "'Ada'", "text", "'ADA'", "'Bob'", normalised("lower")),
    "trimmed": ("text", "' a '", "text", "'a'", "'b'", normalised("trimmed")),
    "no trailing spaces": (
        "char(5)", "'a'", "text", "'a'", "' a'",
        normalised("no_trailing_spaces"),
    ),
    "nfc": ("text", "U&'e\\0301'", "text", "U&'\\00e9'", "'e'", normalised("nfc")),
    "empty is NULL": ("text", "''", "text", "NULL", "'x'", normalised("empty_is_null")),
    "numbers in JSON": (
        "json", r"""'{"1.0": [1.0, -2.50, 10, 0.050, {"a\\":"1.0 \" 2.0]"}], "b": 1e3}'""",
        "jsonb", r"""'{"1.0": [1, -2.5, 10.00, 0.05, {"a\\":"1.0 \" 2.0]"}], "b": 1000.0}'""",
        r"""'{"1.0": [1, -2.5, 10.00, 0.05, {"a\\":"1 \" 2.0]"}], "b": 1000}'""",
        normalised("json_numbers"),
    ),
    "NULL is empty": ("text", "NULL", "text", "''", "'x'", normalised("null_is_empty")),
}  # fmt: skip


def test_every_pair_is_compared_and_a_difference_is_found(tool: Tool, tmp_path: Path) -> None:
    """All in one pair of databases: each has a column of its own in a table with three rows."""
    tool.pair.both("create type mood as enum ('sad', 'ok')")
    rules, columns = [], list(PAIRS.values())
    for number, (old, _, new, _, _, rule) in enumerate(columns):
        tool.pair.source.run(f"create table t{number} (id int primary key, v {old})")
        tool.pair.target.run(f"create table t{number} (id int primary key, v {new})")
        rules.append(rule | {"table": f"t{number}"})
    for number, (_, before, _, after, _, _) in enumerate(columns):
        tool.pair.source.run(f"insert into t{number} values (1, {before}), (2, {before}), (3, null)")
        third = "''" if rules[number].get("form") == "null_is_empty" else "null"
        tool.pair.target.run(f"insert into t{number} values (1, {after}), (2, {after}), (3, {third})")
    given = write(tmp_path, *rules)
    ended = tool.run(*given)
    assert ended.code == EQUAL, ended.out
    assert f"; {len(PAIRS)} columns compared through SQL" in ended.out
    assert "condition: t0.v through SQL: source v::jsonb; target v" in ended.out
    for number, (_, _, _, _, other, _) in enumerate(columns):
        tool.pair.target.run(f"update t{number} set v = {other} where id = 2")
    facts = json.loads(tool.run(*given, "--json").out)
    assert {table["table"]: table["changed"] for table in facts["tables"]} == {
        f"t{number}": 1 for number in range(len(PAIRS))
    }


@pytest.mark.parametrize("key", ["id int primary key,", "id text primary key,", "id int,"])
def test_names_of_the_table_are_never_taken_for_ours(tool: Tool, tmp_path: Path, key: str) -> None:
    tool.pair.both(f"create table t ({key} v text, r int, x int, h int, e0 int, k0 int, value int)")
    tool.pair.both("insert into t select i, i, i, i, i, i, i, i from generate_series(1, 2000) i")
    rules = write(tmp_path, through("v || r.r || x || h || e0 || k0 || value", "v || t_sum(r.*)"))
    tool.pair.both(
        "create function t_sum(t) returns text immutable language sql as"
        " 'select concat($1.r, $1.x, $1.h, $1.e0, $1.k0, $1.value)'"
    )
    assert tool.run(*rules).code == EQUAL
    tool.pair.target.run("update t set v = 'x' where r = 9")
    ended = tool.run(*rules)
    assert (ended.code, "2,000 rows → 2,000" in ended.out) == (DIFFERENT, True), ended.out


def test_a_key_may_be_compared_through_sql(tool: Tool, tmp_path: Path) -> None:
    tool.pair.source.run("create table t (id text primary key, v int)")
    tool.pair.target.run("create table t (id uuid primary key, v int)")
    rows = "insert into t select {}(md5(i::text)::uuid::text){}, i from generate_series(1, 3000) i"
    tool.pair.source.run(rows.format("upper", ""))
    tool.pair.target.run(rows.format("", "::uuid"))
    rules = write(tmp_path, through("lower(id)", "", "id"))
    assert tool.run(*rules).code == EQUAL
    tool.pair.target.run("update t set v = 0 where v = 17", "delete from t where v = 18")
    ended = tool.run(*rules)
    assert "t: 1 changed, 1 missing; 3,000 rows → 2,999" in ended.out
    assert "70efdf2e-c9b0-8607-9795-c442636b55fb" not in ended.out or "[id=" in ended.out


def test_a_column_may_be_put_together_from_others(tool: Tool, tmp_path: Path) -> None:
    tool.pair.source.run(
        "create table t (id int primary key, first text, last text)", "insert into t values (1, 'A', 'B')"
    )
    tool.pair.target.run("create table t (id int primary key, name text)", "insert into t values (1, 'A B')")
    rules = (
        through("first || ' ' || last", "", "name"),
        {"kind": "dropped_column", "table": "t", "column": "first"},
        {"kind": "dropped_column", "table": "t", "column": "last"},
    )
    ended = tool.run(*write(tmp_path, *rules))
    assert ended.code == EQUAL, ended.out
    tool.pair.target.run("update t set name = 'A  B'")
    assert tool.run(*write(tmp_path, *rules)).code == DIFFERENT


def test_what_tells_no_two_rows_apart_is_said(tool: Tool, tmp_path: Path) -> None:
    tool.pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'a'), (2, 'b')")
    tool.pair.target.run("update t set v = 'c'")
    ended = tool.run(*write(tmp_path, through("left(v, 0)", "left(v, 0)")))
    assert "v: its SQL gives the same value in every row of the source" in ended.out
    assert "v: its SQL gives the same value in every row of the target" in ended.out
    ended = tool.run(*write(tmp_path, through("'x'", "'x'")))
    assert (ended.code, ended.out) == (COULD_NOT, "")
    assert "uses no column on either side" in ended.err
    tool.pair.source.run("update t set v = 'c'")
    assert tool.run(*write(tmp_path, through("", "'c'"))).code == EQUAL


@pytest.mark.parametrize(
    "expression",
    [
        "random()::text", "v, v", "count(v)", "v) || (v", "v as w", "(select v", "nosuch(v)",
        "clock_timestamp()::text", "set_config('x.y', v, false)",
    ],
)  # fmt: skip
def test_an_expression_that_is_not_one_value_of_a_row_is_refused(
    tool: Tool, tmp_path: Path, expression: str
) -> None:
    tool.pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'a'), (2, 'b')")
    ended = tool.run(*write(tmp_path, through(expression, "v")))
    assert (ended.code, ended.out) == (COULD_NOT, "")
    assert "The SQL for t.v, for the source, cannot be used" in ended.err


def test_a_value_that_the_expression_cannot_read_leaves_the_column_open(tool: Tool, tmp_path: Path) -> None:
    tool.pair.source.run(
        "create table t (id int primary key, v text)", "insert into t values (1, '1'), (2, 'secret')"
    )
    tool.pair.target.run("create table t (id int primary key, v int)", "insert into t values (1, 1), (2, 2)")
    ended = tool.run(*write(tmp_path, through("v::int")))
    assert (ended.code, "t: v: holds a value that cannot be compared" in ended.out) == (COULD_NOT, True)
    assert "secret" not in ended.out + ended.err


def test_types_without_a_common_form_stay_open(tool: Tool, tmp_path: Path) -> None:
    tool.pair.source.run("create table t (id int primary key, v text)")
    tool.pair.target.run("create table t (id int primary key, v int[])")
    ended = tool.run(*write(tmp_path, through("v::jsonb")))
    assert (ended.code, "v: jsonb and integer[] have no common form" in ended.out) == (COULD_NOT, True)


def test_a_fingerprint_keeps_the_expressions_it_was_taken_with(tool: Tool, tmp_path: Path) -> None:
    address, kept = tool.pair.source.url, str(tmp_path / "before.json")
    tool.pair.source.run(
        "create table t (id int primary key, v text)", "insert into t values (1, '{\"a\": 1}'), (2, null)"
    )
    rules = write(tmp_path, through("v::jsonb"))
    assert tool.run(address, "--take", kept, *rules, sides=False).code == EQUAL
    tool.pair.source.run("alter table t alter v type jsonb using v::jsonb")
    assert tool.run(kept, address, *rules, sides=False).code == EQUAL
    tool.pair.source.run("update t set v = '{}' where id = 2")
    assert tool.run(kept, address, *rules, sides=False).code == DIFFERENT
    other = tool.run(kept, address, *write(tmp_path, through("lower(v)::jsonb")), sides=False)
    assert (other.code, "no common form" in other.out) == (COULD_NOT, True), other.out


def test_no_repair_is_made_up_from_expressions(tool: Tool, tmp_path: Path) -> None:
    tool.pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'A')")
    tool.pair.target.run("update t set v = 'b'")
    facts = json.loads(tool.run(*write(tmp_path, through("lower(v)", "lower(v)")), "--json").out)
    assert [line[:2] for line in facts["tables"][0]["repair"]] == ["--"]


PARENT = "create table m (id int, at date, v int)"
CHILDREN = (
    "create table m_a (check (at < '2026-01-01'), primary key (id)) inherits (m)",
    "create table m_b (check (at >= '2026-01-01'), primary key (id)) inherits (m)",
    "insert into m_a select i, '2025-01-01', i from generate_series(1, 500) i",
    "insert into m_b select i, '2026-01-01', i from generate_series(501, 900) i",
    "insert into m values (901, '2026-01-01', 901)",
)
PARTITIONS = (
    f"{PARENT} partition by range (at)",
    "create table m_1 partition of m for values from (minvalue) to ('2026-01-01')",
    "create table m_2 partition of m for values from ('2026-01-01') to (maxvalue)",
    "insert into m select i, case when i <= 500 then date '2025-01-01' else '2026-01-01' end, i"
    " from generate_series(1, 901) i",
)


def test_tables_that_inherit_are_compared_with_partitions(tool: Tool, tmp_path: Path) -> None:
    tool.pair.source.run(PARENT, *CHILDREN)
    tool.pair.target.run(*PARTITIONS)
    left_out = [
        {"kind": "not_compared", "table": "(database)", "column": name}
        for name in ("partitions", "inheritance")
    ]
    rules = write(tmp_path, {"kind": "with_children", "table": "m"}, *left_out)
    assert tool.run(*write(tmp_path, *left_out)).code == DIFFERENT
    ended = tool.run(*write(tmp_path, {"kind": "with_children", "table": "m"}, *left_out))
    assert ended.code == EQUAL, ended.out
    assert "left out on purpose: m_a (as a part of m)" in ended.out
    assert "condition: m together with the tables that inherit from it, in the source" in ended.out
    tool.pair.source.run("update m_b set v = 0 where id = 700", "delete from m_a where id = 3")
    ended = tool.run(*rules)
    assert (ended.code, "m: 1 missing, 2 extra; 900 rows → 901" in ended.out) == (DIFFERENT, True), ended.out


def test_children_that_are_cut_otherwise_hold_the_same_rows(tool: Tool, tmp_path: Path) -> None:
    """As chunks of TimescaleDB do: they are in a schema of their own, and each server has others."""
    tool.pair.both("create table m (at timestamptz not null, v int)", "create schema _i")
    chunk = "create table _i.chunk_{} (check (at {} '{}')) inherits (m)"
    tool.pair.source.run(chunk.format(1, "<", "2020-02-01"), chunk.format(2, ">=", "2020-02-01"),
                         "insert into _i.chunk_1 values ('2020-01-01', 1)",
                         "insert into _i.chunk_2 values ('2020-02-02', 2)")  # fmt: skip
    tool.pair.target.run(chunk.format(7, "<", "2020-02-15"),
                         "insert into _i.chunk_7 values ('2020-01-01', 1), ('2020-02-02', 2)")  # fmt: skip
    rules = write(tmp_path, {"kind": "with_children", "table": "m"},
                  {"kind": "not_compared", "table": "(database)", "column": "inheritance"})  # fmt: skip
    ended = tool.run(*rules)
    assert (ended.code, "1 table, 2 rows: all equal" in ended.out) == (EQUAL, True), ended.out
    tool.pair.target.run("update _i.chunk_7 set v = 3 where v = 2")
    assert "m: 1 missing, 1 extra; 2 rows → 2" in tool.run(*rules).out


def test_a_recheck_reads_in_full_what_sql_of_people_decides(tool: Tool, tmp_path: Path) -> None:
    """The expression may read another table, whose changes the versions of these rows do not tell."""
    tool.pair.both(
        "create table t (id int primary key, v text)", "insert into t values (1, 'a')",
        "create table rates (id int primary key, rate int)", "insert into rates values (1, 5)",
        "create function rate() returns int stable language sql as 'select rate from public.rates'",
    )  # fmt: skip
    rules = write(tmp_path, through("v || public.rate()", "v || public.rate()"))
    kept = str(tmp_path / "pass.json")
    assert tool.run(*rules, "--keep-pass", kept).code == EQUAL
    tool.pair.target.run("update rates set rate = 6")
    ended = tool.run(*rules, "--recheck", kept, "--exclude", "rates")
    assert (ended.code, "t [id=1] changed: v: 'a5' → 'a6'" in ended.out) == (DIFFERENT, True), ended.out
