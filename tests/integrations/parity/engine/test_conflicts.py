"""When a server takes away what a snapshot sees, nothing is called equal; why, and what helps, is said.

A hot standby does so to keep up with its primary; PostgreSQL up to 16 can be told to do so after a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.parity.__main__ import COULD_NOT, main
from integrations.parity.beyond_rows.sql_rules import Answer, SqlRule
from integrations.parity.engine import database_checks
from integrations.parity.engine.comparison import compare_live
from integrations.parity.engine.fingerprint import take_fingerprint
from integrations.parity.observer import ComparisonObserver
from integrations.parity.options import ComparisonOptions
from integrations.parity.report.facts import exit_code
from integrations.parity.result import ComparisonResult
from integrations.parity.server.lost_connections import RecoveryConflict
from integrations.parity.server.snapshot import Snapshot
from tests import servers
from tests.integrations.parity.conftest import Database, Pair, only, when
from tests.integrations.parity.replicas import Family, family
from tests.ports import free_port
from tests.waiting import wait_for

TABLES = [
    statement
    for name in "abc"
    for statement in (
        f"create table {name} (id int primary key, v text)",
        f"insert into {name} select i, 'v' from generate_series(1, 2000) i",
    )
]
#: takes two seconds to read, so that a conflict meets a statement at work
SLOW = "create view slow as select i as id, pg_sleep(0.02)::text as v from generate_series(1, 100) i"
REMEDY = "on the standby, raise max_standby_streaming_delay"


@pytest.fixture(scope="module")
def related() -> Iterator[Family]:
    """A primary, and a standby that cancels conflicting queries at once."""
    with family() as made:
        made.standby(max_standby_streaming_delay="0", hot_standby_feedback="off")
        yield made


@pytest.fixture
def primary(related: Family) -> Database:
    made = Database(related.primary.url())
    made.run("drop table if exists a, b, c", "drop view if exists slow", *TABLES, SLOW)
    related.wait_for_replay(related.members[-1])
    return made


@pytest.fixture
def source(pair: Pair) -> Database:
    """The same rows on another server: a snapshot on the primary would keep it from removing anything."""
    pair.source.run(*TABLES, SLOW)
    return pair.source


@pytest.fixture
def standby(related: Family) -> Database:
    return Database(related.members[-1].url())


@pytest.fixture
def clash(related: Family, primary: Database) -> Callable[[], None]:
    """Removes row versions that snapshots of before still see, on the primary and then on the standby."""

    def clashing() -> None:
        remove_and_vacuum(primary)
        related.wait_for_replay(related.members[-1])

    return clashing


def remove_and_vacuum(primary: Database) -> None:
    primary.run("delete from c where id < 100", "vacuum c",
                "insert into c select i, 'v' from generate_series(1, 99) i")  # fmt: skip


def compared(
    source: Database, target: Database, observer: ComparisonObserver | None = None, **more: Any
) -> ComparisonResult:
    return compare_live(source.server, target.server, ComparisonOptions(**more), observer)


def test_after_one_conflict_the_rest_is_read_in_a_new_snapshot(
    source: Database, standby: Database, clash: Callable[[], None]
) -> None:
    result = compared(source, standby, when("b", "reading", clash))
    assert [table.equal for table in result.tables] == [True, True, True]
    assert only(result, "a").notes == []
    assert only(result, "b").notes[0].endswith("after a standby gave way to its primary")


def test_repeated_conflicts_end_the_comparison_with_cause_and_remedy(
    source: Database, standby: Database, clash: Callable[[], None]
) -> None:
    result = compared(source, standby, when("b", "reading", clash, times=100))
    assert exit_code(result) == COULD_NOT
    assert only(result, "a").equal
    for table in "bc":
        (said,) = only(result, table).unsound
        assert f"The standby {standby.server.address} ended the snapshot" in said
        assert "recovery conflict, SQLSTATE 40001" in said
        assert REMEDY in said
        assert "trouble" not in said
    assert "was lost" not in result.partial


def test_a_conflict_after_the_last_table_costs_no_check_beyond_the_rows(
    source: Database, standby: Database, clash: Callable[[], None]
) -> None:
    rule = SqlRule("rows", "select count(*) from c")
    result = compared(source, standby, when("c", "done", clash), checks=(rule,))
    assert exit_code(result) == COULD_NOT  # its primary may know more
    assert (result.partial, [check["equal"] for check in result.checks]) == ("", [True])
    assert "a part was read in another snapshot" in result.notes[0]
    assert result.notes[0].endswith("after a standby gave way to its primary")


def test_conflicts_with_every_check_beyond_the_rows_are_told_with_cause_and_remedy(
    source: Database, standby: Database, clash: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = database_checks.query_sql_rule

    def meet(snapshot: Snapshot, rule: SqlRule) -> Answer | str:
        clash()
        return ask(snapshot, rule)

    monkeypatch.setattr(database_checks, "query_sql_rule", meet)
    result = compared(source, standby, checks=(SqlRule("rows", "select count(*) from c"),))
    (said,) = [line for line in result.unsound if line.startswith("the rule “rows” could not be compared")]
    assert REMEDY in said
    assert result.judged_kinds


def test_a_conflict_while_rows_wait_to_be_read_again_does_no_harm(
    source: Database, standby: Database, clash: Callable[[], None]
) -> None:
    """They are read in a new snapshot in any case."""
    source.run("update a set v = 'x' where id = 5")
    asked = ComparisonObserver(on_log=lambda line: clash() if line.startswith("Reading the rows") else None)
    result = compared(source, standby, asked, settle=0.1)
    assert (only(result, "a").changed, result.partial) == (1, "")


def test_an_unlogged_table_of_a_standby_asks_for_the_primary(
    related: Family, primary: Database, source: Database, standby: Database
) -> None:
    for side in (primary, source):
        side.run("alter table b set unlogged")
    related.wait_for_replay(related.members[-1])
    table = only(compared(source, standby), "b")
    assert table.unsound == [
        "it could not be read: cannot access temporary or unlogged relations during recovery;"
        " a standby has no rows of unlogged tables: compare the primary"
    ]


def test_a_fingerprint_reports_a_conflict_too(standby: Database, clash: Callable[[], None]) -> None:
    with (
        Snapshot(standby.server) as snapshot,
        pytest.raises(RecoveryConflict, match="to keep up with its primary") as said,
    ):
        take_fingerprint(snapshot, observer=when("b", "reading", clash))
    assert REMEDY in said.value.next


def test_the_command_line_reports_a_conflict_and_has_no_result(
    related: Family,
    primary: Database,
    source: Database,
    standby: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with repeating(lambda: remove_and_vacuum(primary)):
        code = main([source.url, standby.url, "--view", "slow", "--workers", "1"])
    told = capsys.readouterr()
    assert code == COULD_NOT
    assert "recovery conflict, SQLSTATE 40001" in told.out + told.err
    assert REMEDY in told.out + told.err
    assert "Equal" not in told.out
    assert "Traceback" not in told.err
    related.wait_for_replay(related.members[-1])  # until then it may lack rows, and differ
    assert main([source.url, standby.url, "--quiet"]) == COULD_NOT  # its primary may know more
    assert "the target is a standby of" in capsys.readouterr().out


@contextmanager
def repeating(what: Callable[[], None]) -> Iterator[None]:
    """Repeats something in a thread while the block runs."""
    over = Event()

    def work() -> None:
        while not over.wait(0.1):
            what()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            yield
        finally:
            over.set()
        done.result()


@pytest.fixture(scope="module")
def forgetful() -> Iterator[Postgres]:
    """A PostgreSQL that still has old_snapshot_threshold (up to 16), set to zero."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if 13 <= int(path.parent.name) <= 16]
    assert found, "the tests need Debian's package postgresql, of a version up to 16"
    server = Postgres(
        servers.FOLDER / "forgetful", port=free_port(), password="none", fsync=False, programs=found[0],
        settings={"old_snapshot_threshold": "0"},
    )  # fmt: skip
    try:
        yield server.start()
    finally:
        server.stop()


OLD = "its rows of then are gone: snapshot too old; raise old_snapshot_threshold there"
TOO_OLD = 5.2  # seconds: PostgreSQL takes none for old that is younger than five


def test_a_snapshot_that_is_too_old_proves_nothing_about_a_table_whose_rows_are_gone(
    forgetful: Postgres, pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the library and on the command line; both have to wait for table a."""
    source, target = pair.source, Database(forgetful.url())
    for side in (source, target):
        side.run(*TABLES)
    with psycopg.connect(source.url) as holder, ThreadPoolExecutor(2) as pool:
        holder.execute("lock table a in access exclusive mode")
        found = pool.submit(compared, source, target, workers=1)
        told = pool.submit(main, [source.url, target.url, "--workers", "1"])
        wait_for(lambda: waiting_for_a(source) == 2)
        time.sleep(TOO_OLD)
        target.run("update b set v = v", "vacuum b")
        holder.rollback()
    result = found.result()
    assert exit_code(result) == told.result() == COULD_NOT
    assert OLD in only(result, "b").unsound[0]
    assert only(result, "a").equal
    assert only(result, "c").equal
    assert f"b: {OLD}" in capsys.readouterr().out


def waiting_for_a(side: Database) -> int:
    question = "select count(*) from pg_locks where relation = 'a'::regclass and not granted"
    with psycopg.connect(side.url) as connection:
        (found,) = connection.execute(question).fetchone() or (0,)
    return int(found)
