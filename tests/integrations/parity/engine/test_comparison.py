"""Differences are found and named in tables of every kind, and what cannot be compared is reported."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from integrations.errors import Cancelled
from integrations.parity.engine.comparison import compare_live
from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import PostgresServer
from tests.integrations.parity.conftest import Pair, only
from tests.waiting import wait_for

MANY = "insert into t select i, 'row ' || i from generate_series(1, 5000) i"


def keys(pair: Pair, table: str = "t", **more: Any) -> list[tuple[str, Any]]:
    found = pair.table(table, **more).examples
    return sorted((example.kind, tuple(example.key.values())) for example in found)


def test_equal_databases_are_equal_and_have_the_same_digest_again(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", MANY)
    first, second = pair.compare(), pair.compare()
    assert first.equal
    assert first.summary == "1 table, 5\u202f000 rows: all equal."
    assert first.digest == second.digest
    pair.target.run("update t set v = 'x' where id = 4711")
    assert pair.compare().digest != first.digest


@pytest.mark.parametrize("key", ["int", "text"])
def test_the_servers_estimate_of_rows_does_not_change_the_digest(pair: Pair, key: str) -> None:
    """Autovacuum corrects the estimate between two comparisons, and with it the number of buckets."""
    rows = "insert into t select i * 9, 'v' || i % 7 from generate_series(1, 5000) i"
    pair.both(f"create table t (id {key} primary key, v text) with (autovacuum_enabled = off)", rows)
    first = pair.compare()
    pair.both("update pg_class set reltuples = 9000000 where relname = 't'")
    assert pair.compare().digest == first.digest


def test_an_empty_database_is_never_equal(pair: Pair) -> None:
    assert not pair.compare().equal
    assert "nothing was compared" in pair.compare().summary


def test_swapped_values_are_found(pair: Pair) -> None:
    pair.both("create table t (id int primary key, a text, b text, x float8, y float8)",
              "insert into t select i, 'a' || i, 'b' || i, 0, i from generate_series(1, 100) i")  # fmt: skip
    pair.target.run(
        "update t set a = case id when 1 then 'a2' else 'a1' end where id in (1, 2)",  # between rows
        "update t set a = b, b = a where id = 3",  # between columns
        "update t set x = y, y = x where id = 4",  # a zero, which some hashes give their seed for
    )
    assert keys(pair) == [("changed", (str(n),)) for n in (1, 2, 3, 4)]


def test_a_letter_that_moves_into_the_next_column_is_found(pair: Pair) -> None:
    """Written one after the other, the values of both rows are the same."""
    pair.both("create table t (id int primary key, a text, b text, c text)")
    pair.source.run("insert into t values (1, 'ab', '', 'c'), (2, 'a|b', 'c', null)")
    pair.target.run("insert into t values (1, 'a', 'b', 'c'), (2, 'a', 'b|c', null)")
    assert [list(row.columns) for row in pair.table("t").examples] == [["a", "b"], ["a", "b"]]


def test_two_booleans_that_change_in_opposite_directions_are_found(pair: Pair) -> None:
    pair.both("create table t (id int primary key, a boolean, b boolean)",
              "insert into t select i, i % 2 = 0, i % 3 = 0 from generate_series(1, 200) i")  # fmt: skip
    pair.target.run("update t set a = not a where id in (10, 11)", "update t set a = b, b = a where id = 3")
    assert keys(pair) == [("changed", ("10",)), ("changed", ("11",)), ("changed", ("3",))]


def test_missing_and_extra_rows_with_distant_keys_are_found(pair: Pair) -> None:
    pair.both("create table t (id bigint primary key, v text)", MANY)
    pair.source.run("insert into t values (-3, 'before')")
    pair.target.run("delete from t where id in (7, 4000)", "insert into t values (9000000000000, 'far')")
    assert keys(pair) == [("extra", ("9000000000000",)), ("missing", ("-3",)), ("missing", ("4000",)),
                          ("missing", ("7",))]  # fmt: skip


@pytest.mark.parametrize("kind", ["uuid", "text", "timestamp(3)", "numeric", "int, part text"])
def test_keys_of_any_type_work(pair: Pair, kind: str) -> None:
    made = {
        "uuid": "md5(i::text)::uuid", "text": "'ключ ' || i", "numeric": "i / 4.0",
        "timestamp(3)": "timestamp '2024-01-01' + i * interval '1 s'", "int, part text": "i/3, 'p' || i%3",
    }[kind]  # fmt: skip
    names = "k, part" if "part" in kind else "k"
    pair.both(f"create table t (k {kind}, v int, primary key ({names}))",
              f"insert into t select {made}, i from generate_series(1, 3000) i")  # fmt: skip
    pair.target.run("update t set v = -v where v = 1234", "delete from t where v = 2000")
    table = pair.table("t")
    assert (table.changed, table.missing, table.extra) == (1, 1, 0)
    assert [e.columns for e in table.examples if e.kind == "changed"] == [{"v": ["1234", "-1234"]}]


def test_a_table_without_key_is_compared_as_a_multiset(pair: Pair) -> None:
    pair.both("create table t (a int, b text)",
              "insert into t select i % 10, 'x' from generate_series(1, 1000) i")  # fmt: skip
    assert pair.compare().equal
    pair.target.run("delete from t where ctid = (select ctid from t where a = 3 limit 1)",
                    "insert into t values (4, 'x'), (5, NULL)")  # fmt: skip
    table = pair.table("t")
    assert (table.changed, table.missing, table.extra) == (0, 1, 2)
    shown = sorted((e.kind, e.columns["a"], e.columns["b"]) for e in table.examples if e.kind == "extra")
    assert (["extra", [None, "5"], [None, None]]) in [list(one) for one in shown]


def test_a_unique_index_of_columns_that_are_never_null_is_a_key(pair: Pair) -> None:
    pair.both("create table t (a int not null, b text not null, c int unique, v text)",
              "create unique index on t (a, b)", "insert into t values (1, 'x', 1, 'v')")  # fmt: skip
    pair.target.run("update t set v = 'w'")
    assert pair.table("t").examples[0].key == {"a": "1", "b": "x"}


def test_duplicate_rows_are_found_where_the_target_lost_its_key(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", MANY)
    pair.target.run("alter table t drop constraint t_pkey", "alter table t alter id drop not null",
                    "insert into t values (5, 'row 5'), (NULL, 'lost')")  # fmt: skip
    table = pair.table("t")
    assert (table.missing, table.extra) == (0, 2)


def test_names_of_all_kinds_and_empty_tables_work(pair: Pair) -> None:
    pair.both(
        'create schema "Ünï"',
        'create table "Ünï"."Ta%s""ble" ("Schlüssel %s" int primary key, "a {b}" text)',
        """insert into "Ünï"."Ta%s""ble" values (1, 'x')""",
        "create table empty_one (id int primary key)",
        "create table nothing ()",
    )
    assert pair.compare().equal
    pair.target.run("""update "Ünï"."Ta%s""ble" set "a {b}" = '%s'""")
    table = pair.table('Ünï."Ta%s""ble"')
    assert table.examples[0].key == {"Schlüssel %s": "1"}
    assert table.examples[0].columns == {"a {b}": ["x", "%s"]}


def test_partitioned_and_inheriting_tables_count_each_row_once(pair: Pair) -> None:
    pair.source.run("create table t (id int primary key, v text) partition by range (id)",
                    "create table t1 partition of t for values from (0) to (2500)",
                    "create table t2 partition of t for values from (2500) to (9999)")  # fmt: skip
    pair.target.run("create table t (id int primary key, v text)")
    pair.both(MANY, "create table p (id int primary key)", "create table c () inherits (p)",
              "insert into p values (1)", "insert into c values (2)")  # fmt: skip
    result = pair.compare(structure="told")
    assert result.equal, result.summary
    assert {table.table: table.source_rows for table in result.tables} == {"t": 5000, "p": 1, "c": 1}
    assert not pair.compare().equal, "another partitioning counts"


def test_a_wide_table_works(pair: Pair) -> None:
    columns = ", ".join(f"c{n} {('int', 'text', 'boolean', 'numeric')[n % 4]}" for n in range(400))
    pair.both(
        f"create table t (id int primary key, {columns})", "insert into t (id) select generate_series(1, 50)"
    )
    assert pair.compare().equal
    pair.target.run("update t set c399 = 0 where id = 7", "update t set c2 = false where id = 8")
    assert keys(pair) == [("changed", ("7",)), ("changed", ("8",))]


def test_many_differences_are_all_counted_and_some_shown(pair: Pair) -> None:
    pair.both("create table t (id text primary key, v text)", MANY)
    pair.target.run("update t set v = v || '!'")
    table = pair.table("t")
    assert (table.changed, len(table.examples), table.as_facts()["examples_cut"]) == (5000, 100, True)


def test_types_without_a_common_form_are_reported_and_fail_the_verdict(pair: Pair) -> None:
    pair.source.run("create table t (id int primary key, v boolean)")
    pair.target.run("create table t (id int primary key, v integer)")
    result = pair.compare()
    assert not result.equal
    assert only(result, "t").unsound == ["v: boolean and integer have no common form"]
    assert pair.compare([{"kind": "not_compared", "table": "t", "column": "v"}]).equal


def test_json_that_jsonb_refuses_is_reported_and_the_rest_is_compared(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v json, w text)",
              """insert into t values (1, '{"a": "\\ud800"}', 'x')""")  # fmt: skip
    pair.target.run("update t set w = 'y'")
    table = pair.table("t")
    assert table.changed == 1
    assert "JSON that jsonb cannot hold" in table.unsound[0]


def test_tables_and_columns_of_one_side_must_be_declared(pair: Pair) -> None:
    pair.both("create table t (id int primary key)", "insert into t values (1)")
    pair.source.run("create table gone (id int)", "alter table t add old int")
    pair.target.run("create table fresh (id int)", "alter table t add roles text[]")
    result = pair.compare()
    assert result.schema["undeclared"] == ["new table fresh", "missing table gone", "new column t.roles",
                                           "missing column t.old"]  # fmt: skip
    assert not result.equal
    rules = [{"kind": "new_table", "table": "fresh"}, {"kind": "dropped_table", "table": "gone"},
             {"kind": "new_column", "table": "*", "column": "ro*"},
             {"kind": "dropped_column", "table": "t", "column": "old"}]  # fmt: skip
    declared = pair.compare(rules)
    assert declared.equal
    assert declared.schema["new_columns"] == ["t.roles"]  # declared, and still shown


def test_a_sequence_behind_its_column_fails_the_verdict(pair: Pair) -> None:
    pair.both("create table t (id serial primary key)", "insert into t values (1), (2)",
              "create table u (id int generated always as identity primary key)")  # fmt: skip
    pair.target.run("select setval('t_id_seq', 2)")
    assert pair.compare().equal
    pair.target.run("select setval('t_id_seq', 2, false)")
    result = pair.compare()
    assert [(one["sequence"], one["next"], one["highest"]) for one in result.sequences] == [
        ("public.t_id_seq", 2, 2)
    ]
    assert "1 sequence behind (public.t_id_seq at 2, highest 2)" in result.summary
    assert not result.equal


def test_totals_by_group_are_exact_and_fail_the_verdict(pair: Pair) -> None:
    pair.both("create table d (id int primary key, amount numeric(10,2), currency text)",
              "insert into d select i, i / 3.0, (array['EUR','NGN',NULL])[1 + i % 3]"
              "  from generate_series(1, 99) i")  # fmt: skip
    totals = [{"table": "d", "sum": "amount", "by": ["currency"]}]
    assert pair.compare(totals=totals).equal
    pair.target.run("update d set amount = amount + 0.01 where id = 3")
    (total,) = pair.compare(totals=totals).totals
    assert not total["equal"]
    assert total["groups"][0]["group"] == ["EUR"]
    assert [total["groups"][0][side][1] for side in ("source", "target")] == ["561", "561.01"]
    assert "no column size" in pair.compare(totals=[{"table": "d", "sum": "size"}]).totals[0]["reason"]


def test_a_table_without_permission_is_named_and_the_others_are_compared(pair: Pair) -> None:
    pair.both("create table t (id int primary key)", "create table secret (id int primary key)")
    role = "reader_" + urlsplit(pair.target.url).path.strip("/")
    pair.target.run(f"create role {role} login password 'x1'", f"grant select on t to {role}")
    pair.target.run("create sequence own", "alter table t alter id set default nextval('own')")
    parts = urlsplit(pair.target.url)
    url = urlunsplit(parts._replace(netloc=f"{role}:x1@{parts.netloc.rpartition('@')[2]}"))
    result = compare_live(pair.source.server, PostgresServer.from_url(url), ComparisonOptions())
    pair.target.run(f"drop owned by {role}", f"drop role {role}")
    assert only(result, "t").equal
    assert "1 sequence could not be read (public.own)" in result.summary
    assert (
        "permission denied for table secret; grant SELECT on table secret to"
        in only(result, "secret").unsound[0]
    )
    assert not result.equal


def test_a_row_that_arrives_late_is_settled_and_a_wrong_row_stays(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", MANY)
    pair.target.run("update t set v = 'wrong' where id = 1", "delete from t where id = 2")

    def arrive(line: str) -> None:
        if line.startswith("Reading the rows"):
            pair.target.run("insert into t values (2, 'row 2')")

    options = ComparisonOptions(settle=0.2)
    result = compare_live(pair.source.server, pair.target.server, options, ComparisonObserver(on_log=arrive))
    table = only(result, "t")
    assert (table.settled, table.changed, table.missing) == (1, 1, 0)
    assert [example.key for example in table.examples] == [{"id": "1"}]


def test_nothing_can_be_written_through_a_snapshot(pair: Pair) -> None:
    from psycopg import sql

    from integrations.parity.server.snapshot import Snapshot

    with Snapshot(pair.source.server) as snapshot, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        snapshot.fetch_rows(sql.SQL("create table t (id int)"))


def test_stopping_ends_the_queries_on_both_servers(pair: Pair) -> None:
    pair.both("create table t (id int primary key, v text)", MANY)

    def stop(*_: object) -> None:  # as the executor does it: from a signal, in the main thread
        raise Cancelled("stop")

    usual = signal.signal(signal.SIGUSR1, stop)
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        with psycopg.connect(pair.target.url) as holder:
            holder.execute("lock table t in access exclusive mode")  # its query waits for this
            timer.start()
            with pytest.raises(Cancelled):
                pair.compare()
            holder.rollback()
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, usual)
    wait_for(lambda: _sessions(pair.source.url) == 0)
    wait_for(lambda: _sessions(pair.target.url) == 0)


def _sessions(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where application_name = 'parity'"
            " and datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_locked_table_is_reported_as_locked(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations.parity.server import session_settings

    monkeypatch.setitem(session_settings.SESSION_SETTINGS, "lock_timeout", "200ms")
    pair.both("create table t (id int primary key)", "create table u (id int primary key)")
    with psycopg.connect(pair.target.url) as holder:
        holder.execute("lock table t in access exclusive mode")
        result = pair.compare()
    assert "another session holds a lock" in only(result, "t").unsound[0]
    assert only(result, "u").equal


def test_an_unreachable_or_invalid_address_is_reported_without_its_password(
    new_database: Callable[[], str],
) -> None:
    url = new_database()
    wrong = re.sub(r":[^:@/]+@", ":not-the-one@", url)
    with pytest.raises(ServerUnreachable) as raised:
        compare_live(PostgresServer.from_url(wrong), PostgresServer.from_url(url), ComparisonOptions())
    assert "not-the-one" not in str(raised.value)
    with pytest.raises(ParityError):
        PostgresServer.from_url("postgresql://[not-closed")


def test_both_sides_are_queried_at_the_same_time(pair: Pair) -> None:
    from integrations.parity.server.both_sides import run_both
    from integrations.parity.server.snapshot import Snapshot

    meeting = threading.Barrier(2, timeout=90)
    with Snapshot(pair.source.server) as first, Snapshot(pair.target.server) as second:
        assert run_both(first, lambda: meeting.wait() >= 0, second, lambda: meeting.wait() >= 0) == (
            True,
            True,
        )
