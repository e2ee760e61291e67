"""Many rows that differ, or one in a million, are counted exactly, and keys of every kind in few buckets."""

from __future__ import annotations

import pytest

from integrations.parity.engine import row_diff
from integrations.parity.engine.comparison import compare_live
from integrations.parity.model.buckets import MAX_HASH_BITS, ROWS_PER_RANGE_BITS, choose_bucket_scheme
from integrations.parity.model.declared import DeclaredRules
from integrations.parity.model.plan import make_plans
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import DifferingRow
from integrations.parity.server.catalog import read_tables
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair, only

ROWS = 20_000
KEYS = {
    "integers": "i",
    "negative integers": "-i",
    "integers with gaps": "i * 9",
    "scattered integers": "hashint8extended(i, 0)",
    "integers at both ends": "case i when 1 then -9223372036854775808"
    " when 2 then 9223372036854775807 else i end",
    "uuids": "md5(i::text)::uuid",
    "texts": "'k' || i",
    "times": "timestamp '2020-01-01' + i * interval '1 hour'",
}


def fill(key: str, first: int, last: int, value: str) -> str:
    return f"select {key} as id, i as n, {value} as v from generate_series({first}::bigint, {last}) i"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_rows_of_every_kind_of_key_are_counted_exactly(pair: Pair, key: str) -> None:
    pair.both(f"create table t as {fill(key, 1, ROWS, 'i::text')}", "alter table t add primary key (id)")
    pair.target.run(
        "update t set v = 'x' where n % 10 = 1", "delete from t where n % 100 = 2",
        "insert into t " + fill(key, 50_001, 50_077, "'new'"),
    )  # fmt: skip
    table = pair.table("t")
    assert (table.changed, table.missing, table.extra) == (ROWS // 10, ROWS // 100, 77)
    assert (table.source_rows, table.target_rows) == (ROWS, ROWS - ROWS // 100 + 77)
    assert len(table.examples) == 100


def test_composite_keys_and_tables_without_one_are_counted_exactly(pair: Pair) -> None:
    pair.both(
        "create table two (a int, b text, v text, primary key (a, b))", "create table bare (v int)",
        "insert into two select i / 100, 'b' || i % 100, 'v' from generate_series(1, 5000) i",
        "insert into bare select i % 1000 from generate_series(1, 5000) i",
    )  # fmt: skip
    pair.target.run("update two set v = 'x' where a % 5 = 0",
                    "insert into bare select 7 from generate_series(1, 400)",
                    "update bare set v = 5000 where v = 11")  # fmt: skip
    result = pair.compare()
    assert only(result, "two").changed == 1000
    assert (only(result, "bare").missing, only(result, "bare").extra) == (5, 405)


def test_small_batches_give_the_same_as_large_ones(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    key = KEYS["integers"]
    pair.both(f"create table t as {fill(key, 1, ROWS, 'i::text')}", "alter table t add primary key (id)")
    pair.target.run("update t set v = 'x' where n % 3 = 1", "delete from t where n % 7 = 0")
    whole = pair.table("t")
    monkeypatch.setattr(row_diff, "ROWS_PER_BATCH", 500)
    monkeypatch.setattr(row_diff, "ROWS_PER_TALLY", 90)
    small = pair.table("t")
    assert (small.changed, small.missing) == (whole.changed, whole.missing) == (5714, 2857)
    assert small.digest == whole.digest


def test_rows_are_named_by_their_keys_also_next_to_a_null_key(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.both(
        f"create table t as {fill(KEYS['negative integers'], 1, 3000, 'i::text')}",
        "alter table t add primary key (id)",
    )
    pair.target.run(
        "alter table t drop constraint t_pkey", "alter table t alter id drop not null",
        "update t set v = 'x' where n in (5, 2000)", "update t set id = null where n = 3000",
    )  # fmt: skip
    monkeypatch.setattr(row_diff, "ROWS_PER_BATCH", 40)
    table = pair.table("t")
    named = {(row.kind, row.key["id"]) for row in table.examples}
    assert named == {("changed", "-5"), ("changed", "-2000"), ("missing", "-3000"), ("extra", None)}


def test_rules_are_applied_row_by_row_however_many_rows_they_explain(pair: Pair) -> None:
    pair.both(
        "create table t (id int primary key, v text, n int)",
        f"insert into t select i, nullif(i % 2, 0)::text, i from generate_series(1, {ROWS}) i",
    )
    pair.target.run("update t set v = 'none' where v is null", "update t set n = 0 where id % 50 = 0")
    table = pair.table("t", {"kind": "null_is_default", "table": "t", "column": "v", "default": "none"})
    assert (table.changed, table.declared, table.unsound) == (ROWS // 50, ROWS // 2 - ROWS // 50, [])


def test_rows_are_reported_up_to_the_number_to_keep_and_all_are_counted(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)",
              "insert into t select i, 'v' from generate_series(1, 3000) i")  # fmt: skip
    pair.target.run("update t set v = 'x' || id where id > 1000")
    told: list[tuple[str, DifferingRow]] = []
    observer = ComparisonObserver(on_difference=lambda table, row: told.append((table, row)))
    result = compare_live(pair.source.server, pair.target.server, ComparisonOptions(keep=1500), observer)
    assert only(result, "t").changed == 2000
    assert len(told) == len({str(row.key) for _, row in told}) == 1500
    assert all(table == "t" and row.columns["v"] == ["v", f"x{row.key['id']}"] for table, row in told)
    assert len(only(result, "t").examples) == 100


def test_gaps_and_outliers_never_make_more_buckets_than_a_server_can_sum(pair: Pair) -> None:
    pair.source.run(
        "create table dense (id bigint primary key)", "insert into dense select generate_series(1, 9000)",
        "create table outlier (id bigint primary key)",
        "insert into outlier select generate_series(1, 9000)", "insert into outlier values (1::bigint << 60)",
        "create table empty (id bigint primary key)", "analyze",
    )  # fmt: skip
    with Snapshot(pair.source.server) as snapshot:
        tables = read_tables(snapshot)
        plans = make_plans(tables, tables, DeclaredRules(()))[0]
        found = {plan.label: choose_bucket_scheme(snapshot, plan, 50) for plan in plans}
    assert (found["dense"].how, found["dense"].bits) == ("range", ROWS_PER_RANGE_BITS)
    assert found["outlier"].how == "hash"
    assert found["outlier"].bits <= MAX_HASH_BITS
    assert found["empty"].how == "range"


def test_rows_of_partitions_are_found_in_their_partition(pair: Pair) -> None:
    pair.both(
        "create table t (id int, v text, primary key (id)) partition by range (id)",
        "create table t_low partition of t for values from (minvalue) to (1000)",
        "create table t_high partition of t for values from (1000) to (maxvalue)",
        "insert into t select i, 'v' from generate_series(1, 3000) i",
    )
    pair.target.run("update t set v = 'x' where id % 5 = 0", "delete from t where id % 100 = 1")
    table = pair.table("t")
    assert (table.changed, table.missing, table.extra) == (600, 30, 0)
    changed = [one for one in table.examples if one.kind == "changed"]
    assert all(one.columns == {"v": ["v", "x"]} and int(one.key["id"] or 0) % 5 == 0 for one in changed)


def test_one_bit_in_one_row_of_a_million_is_found(pair: Pair) -> None:
    pair.both(
        "create table t as select i as id, decode(md5(i::text), 'hex') as v"
        " from generate_series(1, 1000000) i",
        "alter table t add primary key (id)",
    )
    pair.target.run("update t set v = set_bit(v, 77, 1 - get_bit(v, 77)) where id = 654321")
    table = pair.table("t")
    assert (table.changed, table.missing, table.extra) == (1, 0, 0)
    assert table.examples[0].key == {"id": "654321"}
