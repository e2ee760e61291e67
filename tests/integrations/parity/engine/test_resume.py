"""After a lost connection a comparison continues and says so; it names tables that it could not finish."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.parity.engine import comparison_run
from integrations.parity.engine.comparison import compare_live
from integrations.parity.options import ComparisonOptions
from integrations.parity.server.snapshot import PostgresServer
from tests.integrations.parity.conftest import Pair, only, when
from tests.ports import free_port
from tests.servers import new_folder

KILL = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where application_name = 'parity' and datname = current_database()"
)
TABLES = [f"create table {name} (id int primary key, v text)" for name in "abcd"]
ROWS = [f"insert into {name} select i, 'v' from generate_series(1, 100) i" for name in "abcd"]


@pytest.fixture
def four(pair: Pair) -> Pair:
    """Tables a to d; one row of d differs."""
    pair.both(*TABLES, *ROWS)
    pair.target.run("update d set v = 'x' where id = 50")
    return pair


@pytest.mark.parametrize("side", ["source", "target"])
def test_the_rest_is_read_in_a_new_snapshot_and_says_so(four: Pair, side: str) -> None:
    lost = when("b", "reading", lambda: getattr(four, side).run(KILL))
    result = compare_live(four.source.server, four.target.server, ComparisonOptions(), lost)
    assert (result.partial, result.sound) == ("", True)
    assert only(result, "d").changed == 1
    assert only(result, "a").notes == []
    for table in "bcd":
        assert only(result, table).notes[0].startswith("read in another snapshot, taken at 2")
        assert only(result, table).notes[0].endswith("after a connection was lost")


def test_repeated_connection_losses_leave_a_partial_result(four: Pair) -> None:
    lost = when("b", "reading", lambda: four.source.run(KILL), times=100)
    result = compare_live(four.source.server, four.target.server, ComparisonOptions(), lost)
    assert only(result, "a").equal
    for table in "bcd":
        assert "it was not compared" in only(result, table).unsound[0]
        assert "the 4th time" in only(result, table).partial
    assert "was lost" in result.partial
    assert not result.equal


@pytest.fixture
def mortal() -> Iterator[tuple[Postgres, str]]:
    """A server of its own and its address; the test stops it."""
    folder = new_folder("mortal")
    postgres = Postgres(folder / "pg", port=free_port(), password="of-a-test", fsync=False)
    try:
        yield postgres, postgres.start().url("postgres")
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def test_a_server_that_dies_for_good_leaves_a_partial_result(
    pair: Pair, mortal: tuple[Postgres, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison_run, "PATIENCE", 1)
    postgres, url = mortal
    pair.source.run(*TABLES, *ROWS)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (*TABLES, *ROWS):
            connection.execute(statement)
    lost = when("c", "reading", postgres.stop)
    result = compare_live(pair.source.server, PostgresServer.from_url(url), ComparisonOptions(), lost)
    assert [(table.table, table.equal) for table in result.tables] == [
        ("a", True), ("b", True), ("c", False), ("d", False)
    ]  # fmt: skip
    assert "did not come back within" in result.partial
    assert result.unsound == [result.partial]
    assert not result.equal
    assert "of-a-test" not in str(result.as_facts())


def test_a_column_dropped_during_the_comparison_is_reported_and_other_tables_are_compared(four: Pair) -> None:
    dropped = when("a", "done", lambda: four.source.run("alter table b drop v"))
    result = compare_live(four.source.server, four.target.server, ComparisonOptions(), dropped)
    assert "it changed while the comparison ran: column" in only(result, "b").unsound[0]
    assert only(result, "c").equal
    assert only(result, "d").changed == 1


def test_a_role_without_select_is_told_what_to_grant(four: Pair) -> None:
    url = four.source.url
    four.source.run("drop role if exists only_a_reader",
                    "create role only_a_reader login password 'of-a-test'",
                    "grant select on a, c, d to only_a_reader")  # fmt: skip
    try:
        reader = psycopg.conninfo.make_conninfo(url, user="only_a_reader", password="of-a-test")
        result = compare_live(PostgresServer.from_url(reader), four.target.server, ComparisonOptions())
        assert "grant SELECT on table b to the role that compares" in only(result, "b").unsound[0]
        assert only(result, "c").equal
    finally:
        four.source.run("drop owned by only_a_reader", "drop role only_a_reader")


def test_a_statement_timeout_is_reported(four: Pair) -> None:
    four.both("create table e (id int primary key)")
    with psycopg.connect(four.target.url) as holder:
        holder.execute("lock table e in access exclusive mode")
        result = compare_live(four.source.server, four.target.server, ComparisonOptions(longest=1))
        holder.rollback()
    assert "where it was too slow, allow statements more time" in only(result, "e").unsound[0]
    assert only(result, "d").changed == 1
