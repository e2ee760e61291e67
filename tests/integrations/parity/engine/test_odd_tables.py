"""Unusual tables are compared like all others."""

from __future__ import annotations

import pytest

from tests.integrations.parity.conftest import Pair

KINDS = ("int", "text", "boolean", "numeric", "timestamptz", "jsonb")


def test_a_table_with_the_maximum_number_of_columns(pair: Pair) -> None:
    columns = ", ".join(f"c{n} {KINDS[n % 6]}" for n in range(1599))
    pair.both(
        f"create table t (id int primary key, {columns})", "insert into t (id) select generate_series(1, 20)"
    )
    assert pair.compare().equal
    pair.target.run("update t set c1598 = true where id = 7", "update t set c3 = 0 where id = 8")
    shown = [(row.key, dict(row.columns)) for row in pair.table("t").examples]
    assert shown == [({"id": "7"}, {"c1598": [None, "true"]}), ({"id": "8"}, {"c3": [None, "0"]})]


def test_the_maximum_number_of_columns_without_a_key(pair: Pair) -> None:
    pair.both(f"create table t ({', '.join(f'c{n} int' for n in range(1600))})", "insert into t values (1)")
    assert pair.compare().equal
    pair.target.run("update t set c1599 = 0")
    found = pair.table("t")
    assert (found.missing, found.extra, len(found.examples)) == (1, 1, 2)


def test_columns_that_were_dropped_and_added_again_are_paired_by_name(pair: Pair) -> None:
    pair.both(
        "create table t (a int, id int primary key, b text)",
        "insert into t select i, i, 'x' from generate_series(1, 20) i",
    )
    pair.target.run("alter table t drop column a", "alter table t add a int", "update t set a = id")
    assert pair.compare().equal
    pair.target.run("update t set a = 9 where id = 3")
    assert [(row.key, list(row.columns)) for row in pair.table("t").examples] == [({"id": "3"}, ["a"])]


def test_unlogged_identity_and_generated_columns_are_compared_like_plain_ones(pair: Pair) -> None:
    made = "id int generated always as identity primary key, v int, w int generated always as (v * 2) stored"
    pair.source.run(
        f"create unlogged table t ({made})", "insert into t (v) select generate_series(1, 20)"
    )  # fmt: skip
    pair.target.run("create table t (id serial primary key, v int, w int)")
    pair.target.run("insert into t (v, w) select i, i * 2 from generate_series(1, 20) i")
    assert pair.compare().equal
    pair.target.run("update t set w = 0 where id = 20")
    assert [list(row.columns) for row in pair.table("t").examples] == [["w"]]


def test_columns_that_are_computed_when_they_are_read(pair: Pair) -> None:
    made = "create table t (id int primary key, v int, w int generated always as (v + 1) virtual)"
    pair.both(made, "insert into t (id, v) values (1, 1)")
    assert pair.compare().equal
    pair.target.run("update t set v = 2")
    found = pair.table("t")
    assert [list(row.columns) for row in found.examples] == [["v", "w"]]
    pair.target.run(*found.repair)
    assert pair.compare().equal


def test_partitions_of_partitions_count_once(pair: Pair) -> None:
    pair.both(
        "create table t (id int primary key, v text) partition by range (id)",
        "create table low partition of t for values from (0) to (100) partition by hash (id)",
        "create table least partition of low for values with (modulus 1, remainder 0)",
        "insert into t select i, 'x' from generate_series(1, 20) i",
    )
    pair.target.run("update t set v = 'y' where id = 4")
    result = pair.compare()
    assert [(table.table, table.source_rows, table.changed) for table in result.tables] == [("t", 20, 1)]


def test_keys_that_are_equal_under_a_collation_are_different_keys(pair: Pair) -> None:
    pair.both(
        "create table t (id text primary key, v int)", "insert into t values ('a', 1), ('A', 2), ('á', 3)"
    )
    pair.target.run("""update t set v = 9 where id = 'A' collate "C" """)
    assert [row.key for row in pair.table("t").examples] == [{"id": "A"}]


@pytest.mark.parametrize("kind", ["numeric(10,2)", "text"])
def test_an_integer_key_that_became_another_type_hides_no_row(pair: Pair, kind: str) -> None:
    """A key between two ranges of integers lies in neither of them."""
    pair.source.run("create table t (id int primary key, v text)")
    pair.target.run(f"create table t (id {kind} primary key, v text)")
    pair.both("insert into t select i, 'x' from generate_series(1, 5000) i")
    assert pair.compare().equal
    pair.target.run(
        "insert into t values ('1023.5', 'x'), ('NaN', 'x')", "update t set v = 'y' where id = '7'"
    )
    table = pair.table("t")
    assert (table.changed, table.missing, table.extra, table.unsound) == (1, 0, 2, [])
    assert {row.key["id"] for row in table.examples} == {"7", "1023.5", "NaN"}


def test_minus_zero_and_zero_are_the_same_key(pair: Pair) -> None:
    pair.both("create table t (id float8 primary key, v text)")
    pair.source.run("insert into t values ('-0', 'a'), ('NaN', 'b')")
    pair.target.run("insert into t values ('0', 'c'), ('NaN', 'b')")
    assert [(row.kind, row.key, list(row.columns)) for row in pair.table("t").examples] == [
        ("changed", {"id": "0"}, ["v"])
    ]


def test_numbers_in_arrays_are_compared_by_their_values(pair: Pair) -> None:
    pair.source.run("create table t (id int primary key, v numeric(10,2)[])")
    pair.target.run("create table t (id int primary key, v numeric(65,30)[])")
    values = ("{1.5,NULL,0,-0.50,100,1000.01}", "{{NaN,10},{0.1,2}}", "{}", "[0:1]={20.00,0.05}")
    pair.both(*(f"insert into t values ({n}, '{value}')" for n, value in enumerate(values)))
    assert pair.compare().equal
    pair.target.run("update t set v[1] = 1.51 where id = 0", "update t set v[2] = 1 where id = 2")
    pair.target.run("update t set v[1] = -v[1] where id = 3")
    assert [row.key["id"] for row in pair.table("t").examples] == ["0", "2", "3"]
