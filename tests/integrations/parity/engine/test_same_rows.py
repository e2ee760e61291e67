"""Rows that are the same, in a table without a key, are counted, and not fetched."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from psycopg import sql

from integrations.parity.engine.declared_pairs import remove_declared
from integrations.parity.model.declared import DeclaredRules, parse_rules
from integrations.parity.model.plan import SchemaDifference, TablePlan, plan_table
from integrations.parity.model.sums import BucketSum, BucketSums, wrap_sum
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.snapshot import Row, Snapshot
from integrations.parity.sql import common_rows, row_counts
from integrations.parity.sql.common_rows import count_by_difference
from integrations.parity.sql.queries import RowHashes
from tests.integrations.parity.conftest import Pair

MANY = 30_000
FILLED = {"kind": "null_is_filled", "table": "t", "column": "v"}


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of every answer of the servers, as text; streamed ones too."""
    lengths: list[int] = []
    fetch, stream = Snapshot.fetch_rows, Snapshot.stream_rows

    def fetch_rows(self: Snapshot, query: sql.Composable, **options: bool) -> list[Row]:
        found = fetch(self, query, **options)
        lengths.append(len(str(found)))
        return found

    def stream_rows(self: Snapshot, query: sql.Composable) -> Iterator[Row]:
        for row in stream(self, query):
            lengths.append(len(str(row)))
            yield row

    monkeypatch.setattr(Snapshot, "fetch_rows", fetch_rows)
    monkeypatch.setattr(Snapshot, "stream_rows", stream_rows)
    return lengths


def test_one_row_among_many_that_are_the_same_is_named_without_fetching_them(
    pair: Pair, fetched: list[int]
) -> None:
    pair.both(
        "create table t (a int, v text)", f"insert into t select 1, 'x' from generate_series(1, {MANY})"
    )
    pair.target.run("update t set v = 'y' where ctid = '(0,7)'")
    found = pair.table("t", structure="off")
    assert (found.missing, found.extra) == (1, 1)
    rows = sorted((row.kind, tuple(row.columns["v"])) for row in found.examples)
    assert rows == [("extra", (None, "y")), ("missing", ("x", None))]
    assert max(fetched) < MANY  # a byte for each row would be more
    assert len(fetched) < 200


def test_all_of_them_may_differ(pair: Pair, fetched: list[int]) -> None:
    pair.both("create table t (a int, v text)")
    pair.source.run(f"insert into t select 1, 'x' from generate_series(1, {MANY})")
    pair.target.run(f"insert into t select 1, 'y' from generate_series(1, {MANY + 5})")
    found = pair.table("t", structure="off")
    assert (found.missing, found.extra) == (MANY, MANY + 5)
    assert {row.kind for row in found.examples} <= {"missing", "extra"}
    assert len(found.examples) == 100
    assert max(fetched) < MANY


def test_rules_explain_rows_that_are_the_same_otherwise(pair: Pair, fetched: list[int]) -> None:
    pair.both("create table t (a int, v int)")
    pair.source.run(
        f"insert into t select 1, null from generate_series(1, {MANY})", "insert into t values (1, 5)"
    )
    pair.target.run(
        f"insert into t select 1, 7 from generate_series(1, {MANY})", "insert into t values (1, null)"
    )
    found = pair.table("t", FILLED, structure="off")
    # The row with 5 lost its value; one of those with 7 stands against it.
    assert (found.missing, found.extra, found.declared) == (1, 1, MANY - 1)
    rows = sorted((row.kind, str(row.columns["v"])) for row in found.examples)
    assert rows == [("extra", "[None, '7']"), ("missing", "['5', None]")]
    assert max(fetched) < MANY


def test_rows_of_one_key_are_counted_where_only_one_side_keeps_it_unique(
    pair: Pair, fetched: list[int]
) -> None:
    pair.source.run("create table t (id int primary key, v text)", "insert into t values (1, 'x'), (2, 'x')")
    pair.target.run("create table t (id int, v text)", "insert into t values (2, 'x')",
                    f"insert into t select 1, 'y' from generate_series(1, {MANY})")  # fmt: skip
    found = pair.table("t", structure="off")
    assert (found.changed, found.missing, found.extra) == (1, 0, MANY - 1)
    assert [row.kind for row in found.examples] == ["changed", *["extra"] * 99]
    assert found.examples[0].columns == {"v": ["x", "y"]}


def test_rows_that_are_the_same_in_several_partitions_are_one_row_that_is_there_more_often(
    pair: Pair,
) -> None:
    pair.both("create table t (a int, v numeric) partition by list (a)",
              *(f"create table t{n} partition of t for values in ({n})" for n in (1, 2)),
              "insert into t2 values (2, 7)",  # where the other partition has one of those
              "insert into t select 1 + i % 2, 1.5 from generate_series(1, 40) i")  # fmt: skip
    pair.target.run("delete from t where ctid = '(0,2)'", "update t set v = 8 where ctid = '(0,3)'")
    found = pair.table("t", {"kind": "not_compared", "table": "t", "column": "a"}, structure="off")
    assert (found.source_rows, found.target_rows, found.missing, found.extra) == (41, 39, 4, 2)
    rows = sorted((row.kind, str(row.columns["v"])) for row in found.examples)
    assert rows == [("extra", "[None, '8']")] * 2 + [("missing", "['1.5', None]")] * 4


def test_a_view_without_a_key_is_read_by_its_content(pair: Pair) -> None:
    pair.both("create table t (a int)", "insert into t select 1 from generate_series(1, 50)",
              "create view w as select a, a * 2 as twice from t")  # fmt: skip
    pair.target.run("delete from t where ctid = '(0,3)'")
    found = pair.table("w", views=("w",), structure="off")
    assert (found.missing, found.extra) == (1, 0)
    assert [row.columns for row in found.examples] == [{"a": ["1", None], "twice": ["2", None]}]


def test_rows_that_are_there_very_often_are_counted_by_what_is_left_of_their_bucket(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one row of each bucket taken for a common one, as it may be the wrong one, or have company."""
    monkeypatch.setattr(common_rows, "FEWEST", 1)
    monkeypatch.setattr(common_rows, "EXCESS", 0)
    monkeypatch.setattr(common_rows, "MOST_BUCKETS", 3)
    grouped: list[int] = []
    read_counts = row_counts._read_counts

    def count_calls(*arguments: Any) -> dict[int, bytes]:
        grouped.append(1)
        return read_counts(*arguments)

    monkeypatch.setattr(row_counts, "_read_counts", count_calls)
    random = Random(20261201)
    for number in range(8):
        sides = [[(random.randrange(4), random.choice("xyz")) for _ in range(30)] for _ in range(2)]
        parts = "partition by list (a)" if number % 3 == 0 else ""
        for side, rows in zip((pair.source, pair.target), sides, strict=True):
            side.run("drop table if exists t", f"create table t (a int, v text) {parts}",
                     *(f"create table t{a} partition of t for values in ({a})" for a in range(4) if parts),
                     f"insert into t values {str(rows)[1:-1]}")  # fmt: skip
        before, after = map(Counter, sides)
        found = pair.table("t", structure="off")
        assert (found.missing, found.extra) == ((before - after).total(), (after - before).total())
        named = Counter((row.kind, *map(tuple, row.columns.values())) for row in found.examples)
        assert len(grouped) == 2 * (before != after)  # a bucket that is counted row by row is read twice
        grouped.clear()
        differing: dict[tuple[Any, ...], int] = {
            ("missing", (str(a), None), (v, None)): n for (a, v), n in (before - after).items()
        }
        differing |= {("extra", (None, str(a)), (None, v)): n for (a, v), n in (after - before).items()}
        assert named == differing


def test_a_bucket_whose_sum_says_otherwise_is_counted_row_by_row() -> None:
    sums = BucketSums.from_mapping({3: BucketSum(7, wrap_sum(5 * 19 + 2 * -13), ())}, 0)
    assert count_by_difference([19], sums, {3: [(-13, 2)]}, 4) == {19: 5}
    assert count_by_difference([19], sums, {3: []}, 4) is None
    assert count_by_difference([35], sums, {3: [(-13, 2)]}, 4) is None
    assert count_by_difference([19], sums, {3: [(-13, 2), (35, 5)]}, 4) is None


@pytest.fixture
def plan(pair: Pair) -> TablePlan:
    """Two columns that may be filled, and one whose NULL may become a default."""
    pair.source.run("create table t (a int, v int, w int, d int)")
    rules: list[dict[str, Any]] = [
        FILLED, {**FILLED, "column": "w"},
        {"kind": "null_is_default", "table": "t", "column": "d", "default": 0},
    ]  # fmt: skip
    with Snapshot(pair.source.server) as snapshot:
        (table,) = read_tables(snapshot).values()
    return plan_table(table, table, DeclaredRules(parse_rules(rules)), SchemaDifference())


def test_pairing_takes_time_for_the_rows_and_not_for_their_square(plan: TablePlan) -> None:
    source = Counter({RowHashes(1, (None, number, None)): 1 for number in range(MANY)})
    target = Counter({RowHashes(1, (-number, number, None)): 1 for number in range(MANY)})
    rules: Counter[str] = Counter()
    started = time.process_time()
    remove_declared(plan.tracked_rules, source, target, rules)
    assert (source.total(), target.total(), rules.total()) == (0, 0, MANY)
    assert time.process_time() - started < 5


def test_pairs_agree_with_the_definition_of_each_rule(plan: TablePlan) -> None:
    """Against the plain search among all rows of the other side, for every combination of tokens."""
    tokens = [RowHashes(1, (v, w, d)) for v in (None, 1) for w in (None, 2) for d in (None, 3)]
    for one in tokens:
        for other in tokens:
            source, target = Counter({one: 2}), Counter({other: 3})
            remove_declared(plan.tracked_rules, source, target, Counter())
            pairs = zip(plan.tracked_rules, one.tokens, other.tokens, strict=True)
            matches = all(tracked.allows(before, after) for tracked, before, after in pairs)
            assert (source.total(), target.total()) == ((0, 1) if matches else (2, 3)), (one, other)
