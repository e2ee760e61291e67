"""Declared differences are counted separately, and explain only what they name, in one direction."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.parity.model.declared import InvalidRule, parse_rules
from tests.integrations.parity.conftest import Pair

NULLS = [
    {"kind": "null_is_default", "table": "t", "column": "active", "default": False},
    {"kind": "null_is_default", "table": "t", "column": "meta", "default": {}},
]
ROUNDED = {"kind": "rounded", "table": "*", "column": "*"}
FILLED = {"kind": "null_is_filled", "table": "t", "column": "at"}


@pytest.fixture
def migrated(pair: Pair) -> Pair:
    """An old table, and the same after a migration like that of Covenant Connect."""
    pair.both(
        "create table t (id int primary key, active boolean, meta json, at timestamp(6))",
        """insert into t select i, case when i % 4 > 0 then i % 2 = 0 end,
             case when i % 5 > 0 then '{"b": 1, "a": 2}'::json end,
             case when i % 3 > 0 then timestamp '2024-01-01' + i * interval '1.0001 s' end
           from generate_series(1, 3000) i""",
    )
    pair.target.run(
        "update t set active = false where active is null",
        "update t set meta = '{}' where meta is null",
        "update t set at = now() where at is null",
        "alter table t alter meta type jsonb, alter at type timestamp(3), alter active set not null,"
        " alter meta set not null, alter at set not null",
    )
    return pair


def test_each_rule_counts_exactly_what_it_explains(migrated: Pair) -> None:
    result = migrated.compare([*NULLS, ROUNDED, FILLED])
    assert result.equal, result.summary
    assert result.tables[0].declared_by == {
        "t.active: NULL is False": 750,
        "t.meta: NULL is {}": 600,
        "t.at: NULL before, any value after (a time of migration)": 1000,
        "*.*: rounded to 3 digits of a second": 1800,  # 2000 times, of which each tenth had no more digits
    }
    assert result.summary.endswith("all equal; 4\u202f150 differences are declared.")


@pytest.mark.parametrize("without", range(4))
def test_without_its_rule_each_difference_is_a_real_one(migrated: Pair, without: int) -> None:
    rules = [*NULLS, ROUNDED, FILLED]
    del rules[without]
    table = migrated.table("t", *rules)
    assert table.changed == [750, 600, 1800, 1000][without]
    names = {name for example in table.examples for name in example.columns}
    assert names == {["active", "meta", "at", "at"][without]}


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("update t set active = true where id = 8", "active"),  # NULL before, and not the default after
        ("update t set meta = '{\"x\": 1}' where id = 10", "meta"),
        ("update t set at = at + interval '1 ms' where id = 4", "at"),
        ("alter table t alter meta drop not null; update t set meta = null where id = 4", "meta"),
    ],
)
def test_a_real_difference_shows_among_declared_ones(migrated: Pair, change: str, column: str) -> None:
    migrated.target.run(change)
    table = migrated.table("t", *NULLS, ROUNDED, FILLED)
    assert table.changed == 1
    assert column in table.examples[0].columns


def test_a_rule_does_not_explain_the_opposite_change(pair: Pair) -> None:
    pair.both("create table t (id int primary key, active boolean, at timestamp)",
              "insert into t values (1, false, '2024-01-01 00:00:00.123'), (2, null, null),"
              "  (3, true, '2024-01-01')")  # fmt: skip
    pair.target.run(
        "update t set active = null where id = 1",  # had the default, and lost it
        "update t set at = null where id = 3",
    )
    table = pair.table("t", NULLS[0], FILLED)
    assert [example.key["id"] for example in table.examples] == ["1", "3"]
    assert [list(example.columns) for example in table.examples] == [["active"], ["at"]]
    pair.target.run("update t set active = false where id = 1", "update t set at = '2024-01-01' where id = 3",
                    "update t set at = '2024-01-01 00:00:00.123004' where id = 1")  # fmt: skip
    assert pair.table("t", ROUNDED).changed == 1  # became finer, not coarser


def test_rules_work_where_a_table_has_no_key(pair: Pair) -> None:
    pair.both("create table t (a int, active boolean, at timestamp)",
              "insert into t values (1, null, null), (1, null, '2024-01-01'), (1, false, null),"
              "  (2, true, null)")  # fmt: skip
    pair.target.run("update t set active = false where active is null",
                    "update t set at = '2025-05-05' where at is null")  # fmt: skip
    table = pair.table("t", NULLS[0], FILLED)
    assert (table.differing, table.declared) == (0, 5)
    pair.target.run("update t set at = '2023-01-01' where at = '2024-01-01'")
    assert pair.table("t", NULLS[0], FILLED).differing > 0


def test_a_rule_for_every_column_applies_where_its_default_can_be_a_value(pair: Pair) -> None:
    everywhere = [
        {"kind": "null_is_default", "table": "*", "column": "*", "default": default}
        for default in ({}, False, 0, "")
    ]
    pair.both("create table t (id int primary key, j jsonb, b boolean, n int, s text, at timestamp)",
              "insert into t (id) values (1)")  # fmt: skip
    pair.target.run("update t set j = '{}', b = false, n = 0, s = ''")
    assert pair.table("t", *everywhere).declared == 4
    pair.target.run("update t set at = '2024-01-01'")
    assert pair.table("t", *everywhere).changed == 1


def test_new_rows_are_counted_separately_and_lost_rows_are_not(pair: Pair) -> None:
    pair.both("create table t (id int primary key)", "insert into t values (1), (2)")
    pair.target.run("insert into t values (3), (4)")
    rule = {"kind": "new_rows", "table": "t"}
    table = pair.table("t", rule)
    assert (table.equal, table.declared) == (True, 2)
    pair.target.run("delete from t where id = 1")
    assert pair.table("t", rule).missing == 1


def test_excluded_columns_are_listed_and_unused_rules_are_named(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v int)", "create table u (id int primary key)")
    rules = [{"kind": "not_compared", "table": "u"}, {"kind": "not_compared", "table": "t", "column": "v"},
             {"kind": "new_table", "table": "never"}]  # fmt: skip
    result = pair.compare(rules)
    assert result.not_compared == ["t.v", "u"]
    assert result.tables[0].not_compared == ["v"]
    assert result.unmet_rules == ["never: the target has a table more"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x", "must be a mapping"),
        ({"kind": "whatever"}, "there are: null_is_default"),
        ({"kind": "null_is_default", "table": "t", "column": "c"}, "needs default"),
        ({"kind": "new_table", "table": "t", "colour": 1}, "does not know colour"),
        ({"kind": "rounded", "table": "t", "column": "c", "digits": 9}, "digits"),
        ({"kind": "new_table", "table": 7}, "table must be a name"),
    ],
)
def test_a_mistake_is_named_by_its_place(given: Any, said: str) -> None:
    with pytest.raises(InvalidRule, match=f"declared difference 2.*{said}"):
        parse_rules([{"kind": "new_table", "table": "t"}, given])
