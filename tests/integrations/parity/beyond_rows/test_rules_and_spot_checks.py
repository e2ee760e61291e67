"""Rules in SQL must have the same answer on both sides, and named rows are compared side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integrations.parity.beyond_rows.spot_checks import SpotCheck, parse_spot_checks
from integrations.parity.beyond_rows.sql_rules import SqlRule, parse_sql_rules
from integrations.parity.engine.comparison import compare_before
from integrations.parity.engine.fingerprint import read_fingerprint, take_fingerprint, write_fingerprint
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, exit_code
from integrations.parity.server.snapshot import Snapshot
from tests.integrations.parity.conftest import Pair

TABLE = "create table gifts (id int primary key, amount numeric(10,2), kind text, more jsonb)"
ROWS = """insert into gifts select i, i * 1.5, 'k' || i % 3, jsonb_build_object('n', i)
  from generate_series(1, 9) i"""
BY_KIND = SqlRule("gifts by kind", "select kind, count(*), sum(amount) from gifts group by 1")


def check(pair: Pair, sql: str) -> dict[str, Any]:
    return pair.compare(checks=(SqlRule("one", sql),)).checks[0]


def test_the_same_answer_in_another_order_is_equal(pair: Pair) -> None:
    pair.both(TABLE, ROWS)
    pair.target.run("update gifts set amount = amount where id < 4")  # the rows stand elsewhere now
    found = pair.compare(checks=(BY_KIND,)).checks
    assert found == [{
        "name": "gifts by kind", "sql": BY_KIND.sql, "equal": True,
        "source": [["k0", "3", "27"], ["k1", "3", "18"], ["k2", "3", "22.5"]],
        "target": [["k0", "3", "27"], ["k1", "3", "18"], ["k2", "3", "22.5"]],
    }]  # fmt: skip


def test_another_answer_counts_against_equal(pair: Pair) -> None:
    pair.both(TABLE, ROWS)
    pair.target.run("update gifts set kind = 'k2' where id = 3")
    result = pair.compare(checks=(BY_KIND,))
    assert not result.checks[0]["equal"]
    assert "1 rule answered differently (gifts by kind)" in result.summary


def test_a_rule_without_an_answer_did_not_answer_differently(pair: Pair) -> None:
    pair.both(TABLE, ROWS)
    rules = (SqlRule("gone", "select count(*) from nope"), SqlRule("zero", "select 1/0"))
    result = pair.compare(checks=(*rules, BY_KIND))
    assert result.summary == "1 table, 9 rows: 2 rules without an answer (gone, zero)."
    assert exit_code(result) == COULD_NOT


def test_answers_that_mean_the_same_are_the_same(pair: Pair) -> None:
    pair.source.run("create table t (n numeric(10,2), at timestamptz, d timestamp)")
    pair.target.run("create table t (n numeric, at timestamp, d timestamp)")
    pair.both("insert into t values (1.5, '2024-01-01', 'infinity'), (10, null, '0044-03-15 BC')")
    found = check(pair, "select * from t")
    assert found["equal"], found
    assert found["source"] == [["1.5", "2024-01-01 00:00:00", "infinity"],
                               ["10", None, "0044-03-15 00:00:00 BC"]]  # fmt: skip


def test_long_answers_show_the_rows_that_differ_first(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", "insert into t select generate_series(1, 99)")
    pair.target.run("update t set v = repeat('x', 5000) where id = 98")
    found = check(pair, "select * from t")
    assert (found["equal"], found["cut"], len(found["target"])) == (False, True, 20)
    assert (found["source"][0], found["target"][0]) == (
        ["98", None],
        ["98", f"{'x' * 200}… (5000 characters)"],
    )


def test_a_rule_that_fails_says_so_and_ends_nothing_else(pair: Pair) -> None:
    pair.both(TABLE, ROWS)
    pair.target.run("alter table gifts drop column kind", "alter table gifts add column other text")
    broken, fine = pair.compare(checks=(BY_KIND, SqlRule("fine", "select 1"))).checks
    assert (broken["equal"], broken["target"]) == (False, None)
    assert 'target: column "kind" does not exist' in broken["reason"]
    assert fine["equal"]


@pytest.mark.parametrize(
    "sql",
    [
        "commit", "delete from gifts returning id", "select 1; drop table gifts",
        "select 1) as a; commit; drop table gifts; select * from (select 1",
        "with gone as (delete from gifts returning id) select * from gone",
        "select nextval('numbers')", "select pg_advisory_lock(1), lo_create(0)",
    ],
)  # fmt: skip
def test_nothing_is_ever_written_by_a_rule(pair: Pair, sql: str) -> None:
    pair.both(TABLE, ROWS, "create sequence numbers")
    found = check(pair, sql)
    assert not found["equal"]
    assert found["reason"]
    untouched = "(select count(*) = 9 from gifts) and not (select is_called from numbers)"
    pair.both(f"do $$ begin assert {untouched}; end $$")


def test_a_rule_with_too_many_rows_is_refused(pair: Pair) -> None:
    pair.both(TABLE, ROWS)
    assert "more than 100 rows" in check(pair, "select generate_series(1, 101)")["reason"]


def test_a_fingerprint_keeps_the_answers_to_rules(pair: Pair, tmp_path: Path) -> None:
    pair.source.run(TABLE, ROWS)
    with Snapshot(pair.source.server) as snapshot:
        write_fingerprint(take_fingerprint(snapshot, checks=(BY_KIND,)), tmp_path / "kept")
    kept = read_fingerprint(tmp_path / "kept")
    assert compare_before(kept, pair.source.server, ComparisonOptions()).checks[0]["equal"]
    pair.source.run("update gifts set kind = 'k2' where id = 3")
    late = SqlRule("late", "select 1")
    then, new = compare_before(kept, pair.source.server, ComparisonOptions(checks=(BY_KIND, late))).checks
    assert (then["name"], then["equal"], then["source"][0]) == ("gifts by kind", False, ["k0", "3", "27"])
    assert (new["name"], new["equal"]) == ("late", False)
    assert "the fingerprint was taken without this" in new["reason"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"name": "a"}], "check 1 must look like"),
        ([{"name": "a", "sql": " "}], "check 1: name and sql are texts"),
        ([{"name": "a", "sql": "select 1"}, {"name": "a", "sql": "select 2"}], "check 2: there is another"),
    ],
)
def test_an_invalid_rule_is_named(given: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_sql_rules(given)


def test_a_named_row_is_compared_side_by_side(pair: Pair) -> None:
    pair.both(TABLE, ROWS)
    pair.target.run(
        "alter table gifts alter more type json", "update gifts set more = '{ \"n\":   4}' where id = 4"
    )
    same = pair.compare(spots=(SpotCheck("gifts", {"id": "4"}),)).spots[0]
    assert same["equal"], "a json means the same with other blanks"
    assert same["columns"]["amount"] == ["6.00", "6.00"]
    pair.target.run("update gifts set amount = 6.01 where id = 4")
    result = pair.compare(spots=(SpotCheck("gifts", {"kind": "k1", "id": "4"}, ("amount",)),))
    both = {"amount": ["6.00", "6.01"]}
    named = {"table": "gifts", "key": {"kind": "k1", "id": "4"}}
    assert result.spots == [{**named, "equal": False, "columns": both}]
    assert "1 spot check not the same (gifts)" in result.summary


def test_a_missing_row_and_an_ambiguous_key_are_reported(pair: Pair) -> None:
    pair.both(TABLE, ROWS)
    pair.target.run("delete from gifts where id = 9")
    gone, neither, many, strange, nowhere = pair.compare(
        spots=(
            SpotCheck("gifts", {"id": "9"}), SpotCheck("gifts", {"id": "99"}),
            SpotCheck("gifts", {"kind": "k1"}),
            SpotCheck("gifts", {"nme": "x"}), SpotCheck("gift", {"id": "1"}),
        )
    ).spots  # fmt: skip
    assert gone["reason"] == "there is no such row in the target"
    assert gone["columns"]["id"] == ["9", None]
    assert neither["reason"] == "there is no such row in the source and in the target"
    assert "more than one row of gifts has this key" in many["reason"]
    assert "gifts has no column nme that is compared" in strange["reason"]
    assert "there is no table gift on both sides" in nowhere["reason"]
    assert not any(one["equal"] for one in (gone, neither, many, strange, nowhere))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["users"], "spot check 1 must look like"),
        ([{"table": "users", "key": {}}], "spot check 1: table is a name"),
        ([{"table": "users", "key": {"id": 1}, "columns": "name"}], "spot check 1: columns is a list"),
    ],
)
def test_an_invalid_spot_check_is_named(given: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_spot_checks(given)
    assert parse_spot_checks([{"table": "users", "key": {"id": 1}}]) == (SpotCheck("users", {"id": "1"}),)
