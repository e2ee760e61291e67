"""Limits of servers and poolers do not end a comparison: one side may wait long for the other one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from cutover.embedded import Postgres
from integrations.parity.engine.comparison import compare_live
from integrations.parity.options import ComparisonOptions
from integrations.parity.result import ComparisonResult
from integrations.parity.server import keepalive, session_settings, snapshot
from tests.integrations.parity.conftest import Database, Pair, only
from tests.integrations.poolers import pgbouncer
from tests.ports import free_port
from tests.servers import new_folder

SECONDS = 2.4  # that one side takes longer than the other one; every limit is a second
SLOW = f"create view v as select i as id, pg_sleep({SECONDS / 20})::text as v from generate_series(1, 20) i"
FAST = "create view v as select i as id, ''::text as v from generate_series(1, 20) i"
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")


@pytest.fixture(scope="module")
def oldest() -> Iterator[Postgres]:
    """A PostgreSQL 15."""
    programs = Path("/usr/lib/postgresql/15/bin")
    assert programs.is_dir(), "the tests need Debian's package postgresql-15"
    folder = new_folder("fifteen")
    server = Postgres(folder / "pg", port=free_port(), password="of-a-test", fsync=False, programs=programs)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def impatient(pair: Pair, oldest: Postgres) -> Pair:
    """A database on 15, and one on 18 with limits for each session that are soon reached."""
    sides = Pair(Database(oldest.url()), pair.target)
    for side in (sides.source, sides.target):
        side.run("drop table if exists t, u cascade", "drop view if exists v",
                 "create table t (id int primary key)", "insert into t values (1)")  # fmt: skip
        name = conninfo.conninfo_to_dict(side.url)["dbname"]
        newest = int(side.value("select current_setting('server_version_num')::int")) >= 170000
        for limit in (*LIMITS, *(["transaction_timeout"] if newest else [])):
            side.run(f"alter database {name} set {limit} = '1s'")
    return sides


def make_slow(sides: Pair, slow: str) -> None:
    for side in ("source", "target"):
        getattr(sides, side).run(SLOW if side == slow else FAST)


def compared(source: str, target: str) -> ComparisonResult:
    options = ComparisonOptions(views=("v",), structure="told")
    return compare_live(Database(source).server, Database(target).server, options)


@pytest.mark.parametrize("slow", ["source", "target"])
def test_limits_of_the_servers_do_not_end_a_comparison(
    impatient: Pair, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_slow(impatient, slow)
    # Our own limit for a client that is gone is as short as theirs: only the words of the waiting side help.
    monkeypatch.setattr(snapshot, "IDLE_LIMIT", 1)
    monkeypatch.setattr(keepalive, "SECONDS", 0.3)
    result = compared(impatient.source.url, impatient.target.url)
    assert (result.partial, [table.equal for table in result.tables]) == ("", [True, True])
    assert not any(table.notes for table in result.tables)
    assert only(result, "v").seconds > SECONDS
    assert result.sound


def test_a_pooler_that_ends_silent_transactions_does_not_end_a_comparison(
    impatient: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_slow(impatient, "source")
    monkeypatch.setattr(keepalive, "SECONDS", 0.3)
    with pgbouncer(impatient.target.url, mode="transaction", idle_transaction_timeout=1) as pooled:
        result = compared(impatient.source.url, pooled)
    assert (result.partial, [table.equal for table in result.tables]) == ("", [True, True])
    assert not any(table.notes for table in result.tables)


def test_a_lock_costs_its_table_and_leaves_the_others(
    impatient: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own limit for locks is in force, and not that of the server."""
    monkeypatch.setitem(session_settings.SESSION_SETTINGS, "lock_timeout", "1500ms")
    impatient.both("create table u (id int primary key)")
    with ExitStack() as stack:
        holder = stack.enter_context(psycopg.connect(impatient.source.url))
        holder.execute("set local idle_in_transaction_session_timeout = 0")
        holder.execute("lock table u in access exclusive mode")
        options = ComparisonOptions(structure="off")
        result = compare_live(impatient.source.server, impatient.target.server, options)
    assert only(result, "t").equal
    assert "another session holds a lock on it" in only(result, "u").unsound[0]
    assert only(result, "u").seconds > 1.4


def test_tcp_keepalives_are_asked_for_unless_the_address_says_otherwise(pair: Pair) -> None:
    with pair.source.server.open() as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "60"
    with Database(f"{pair.source.url}?keepalives_idle=7").server.open() as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "7"
