"""Statements that wait for a lock say for whom, give up in time, and are repeated only as a whole."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from integrations.clients import lock_waits, postgres
from integrations.clients.lock_waits import LockNotFree
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

CHANGE = "update empty_one set id = id + 1"
SECRET = "hunter2-in-a-query"


class Releasing(Recorder):
    """Lets the holder of a lock go as soon as the log names it."""

    def __init__(self, release: Callable[[], object]) -> None:
        super().__init__()
        self.release = release

    def log(self, line: str, **of: Any) -> None:
        super().log(line, **of)
        if line.startswith("Waiting for"):
            self.release()


@pytest.fixture
def database(app_database: AppDatabase) -> AppDatabase:
    app_database.execute("insert into empty_one values (1)")
    return app_database


def value(database: AppDatabase) -> int:
    return int(database.execute("select id from empty_one")[0][0])


def test_who_holds_a_lock_is_named_while_it_waits_and_when_it_gives_up(database: AppDatabase) -> None:
    report = Recorder()
    with psycopg.connect(database.app_url, application_name="psql of Ama") as holder:
        holder.execute("lock table empty_one")
        holder.execute(f"select '{SECRET}'".encode())
        with (
            postgres.connect(database.admin_url, report=report, lock_wait=1.2) as connection,
            pytest.raises(LockNotFree) as refused,
        ):
            lock_waits.execute_change(connection, CHANGE)
        pid = holder.info.backend_pid
    problem = refused.value
    waiting = next(line for line in report.lines if line.startswith("Waiting for"))
    for text in (problem.what, waiting):
        assert f"pid {pid} (role {database.role}; application “psql of Ama”; idle in transaction; " in text
        assert "ROW EXCLUSIVE on empty_one" in text
        assert "transaction open for " in text
        assert "last query began 0 s ago: select $1" in text
        assert SECRET not in text
        assert f"SELECT pg_terminate_backend({pid})" in text
    assert "rolled back each time" in problem.means
    assert report.steps[-1][2] == "waiting for ROW EXCLUSIVE on empty_one"
    assert value(database) == 1


def test_a_change_is_made_once_when_the_lock_becomes_free(database: AppDatabase) -> None:
    with psycopg.connect(database.app_url) as holder:
        holder.execute("lock table empty_one")
        report = Releasing(holder.rollback)
        with postgres.connect(database.admin_url, report=report) as connection:
            lock_waits.execute_change(connection, CHANGE)
    assert value(database) == 2
    assert len([line for line in report.lines if line.startswith("Waiting for")]) == 1


def test_a_change_that_gave_up_once_is_tried_again_as_a_whole(
    database: AppDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_waits, "ONE_TRY", 0.2)
    monkeypatch.setattr(lock_waits, "PAUSE", 0.1)
    with psycopg.connect(database.app_url) as holder:
        holder.execute("lock table members")
        report = Recorder(cancel_when=lambda report: bool("Try 1" in report.text and holder.rollback()))
        with postgres.connect(database.admin_url, report=report) as connection:

            def both() -> None:
                connection.execute(CHANGE.encode())
                connection.execute("update members set balance = 1")

            lock_waits.change(connection, both)
            assert connection.execute("show lock_timeout").fetchone() == ("1min",)
    assert value(database) == 2


def test_only_what_was_rolled_back_completely_is_tried_again(database: AppDatabase) -> None:
    with postgres.connect(database.admin_url, autocommit=False) as connection:
        connection.execute("insert into empty_one values (7)")
        with pytest.raises(ValueError, match="inside a transaction"):
            lock_waits.execute_change(connection, CHANGE)


def test_a_prepared_transaction_is_named_by_its_gid(database: AppDatabase) -> None:
    database.execute(
        "begin; lock table empty_one in share mode; prepare transaction 'books of Kofi''s'",
        url=database.app_url,
    )
    # another one, whose lock is in nobody's way
    database.execute("begin; select 1 from empty_one; prepare transaction 'harmless'")
    try:
        with (
            postgres.connect(database.admin_url, report=Recorder(), lock_wait=1.2) as connection,
            pytest.raises(LockNotFree) as refused,
        ):
            lock_waits.execute_change(connection, CHANGE)
    finally:
        database.execute("rollback prepared 'books of Kofi''s'")
        database.execute("rollback prepared 'harmless'")
    assert f"the prepared transaction “books of Kofi's” (role {database.role}, " in refused.value.what
    assert "ROLLBACK PREPARED 'books of Kofi''s'" in refused.value.what
    assert "harmless" not in refused.value.what


def test_a_session_that_our_role_may_not_see_is_named_as_far_as_it_is_known(database: AppDatabase) -> None:
    with psycopg.connect(database.admin_url, application_name="secret name") as holder:
        holder.execute("lock table empty_one")
        with (
            postgres.connect(database.app_url, lock_wait=1.2) as connection,
            pytest.raises(LockNotFree) as refused,
        ):
            lock_waits.execute_change(connection, CHANGE)
        pid = holder.info.backend_pid
    assert f"pid {pid} (role postgres; our role may not see what it does)" in refused.value.what
    assert "GRANT pg_read_all_stats" in refused.value.what


def test_a_cancel_ends_a_wait_and_the_statement_on_the_server(database: AppDatabase) -> None:
    report = Recorder(cancel_when=lambda report: "Waiting for" in report.text)
    with psycopg.connect(database.app_url) as holder:
        holder.execute("lock table empty_one")
        connection = postgres.connect(database.admin_url, report=report)
        with connection, pytest.raises(Cancelled):
            lock_waits.execute_change(connection, CHANGE)
        waiting = "select count(*) from pg_locks where not granted and relation = 'empty_one'::regclass"
        assert database.execute(waiting) == [(0,)]
    assert value(database) == 1


def test_a_stop_signal_leaves_a_connection_that_can_clean_up(database: AppDatabase) -> None:
    """An action is stopped by a signal whose handler raises. A swap has to be reverted after that."""

    def stop(*_: object) -> None:
        raise Cancelled("a person asked to stop")

    earlier = signal.signal(signal.SIGALRM, stop)
    try:
        with psycopg.connect(database.app_url) as holder:
            holder.execute("lock table empty_one")
            with postgres.connect(database.admin_url) as connection:
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                with pytest.raises(Cancelled):
                    lock_waits.execute_change(connection, CHANGE)
                lock_waits.execute_change(connection, "create table cleaned_up ()")
    finally:
        signal.signal(signal.SIGALRM, earlier)
    assert database.execute("select to_regclass('cleaned_up') is not null") == [(True,)]


def test_a_read_says_too_who_made_it_wait(database: AppDatabase) -> None:
    with psycopg.connect(database.app_url, application_name="a migration") as holder:
        holder.execute("lock table empty_one")
        with (
            pytest.raises(Problem, match="application “a migration”") as refused,
            postgres.explain_errors(database.admin_url),
            postgres.connect(database.admin_url, readonly=True, lock_wait=0.8) as connection,
        ):
            connection.execute("select * from empty_one")
    assert "55P03" in refused.value.what


def test_every_session_of_the_panel_has_a_lock_timeout_whatever_its_role_says(database: AppDatabase) -> None:
    database.execute(f"alter role {database.role} set lock_timeout = 0")
    for readonly in (True, False):
        with postgres.connect(database.app_url, readonly=readonly) as connection:
            assert connection.execute("show lock_timeout").fetchone() == ("10s",)
