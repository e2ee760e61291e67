"""The SQL that is shown would make the target like the source: carried out on a copy, it does."""

from __future__ import annotations

from integrations.parity.model.json_paths import find_differing_paths
from tests.integrations.parity.conftest import Pair

NAME = '"Odd table"'
KINDS = """create table "Odd table" (
  id int generated always as identity primary key, "a b" text, n numeric(12,3), f float8, t timestamptz,
  i interval, y bytea, j json, b jsonb, u uuid, r int4range, ar text[], bits bit(3), flag boolean, d date,
  twice numeric generated always as (n * 2) stored)"""
VALUES = """insert into "Odd table" ("a b", n, f, t, i, y, j, b, u, r, ar, bits, flag, d)
  select 'it''s ' || i || ' \\ back', i / 7.0, i / 3.0,
  timestamptz '2024-02-29 23:59:59.123456+05' + i * interval '1 day',
  interval '1 month 2 days 03:04:05.6' * i, decode(lpad(to_hex(i), 4, '0'), 'hex'),
  json_build_object('k', i), jsonb_build_object('k', array[i, null]), md5(i::text)::uuid,
  int4range(i, i + 3), array['x', null, 'a,"b', i::text], (i % 8)::bit(3), i % 2 = 0,
  date '2000-02-29' + i from generate_series(1, 20) i"""


def test_rows_of_every_kind_are_made_like_the_source(pair: Pair) -> None:
    pair.both(KINDS, VALUES)
    pair.target.run(
        f"update {NAME} set n = -n, j = null, ar = array['y'] where id in (3, 4)",
        f"update {NAME} set \"a b\" = null, f = 'NaN', y = null, flag = not flag where id = 5",
        f"update {NAME} set t = t + interval '1 us' where id = 6",
        f"delete from {NAME} where id in (7, 8)",
        f"insert into {NAME} (\"a b\", i) select 'more', '-1 day' from generate_series(1, 3)",
    )
    found = pair.table("Odd table")
    assert len(found.repair) == 4 + 2 + 3
    pair.target.run("set timezone = 'UTC'", *found.repair)
    assert pair.compare().equal


def test_a_table_without_a_key_loses_exactly_the_rows_that_are_too_many(pair: Pair) -> None:
    pair.both("create table t (a int, b text)", "insert into t select 1, 'x' from generate_series(1, 5)",
              "insert into t values (2, null), (2, null)")  # fmt: skip
    pair.target.run("insert into t values (1, 'x'), (1, 'x')", "delete from t where a = 2")
    found = pair.table("t")
    assert (found.missing, found.extra) == (2, 2)
    pair.target.run(*found.repair)
    assert pair.compare().equal


def test_a_composite_key_is_found_by_all_its_columns(pair: Pair) -> None:
    pair.both("create table t (a text, b int, v text, primary key (a, b))",
              "insert into t select 'k' || i % 3, i, 'v' || i from generate_series(1, 30) i")  # fmt: skip
    pair.target.run("update t set v = 'other' where b = 7", "insert into t values ('it''s', 99, 'v')")
    pair.target.run(*pair.table("t").repair)
    assert pair.compare().equal


def test_a_cut_value_is_not_repaired(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", "insert into t values (1, repeat('x', 2000))")
    pair.target.run("update t set v = 'short'")
    assert pair.table("t").repair == [
        "-- id = 1: values of v are longer than 500 characters; copy it from the source"
    ]


def test_nothing_is_run(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'a')")
    pair.target.run("update t set v = 'b'")
    assert pair.table("t").repair
    assert not pair.compare().equal


def test_differing_json_is_reported_by_its_paths(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v jsonb, w text)",
              """insert into t values (1, '{"a": {"b c": [1, 2]}, "x": 1}', '{"a": 1}')""")  # fmt: skip
    pair.target.run("""update t set v = '{"a": {"b c": [1, 3, 4]}, "y": true}', w = '{"a": 2}'""")
    (row,) = pair.table("t").examples
    assert row.paths == {"v": ['$.a["b c"][1]', '$.a["b c"][2]', "$.x", "$.y"]}
    assert pair.table("t").by_column == {"v": 1, "w": 1}


def test_paths_distinguish_types_and_ignore_what_is_no_json() -> None:
    assert find_differing_paths("[1, null]", '[true, "null"]') == ["$[0]", "$[1]"]
    assert find_differing_paths("{}", None) == []
    assert find_differing_paths('{"a": "… (900 characters)', "{}") == []
    assert len(find_differing_paths("[]", str(list(range(99))))) == 20


def test_of_several_rows_under_one_key_only_the_wrong_one_goes(pair: Pair) -> None:
    """Where the target lost the key that the source has."""
    pair.both("create table t (id int primary key, v text)", "insert into t values (5, 'a'), (6, 'b')")
    pair.target.run("alter table t drop constraint t_pkey", "alter table t alter id drop not null")
    pair.target.run("insert into t values (5, 'a'), (null, 'lost')", "update t set v = 'c' where id = 6")
    found = pair.table("t")
    assert (found.changed, found.extra) == (1, 2)
    pair.target.run(*found.repair)
    assert pair.compare().equal


def test_rows_of_partitions_and_children_with_the_same_ctid_are_not_touched(pair: Pair) -> None:
    pair.both(
        "create table p (a int, b text) partition by list (a)",
        "create table one partition of p for values in (1)",
        "create table two partition of p for values in (2)",
        "insert into p values (1, 'x'), (2, 'x')",
        "create table parent (id int primary key, v text)", "create table child () inherits (parent)",
        "insert into parent values (1, 'a')", "insert into child values (1, 'other')",
    )  # fmt: skip
    pair.target.run("insert into p values (1, 'y')", "update only parent set v = 'b'")
    pair.target.run("delete from p where b = 'x' and a = 1")
    for name in ("p", "parent"):
        pair.target.run(*pair.table(name).repair)
    assert pair.compare().equal


def test_rows_without_columns_come_and_go(pair: Pair) -> None:
    pair.both("create table t ()", "insert into t default values")
    pair.target.run("insert into t default values", "insert into t default values")
    found = pair.table("t")
    assert (found.source_rows, found.target_rows, found.extra) == (1, 3, 2)
    pair.target.run(*found.repair)
    assert pair.compare().equal
    pair.target.run("delete from t")
    pair.target.run(*pair.table("t").repair)
    assert pair.compare().equal


def test_json_paths_are_reported_also_for_values_that_are_cut(pair: Pair) -> None:
    pair.both(
        "create table t (id int primary key, v jsonb)",
        "insert into t select 1, jsonb_object_agg('k' || i, i) from generate_series(1, 500) i",
    )
    pair.target.run("update t set v = jsonb_set(v, '{k477}', '1.5')")
    (row,) = pair.table("t").examples
    assert row.paths == {"v": ["$.k477"]}


def test_numbers_that_floats_cannot_tell_apart_have_a_path() -> None:
    assert find_differing_paths('{"a": 0.1}', '{"a": 0.10000000000000000001}') == ["$.a"]
