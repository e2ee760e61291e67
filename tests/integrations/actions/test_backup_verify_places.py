"""A backup is told apart from the place that it is restored to, and each cause has its own remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, registry
from integrations.backups import scratch_database
from integrations.backups.restore_failure import FaultOf, read_failure
from integrations.clients import postgres
from integrations.errors import Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder
from tests.servers import new_folder

Make = Callable[..., Context]
TAKE, ACTION = registry()["backup.take"], registry()["backup.verify"]
EMAIL = "ada@example.org"


@pytest.fixture
def bind(app_database: AppDatabase, new_context: Make) -> Callable[..., Any]:
    """Takes a backup, and binds its verification with another login or on another server."""

    def bind_params(scratch: str = "", **raw: Any) -> Any:
        live = {"old": {"kind": "postgres", "url": app_database.admin_url}}
        report = Recorder()
        assert TAKE.run(TAKE.bind({"database": "old"}, new_context(live)), report).ok
        url = scratch or postgres.with_database(app_database.admin_url, "postgres")
        context = new_context({"scratch": {"kind": "postgres", "url": url}}, take=report.facts)
        return ACTION.bind({"backup": "take", "scratch": "scratch", **raw}, context)

    return bind_params


@pytest.fixture(autouse=True)
def _no_scratch_database_stays(app_database: AppDatabase) -> Iterator[None]:
    """That of a worker that another test killed may be there before, as at a customer's."""

    def found() -> set[str]:
        with postgres.connect(app_database.admin_url) as admin:
            return set(scratch_database.list_scratch_databases(admin))

    before = found()
    yield
    assert found() - before == set()


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """A folder that the server's own user may read."""
    folder = new_folder("readable")
    yield folder
    shutil.rmtree(folder)


def problem_of(params: Any) -> Problem:
    report = Recorder()
    with pytest.raises(Problem) as refused:
        ACTION.run(params, report)
    assert "verified" not in report.facts, "a place that cannot take a backup says nothing about the backup"
    assert "neither verified nor refuted" in refused.value.means
    return refused.value


def test_a_subscription_is_not_restored_and_its_slot_stays(app_database: AppDatabase, bind: Any) -> None:
    app_database.execute(
        "create subscription feed connection 'dbname=nowhere' publication p"
        " with (connect = false, slot_name = 'live_slot')"
    )
    try:
        report = Recorder()
        outcome = ACTION.run(bind(), report)
    finally:
        app_database.execute("alter subscription feed set (slot_name = none)")
        app_database.execute("drop subscription feed")
    assert outcome.ok, outcome.summary
    assert any("Subscriptions are not restored: feed" in note for note in report.facts["verified"]["notes"])


def test_what_the_server_lacks_is_said_beforehand_and_at_once(
    app_database: AppDatabase, bind: Any, readable_folder: Path
) -> None:
    (readable_folder / "extension").mkdir()
    (readable_folder / "extension" / "house_made.control").write_text("default_version = '1'\n")
    (readable_folder / "extension" / "house_made--1.sql").write_text("select 1;\n")
    with psycopg.connect(app_database.admin_url, autocommit=True) as admin:
        admin.execute(f"set extension_control_path = '{readable_folder}:$system'")
        admin.execute("create extension house_made")
    app_database.execute("create role reader; create policy readers on members to reader using (true)")
    params = bind()
    app_database.execute("drop policy readers on members; drop role reader")
    problem = problem_of(params)
    assert "lacks the extension(s) house_made" in problem.next
    assert "lacks the role(s) reader" in problem.next
    warnings = " ".join(ACTION.preview(params).warnings)
    assert "house_made" in warnings
    assert "reader" in warnings


def test_a_login_without_the_right_is_not_the_backups_fault(app_database: AppDatabase, bind: Any) -> None:
    app_database.execute(f"alter role {app_database.role} createdb; create extension dblink")
    params = bind(postgres.with_database(app_database.app_url, "postgres"))
    problem = problem_of(params)
    assert "EXTENSION dblink" in problem.what
    assert 'permission denied to create extension "dblink"' in problem.what
    assert "Must be superuser" in problem.what
    assert "may lack the right to create the extension(s) dblink" in " ".join(ACTION.preview(params).warnings)


def test_a_function_that_needs_a_search_path_is_the_cause(app_database: AppDatabase, bind: Any) -> None:
    app_database.execute(
        "create table kv (k int); create table watched (a int); insert into watched values (7);"
        " create function known(int) returns int language plpgsql immutable as 'begin return 1; end';"
        " create index by_known on watched (known(a));"
        " create or replace function known(int) returns int language plpgsql immutable as"
        " 'begin return (select max(k) from kv); end'"
    )
    report = Recorder()
    outcome = ACTION.run(bind(), report)
    assert not outcome.ok
    for words in (
        "INDEX by_known",
        'relation "kv" does not exist',
        "The function public.known names another object without its schema",
        "ALTER FUNCTION",
    ):
        assert words in outcome.summary
    assert report.facts["verified"]["equal"] is False


def test_a_backup_names_table_and_function_where_reading_fails(app_database: AppDatabase, bind: Any) -> None:
    app_database.execute(
        "create table kv (k int); create table watched (a int); insert into watched values (7);"
        " create function known(int) returns int language sql immutable as 'select 1';"
        " create index by_known on watched (known(a));"
        " create or replace function known(int) returns int language sql immutable as 'select max(k) from kv'"
    )
    with pytest.raises(Problem) as refused:
        bind()
    assert "The table public.watched cannot be read" in refused.value.what
    assert "The function known names another object without its schema" in refused.value.means
    assert "search_path" in refused.value.means


def test_rows_that_break_a_rule_of_the_source_are_named_without_their_values(
    app_database: AppDatabase, bind: Any
) -> None:
    app_database.execute(
        f"create table people (email text); insert into people values ('{EMAIL}'), ('{EMAIL}');"
        " create unique index one_email on people (email) where email <> email;"
        " update pg_index set indpred = null where indexrelid = 'one_email'::regclass"
    )
    report = Recorder()
    outcome = ACTION.run(bind(), report)
    assert not outcome.ok
    assert "one_email" in outcome.summary
    assert "Rows of the source itself break this rule" in outcome.summary
    assert EMAIL not in outcome.summary + " ".join(report.lines)


def test_a_scratch_database_that_cannot_be_dropped_is_named(app_database: AppDatabase, bind: Any) -> None:
    params = bind()
    name = scratch_database.make_scratch_name(params.context.attempt)
    held = []

    class Holding(Recorder):
        def log(self, line: str, **of: Any) -> None:
            super().log(line, **of)
            if "Created" in line:
                url = postgres.with_database(app_database.admin_url, name)
                with psycopg.connect(url) as connection:
                    connection.execute(
                        "create subscription s connection 'dbname=x' publication p with (connect = false)"
                    )
                held.append(url)

    with pytest.raises(Problem, match=f"{name} cannot be dropped") as refused:
        ACTION.run(params, Holding())
    assert "is being used by logical replication subscription" in str(refused.value)
    assert f"DROP DATABASE {name}" in refused.value.next
    with psycopg.connect(held[0], autocommit=True) as connection:
        connection.execute("alter subscription s set (slot_name = none)")
        connection.execute("drop subscription s")
    app_database.execute(f"drop database {name}")


RESTORE = registry()["rollback.restore"]


@pytest.fixture
def go_back(app_database: AppDatabase, new_context: Make) -> Callable[..., Any]:
    """Takes a backup, and binds the rollback to it."""
    live = {"live": {"kind": "postgres", "url": app_database.admin_url}}

    def bind_rollback() -> Any:
        taken = Recorder()
        assert TAKE.run(TAKE.bind({"database": "live"}, new_context(live)), taken).ok
        proof = {"verified": {"sha256": taken.facts["backup"]["sha256"], "equal": True}}
        context = new_context(live, take=taken.facts, verify=proof)
        return RESTORE.bind({"database": "live", "backup": "take", "verified": "verify"}, context)

    return bind_rollback


def test_a_rollback_leaves_the_slot_of_a_subscription_to_the_database_that_it_puts_aside(
    app_database: AppDatabase, go_back: Any
) -> None:
    app_database.execute(
        "create subscription feed connection 'dbname=nowhere' publication p"
        " with (connect = false, slot_name = 'live_slot')"
    )
    report = Recorder()
    outcome = RESTORE.run(go_back(), report)
    assert outcome.ok, outcome.summary
    restored = report.facts["restored"]
    assert any("Subscriptions are not restored: feed" in note for note in restored["notes"])
    assert app_database.execute("select count(*) from pg_subscription where subname = 'feed'") == [(1,)]
    server = postgres.with_database(app_database.admin_url, "postgres")
    aside = postgres.with_database(app_database.admin_url, restored["kept_as"])
    app_database.execute(f'alter database "{restored["kept_as"]}" allow_connections true', url=server)
    app_database.execute("alter subscription feed set (slot_name = none)", url=aside)
    app_database.execute("drop subscription feed", url=aside)
    app_database.execute(f'drop database "{restored["kept_as"]}" with (force)', url=server)


def test_a_rollback_that_the_server_cannot_take_says_that_nothing_was_changed(
    app_database: AppDatabase, go_back: Any
) -> None:
    app_database.execute("create role reader; create policy readers on members to reader using (true)")
    params = go_back()
    app_database.execute("drop policy readers on members; drop role reader")
    with pytest.raises(Problem, match="cannot take this backup") as refused:
        RESTORE.run(params, Recorder())
    assert "reader" in refused.value.next
    assert "The live database was not changed" in refused.value.means
    like = f"{app_database.name[:40]}%_restore_%"
    assert not app_database.execute(f"select from pg_database where datname like '{like}'")


@pytest.mark.parametrize(
    ("stderr", "fault", "named"),
    [
        (
            "pg_restore: from TOC entry 9; 1259 5 TABLE t app\npg_restore: error: could not execute query: "
            'ERROR:  tablespace "fast" does not exist\nCommand was: CREATE TABLE t () TABLESPACE fast;\n',
            FaultOf.PLACE,
            "TABLE t",
        ),
        ("pg_restore: error: could not read from input file: end of file\n", FaultOf.BACKUP, ""),
        ("pg_restore: error: something that nobody has seen\n", FaultOf.UNKNOWN, ""),
        ("", FaultOf.UNKNOWN, ""),
    ],
)
def test_a_failure_is_read_from_what_pg_restore_prints(stderr: str, fault: FaultOf, named: str) -> None:
    failure = read_failure(stderr, 1)
    assert (failure.fault, failure.object) == (fault, named)
