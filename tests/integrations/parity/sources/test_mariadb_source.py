"""MariaDB as the source: rows, schema, rules, objects beside the rows, and what may go wrong meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from integrations.parity.errors import ParityError
from integrations.parity.model.declared import RULE_KINDS, DeclaredRule
from integrations.parity.observer import ComparisonObserver, ReadProgress
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import COULD_NOT, DIFFERENT, EQUAL, exit_code
from integrations.parity.sources.mariadb_session import load_driver
from integrations.parity.sources.source_comparison import compare_source
from integrations.parity.sources.table_matching import KNOWN_RULES
from tests.integrations.parity.conftest import only, when
from tests.integrations.parity.sources.conftest import MixedPair

NUMBERS = "(select 0 n union select 1 union select 2 union select 3 union select 4)"


def fill(mixed: MixedPair) -> None:
    """3125 rows with integer keys, half of them negative."""
    mixed.run(
        "create table t (id bigint primary key, v varchar(20))",
        "insert into t select n - 1500, concat('v', n) from (select a.n + 5 * b.n + 25 * c.n + 125 * d.n"
        f" + 625 * e.n as n from {NUMBERS} a, {NUMBERS} b, {NUMBERS} c, {NUMBERS} d, {NUMBERS} e) x",
    )
    mixed.target.run(
        "create table t (id bigint primary key, v text)",
        "insert into t select n - 1500, 'v' || n from generate_series(0, 3124) n",
    )


def test_equal_tables_are_equal_and_each_row_that_differs_is_named(mixed: MixedPair) -> None:
    fill(mixed)
    result = mixed.compare()
    assert (exit_code(result), result.tables[0].source_rows) == (EQUAL, 3125), result.problems
    assert "MariaDB 10." in result.source["engine"]
    assert mixed.server.password not in str(result.as_facts())
    mixed.target.run(
        "update t set v = 'w' where id in (-1500, 0, 1024)", "delete from t where id = -1",
        "insert into t values (99999999999, 'new')",
    )  # fmt: skip
    table = mixed.table("t")
    assert (table.changed, table.missing, table.extra) == (3, 1, 1)
    found = {(row.kind, row.key["id"]): row.columns["v"] for row in table.examples}
    assert found == {
        ("changed", "-1500"): ["v0", "w"], ("changed", "0"): ["v1500", "w"],
        ("changed", "1024"): ["v2524", "w"],
        ("missing", "-1"): ["v1499", None], ("extra", "99999999999"): [None, "new"],
    }  # fmt: skip
    assert table.by_column == {"v": 3}


def test_a_bucket_with_most_of_the_rows_is_split(mixed: MixedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    """One key far away from all others makes the ranges of keys useless."""
    fill(mixed)
    mixed.run("insert into t values (9000000000000000000, 'far')")
    mixed.target.run("insert into t values (9000000000000000000, 'far')", "update t set v = '' where id = 7")
    monkeypatch.setattr("integrations.parity.sources.table_diff.LARGE_BUCKET", 100)
    monkeypatch.setattr("integrations.parity.sources.table_diff.ROWS_PER_BUCKET", 64)
    read: list[int] = []
    original = load_driver().cursors.SSCursor.execute

    def counted(cursor: object, query: str) -> object:
        answer = original(cursor, query)
        read.append(query.count("between"))
        return answer

    monkeypatch.setattr(load_driver().cursors.SSCursor, "execute", counted)
    table = mixed.table("t")
    assert [row.key["id"] for row in table.examples] == ["7"]
    assert read[0] == 2  # the rows of one narrow range, within the range of the wide one


def test_a_table_without_a_key_is_compared_as_a_multiset(mixed: MixedPair) -> None:
    mixed.run("create table t (a int, j json)", "insert into t values (1,'[1]'),(1,'[1]'),(2,'{}')")
    mixed.target.run(
        "create table t (a int, j jsonb)", "insert into t values (1,'[1]'),(2,'{}'),(2,'{}'),(3,null)"
    )
    table = mixed.table("t")
    assert (table.changed, table.missing, table.extra) == (0, 1, 2)
    kinds = sorted((row.kind, *row.columns["a"]) for row in table.examples if row.kind == "extra")
    assert kinds == [("extra", None, "2"), ("extra", None, "3")]


def test_what_one_side_has_alone_is_a_difference(mixed: MixedPair) -> None:
    mixed.run("create table t (id int primary key, Gone int, ownerId int)", "create table lost (id int)")
    mixed.target.run(
        "create table t (id int primary key, ownerid int, more int)", "create table found (id int)"
    )
    result = mixed.compare()
    assert result.schema["undeclared"] == [
        "new table found", "missing table lost", "new column t.more", "missing column t.Gone",
    ]  # fmt: skip
    assert exit_code(result) == DIFFERENT
    assert "its name in the source is ownerId" in " ".join(only(result, "t").notes)
    rules = (
        {"kind": "new_table", "table": "found"}, {"kind": "dropped_table", "table": "lost"},
        {"kind": "new_column", "table": "t", "column": "more"},
        {"kind": "dropped_column", "table": "t", "column": "Gone"},
    )  # fmt: skip
    assert mixed.compare(*rules).equal


def test_columns_left_out_are_listed_and_a_table_without_any_is_not_equal(mixed: MixedPair) -> None:
    mixed.run("create table t (id int primary key, v int)", "insert into t values (1, 1)")
    mixed.target.run("create table t (id int primary key, v int)", "insert into t values (1, 2)")
    one = mixed.compare({"kind": "not_compared", "table": "t", "column": "v"})
    assert (one.equal, one.not_compared) == (True, ["t.v"])
    every = mixed.compare({"kind": "not_compared", "table": "t", "column": "*"})
    assert exit_code(every) == COULD_NOT


def test_a_declared_default_explains_one_direction_only(mixed: MixedPair) -> None:
    rule = {"kind": "null_is_default", "table": "t", "column": "v", "default": "new"}
    mixed.run(
        "create table t (id int primary key, v varchar(9), w int)",
        "insert into t values (1, null, 1), (2, 'new', 1), (3, null, 1), (4, null, 1), (5, 'old', 1)",
    )
    mixed.target.run(
        "create table t (id int primary key, v text, w int)",
        "insert into t values (1, 'new', 1), (2, null, 1), (3, null, 1), (4, 'other', 1), (5, 'old', 1)",
    )
    table = mixed.table("t", rule)
    assert [(row.key["id"], row.columns) for row in table.examples] == [
        ("2", {"v": ["new", None]}), ("4", {"v": [None, "other"]}),
    ]  # fmt: skip
    assert table.declared_by == {"t.v: NULL is 'new'": 2}  # rows 1 and 4; row 3 is the same on both sides
    mixed.target.run("update t set v = 'new' where id in (2, 3, 4)")
    result = mixed.compare(rule)
    assert (result.equal, result.declared_count) == (True, 3)


def test_a_declared_rounding_explains_lost_digits_and_not_new_ones(mixed: MixedPair) -> None:
    rule = {"kind": "rounded", "table": "t", "column": "at", "digits": 3}
    mixed.run(
        "create table t (id int primary key, at datetime(6))",
        "insert into t values (1, '2024-01-01 00:00:00.1239')",
    )
    mixed.run("insert into t values (2, '2024-01-01 00:00:00.124'), (3, '2024-01-01 00:00:00.1239')")
    mixed.target.run("create table t (id int primary key, at timestamp)")
    mixed.target.run(
        "insert into t values (1, '2024-01-01 00:00:00.124'), (2, '2024-01-01 00:00:00.1241'),"
        " (3, '2024-01-01 00:00:00.1239')"
    )
    table = mixed.table("t", rule)
    assert [row.key["id"] for row in table.examples] == ["2"]
    assert table.declared == 1


def test_differences_that_follow_from_types_are_counted_and_listed(mixed: MixedPair) -> None:
    mixed.run(
        "create table t (id int primary key, d date, at datetime(6), c varchar(9), b tinyint(1))",
        "insert into t values (1, '0000-00-00', '2024-01-01 00:00:00.0006', 'a ', 1),"
        " (2, null, null, 'b', 0)",
    )
    mixed.target.run(
        "create table t (id int primary key, d date, at timestamp(3), c char(9), b boolean)",
        "insert into t values (1, null, '2024-01-01 00:00:00.001', 'a', true), (2, null, null, 'b', false)",
    )
    result = mixed.compare()
    (table,) = result.tables
    assert (result.equal, sorted(table.declared_by.values())) == (True, [1, 1, 1])
    assert {name.partition(":")[0] for name in table.declared_by} == {"d", "at", "c"}
    assert any("0 is false" in note for note in table.notes)
    assert {"column": "t.b", "source": "tinyint(1)", "target": "boolean"} in result.schema["changed_types"]


def test_rules_that_mean_nothing_here_are_refused_by_name(mixed: MixedPair) -> None:
    fill(mixed)
    unknown = sorted(RULE_KINDS.keys() - KNOWN_RULES)
    options = ComparisonOptions(tuple(DeclaredRule(kind, "t", "v") for kind in unknown))
    result = compare_source(mixed.url, mixed.target.server, options)
    assert exit_code(result) == COULD_NOT
    assert [kind for kind in unknown if not any(f"({kind})" in line for line in result.unsound)] == []
    unmatched = mixed.compare({"kind": "not_compared", "table": "t", "column": "nope"}, personal=("t.nope",))
    assert len(unmatched.unmatched_rules) == 2
    with pytest.raises(ParityError, match="settle"):
        mixed.compare(settle=1)
    with pytest.raises(ParityError, match="judged"):
        mixed.compare(structure="judged")
    with pytest.raises(ParityError, match=r"t\.nope is not there"):
        mixed.compare(personal=("t.nope",), refuse_personal=True)


def test_a_default_that_cannot_be_a_value_of_its_column_is_not_passed_over(mixed: MixedPair) -> None:
    mixed.run("create table t (id int primary key, n int, j json)")
    mixed.target.run("create table t (id int primary key, n int, j jsonb)")
    for column, default in (("n", "many"), ("n", True), ("j", {})):
        rule = {"kind": "null_is_default", "table": "t", "column": column, "default": default}
        assert any("is no value of its form" in reason for reason in mixed.table("t", rule).unsound), column


def test_numbers_that_would_be_given_out_again_are_a_difference(mixed: MixedPair) -> None:
    mixed.run(
        "create table t (id int auto_increment primary key)", "insert into t values (41)", "delete from t"
    )
    mixed.target.run("create table t (id int generated by default as identity primary key)")
    result = mixed.compare()
    (found,) = result.structure["sequence values"]
    assert (found["name"], found["source"], found["target"]) == ("t.id", "next is 42", "next is 1")
    assert exit_code(result) == DIFFERENT
    mixed.target.run("alter table t alter id restart with 42")
    assert mixed.compare().equal
    mixed.target.run("alter table t alter id drop identity")
    assert mixed.compare().structure["sequence values"][0]["target"] is None


def test_what_is_beside_the_rows_is_listed_with_both_numbers(mixed: MixedPair) -> None:
    fill(mixed)
    mixed.run(
        "create view w as select * from t",
        "create trigger g before insert on t for each row set new.v = 'x'",
        "create procedure p() select 1", "create sequence s",
    )  # fmt: skip
    mixed.target.run("create view w as select id from t", "create view w2 as select 1 as one")
    result = mixed.compare()
    numbers = {one["kind"]: (one["source"], one["target"]) for one in result.uncompared}
    assert numbers["views"] == (1, 2)
    assert (numbers["triggers"][0], numbers["functions"][0], numbers["sequences"][0]) == (1, 1, 1)
    assert result.equal


def test_views_that_are_named_are_compared_as_tables(mixed: MixedPair) -> None:
    fill(mixed)
    mixed.run("create view w as select id, v from t where id < 0")
    mixed.target.run("create view w as select id, v from t where id < 1")
    table = mixed.table("w", views=("w",))
    assert (table.missing, table.extra, table.key) == (0, 1, [])
    assert "there is no view nope to compare" in mixed.compare(views=("nope",)).unsound


def test_tables_may_be_in_a_schema_named_like_the_database(mixed: MixedPair) -> None:
    mixed.run("create table t (id int primary key)", "insert into t values (1)")
    mixed.target.run(f"create schema {mixed.name}", f"create table {mixed.name}.t (id int primary key)")
    assert mixed.table(f"{mixed.name}.t").missing == 1


@pytest.mark.parametrize(
    "change",
    [
        "alter table t modify v varchar(21) not null default ''", "truncate table t",
        "rename table t to old, u to t", "drop table t", "alter table t add w int",
    ],
)  # fmt: skip
def test_a_table_that_changes_meanwhile_is_not_proven(mixed: MixedPair, change: str) -> None:
    fill(mixed)
    time.sleep(1.1)  # MariaDB tells when a table was made to the second; two of one second look the same
    mixed.run("create table u as select * from t", "alter table u add primary key (id)")
    mixed.target.run("create table u as select * from t", "alter table u add primary key (id)")
    observer = when("t", "reading", lambda: mixed.run(change) and None)
    result = mixed.compare(observer=observer)
    assert only(result, "t").unsound, change
    assert exit_code(result) == COULD_NOT, only(result, "t").examples


def test_a_target_that_changes_meanwhile_is_not_proven(mixed: MixedPair) -> None:
    fill(mixed)
    observer = when("t", "reading", lambda: mixed.target.run("truncate t"))
    assert "rewritten or truncated" in only(mixed.compare(observer=observer), "t").unsound[0]


def test_locks_of_a_table_end_with_it(mixed: MixedPair) -> None:
    """DDL of others would wait for the whole comparison otherwise."""
    fill(mixed)
    mixed.run("create table u (id int primary key)")
    mixed.target.run("create table u (id int primary key)")
    other = {"t": "u", "u": "t"}
    seen: list[str] = []

    def alter(name: str) -> None:
        mixed.run("set lock_wait_timeout = 2", f"alter table {name} comment 'later'")
        seen.append(name)

    order: list[str] = []

    def begun(one: ReadProgress) -> None:
        if one.state == "reading":
            order.append(one.table)
        if len(order) == 2 and not seen:
            alter(other[one.table])

    assert mixed.compare(observer=ComparisonObserver(on_table=begun)).equal
    assert seen == order[:1]


@contextmanager
def global_settings(mixed: MixedPair, **settings: str) -> Iterator[None]:
    """Settings that every new session of the server begins with."""
    old = {name: mixed.server.execute(f"select @@global.{name}")[0][0] for name in settings}
    try:
        mixed.server.execute(*(f"set global {name} = {value}" for name, value in settings.items()))
        yield
    finally:
        values = {name: f"'{value}'" if isinstance(value, str) else str(value) for name, value in old.items()}
        mixed.server.execute(*(f"set global {name} = {value}" for name, value in values.items()))


def test_settings_of_the_server_change_nothing(mixed: MixedPair) -> None:
    mixed.run(
        "create table t (id int primary key, c char(5), at timestamp(3) null, d double, s varchar(9))",
        "set time_zone = '+00:00'", "insert into t values (1, 'a', '2024-01-01 10:00:00.5', 0.1, 'a\\\\b')",
    )  # fmt: skip
    mixed.target.run(
        "create table t (id int primary key, c text, at timestamptz, d float8, s text)",
        "insert into t values (1, 'a', '2024-01-01 10:00:00.5+00', 0.1, 'a\\b')",
        "alter database current_database_placeholder set timezone = 'Asia/Tokyo'".replace(
            "current_database_placeholder", mixed.target.url.rpartition("/")[2].partition("?")[0]
        ),
    )
    hostile = {
        "sql_mode": "'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
        "time_zone": "'+05:00'", "idle_readonly_transaction_timeout": "1", "idle_transaction_timeout": "1",
        "wait_timeout": "1", "sql_select_limit": "1", "tx_isolation": "'READ-UNCOMMITTED'",
        "collation_connection": "'utf8mb4_general_ci'",
    }  # fmt: skip
    with global_settings(mixed, **hostile):
        assert mixed.compare().equal


def test_rows_longer_than_a_packet_are_not_equal(mixed: MixedPair) -> None:
    mixed.run("create table t (id int primary key, a text)", "insert into t values (1, repeat('x', 60000))")
    mixed.target.run(
        "create table t (id int primary key, a text)", "insert into t values (1, repeat('x', 60000))"
    )
    assert mixed.compare().equal
    with global_settings(mixed, max_allowed_packet="32768"):
        assert "max_allowed_packet" in mixed.table("t").unsound[0]


def test_a_lost_server_leaves_what_was_found(mixed: MixedPair) -> None:
    fill(mixed)
    mixed.run("create table u (id int primary key)")
    mixed.target.run("create table u (id int primary key)")

    def end_sessions() -> None:
        ids = mixed.server.execute(
            "select id from information_schema.processlist where id <> connection_id()"
        )
        for (number,) in ids:
            mixed.server.execute(f"kill {number}")

    observer = ComparisonObserver(on_table_finished=lambda table: end_sessions())
    result = mixed.compare(observer=observer)
    assert (len(result.tables), exit_code(result)) == (1, COULD_NOT)
    assert "was lost" in result.partial


def test_a_comparison_can_be_stopped(mixed: MixedPair) -> None:
    fill(mixed)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mixed.compare(observer=ComparisonObserver(check_cancelled=stop))


def test_tables_without_snapshots_are_told(mixed: MixedPair) -> None:
    mixed.run("create table t (id int primary key) engine = MyISAM")
    mixed.target.run("create table t (id int primary key)")
    assert any("keeps no snapshot" in note for note in mixed.table("t").notes)
    mixed.run("drop table t", "create table t (id int primary key) with system versioning")
    assert any("earlier versions" in note for note in mixed.table("t").notes)


def test_the_driver_is_needed_for_this_source_only(mixed: MixedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(ParityError, match="pip install pymysql"):
        compare_source(mixed.url, mixed.target.server, ComparisonOptions())


@pytest.mark.parametrize(
    "address",
    ["mysql://u:se@cret@h/d", "mysql://u:secret@h:x/d", "mysql://u:secret@h", "mysql://u:secret@h/d?nope=1"],
)
def test_addresses_that_cannot_be_read_show_no_password(mixed: MixedPair, address: str) -> None:
    with pytest.raises(ParityError) as raised:
        compare_source(address, mixed.target.server, ComparisonOptions())
    assert "cret" not in str(raised.value)
