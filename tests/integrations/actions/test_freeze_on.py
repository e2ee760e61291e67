"""The freeze refuses writes, ends sessions, records the state before, and finds what still writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from integrations.actions import ActionParams, Context, Outcome, ProbeStatus, registry
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

Make = Callable[..., Context]
ACTION = registry()["freeze.on"]


def bind_params(database: AppDatabase, context: Make, *, watch: float = 0, **systems: str) -> ActionParams:
    urls = {"old": database.admin_url, "app": database.app_url, **systems}
    made = context({name: {"kind": "postgres", "url": url} for name, url in urls.items()})
    return ACTION.bind({"database": "old", "application": "app", "watch": watch}, made)


def freeze(params: ActionParams) -> tuple[Outcome, dict[str, Any]]:
    report = Recorder()
    return ACTION.run(params, report), report.facts


@pytest.fixture
def session(app_database: AppDatabase) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(app_database.app_url, autocommit=True) as connection:
        yield connection


def test_the_application_can_read_and_not_write(app_database: AppDatabase, new_context: Make) -> None:
    outcome, facts = freeze(bind_params(app_database, new_context))
    assert outcome.ok, outcome.summary
    assert facts["freeze"]["test_write"]["sqlstate"] == "25006"
    with psycopg.connect(app_database.app_url) as app:
        assert app.execute("select count(*) from members").fetchone() == (500,)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            app.execute("insert into empty_one values (1)")
    with psycopg.connect(app_database.admin_url) as admin:  # others are not touched
        admin.execute("insert into empty_one values (1)")


def test_sessions_that_were_open_are_ended_and_counted(
    app_database: AppDatabase, new_context: Make, session: psycopg.Connection[Any]
) -> None:
    busy = psycopg.connect(app_database.app_url)
    busy.execute("insert into empty_one values (7)")  # open, and not committed
    outcome, facts = freeze(bind_params(app_database, new_context))
    assert outcome.ok
    assert facts["freeze"]["sessions_ended"] == 2
    for ended in (busy, session):
        with pytest.raises(psycopg.OperationalError):
            ended.execute("select 1")
        ended.close()
    assert app_database.execute("select count(*) from empty_one") == [(0,)]


def test_nothing_of_the_test_writes_stays(app_database: AppDatabase, new_context: Make) -> None:
    before = app_database.execute("select xmin, ctid, * from donations order by id")
    freeze(bind_params(app_database, new_context))
    assert app_database.execute("select xmin, ctid, * from donations order by id") == before
    assert app_database.execute("select count(*) from pg_class where relname like 'cutover%'") == [(0,)]


def test_a_second_freeze_keeps_the_original_state(app_database: AppDatabase, new_context: Make) -> None:
    database = app_database
    database.execute(f"alter role {database.role} in database {database.name} set work_mem = '8MB'")
    first = freeze(bind_params(database, new_context))[1]["freeze"]
    outcome, facts = freeze(bind_params(database, new_context))
    assert outcome.ok
    assert facts["freeze"]["already"]
    assert facts["freeze"]["before"] == first["before"]
    assert first["before"]["own"] is None
    assert first["before"]["writable"] is True
    assert first["before"]["settings"] == [{"database": database.name, "config": ["work_mem=8MB"]}]


def test_a_role_that_was_frozen_before_is_reported_as_such(
    app_database: AppDatabase, new_context: Make
) -> None:
    database = app_database
    database.set_read_only()
    outcome, facts = freeze(bind_params(database, new_context))
    assert outcome.ok
    assert facts["freeze"]["before"]["own"] == "on"
    assert facts["freeze"]["before"]["writable"] is False


def test_a_setting_in_the_address_that_overrides_the_freeze_is_found(
    app_database: AppDatabase, new_context: Make
) -> None:
    sly = f"{app_database.app_url}?options=-c%20default_transaction_read_only%3Doff"
    with pytest.raises(Problem, match="did not refuse the test write"):
        freeze(bind_params(app_database, new_context, app=sly))


def write_until(stop: threading.Event, url: str, first: str) -> None:
    with psycopg.connect(url, autocommit=True) as writer:
        writer.execute(first)
        while not stop.is_set():
            writer.execute("insert into donations (amount) values (1)")
            time.sleep(0.05)


def test_another_login_that_still_writes_is_red(app_database: AppDatabase, new_context: Make) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=write_until, args=(stop, app_database.admin_url, "select 1"))
    thread.start()
    try:
        outcome, facts = freeze(bind_params(app_database, new_context, watch=4))
    finally:
        stop.set()
        thread.join()
    assert not outcome.ok
    assert "another login still changes rows: public.donations" in outcome.summary
    assert facts["freeze"]["rows_changed"]["public.donations"] > 0


def test_an_application_that_overrides_the_freeze_is_found(
    app_database: AppDatabase, new_context: Make
) -> None:
    stop = threading.Event()
    first, _ = freeze(bind_params(app_database, new_context))
    assert first.ok

    def lift() -> None:
        time.sleep(1)  # after the sessions of before were ended
        with psycopg.connect(app_database.app_url) as app:
            app.execute("set transaction read write")
            app.execute("insert into donations (amount) values (1)")
            stop.wait(20)
            app.rollback()

    thread = threading.Thread(target=lift)
    thread.start()
    try:
        outcome, _ = freeze(bind_params(app_database, new_context, watch=4))
    finally:
        stop.set()
        thread.join()
    assert not outcome.ok
    assert "overrides the freeze itself" in outcome.summary


def test_an_address_of_another_database_is_refused_before_anything_changes(
    app_database: AppDatabase, new_context: Make, new_database: Callable[[], str]
) -> None:
    with pytest.raises(Problem, match="not the same one"):
        freeze(bind_params(app_database, new_context, old=new_database()))
    with pytest.raises(Problem, match="same role"):
        freeze(bind_params(app_database, new_context, app=app_database.admin_url))


def test_a_login_without_the_privilege_is_refused_with_the_privilege_it_needs(
    app_database: AppDatabase, new_context: Make
) -> None:
    weak = f"weak_{app_database.name}"
    app_database.execute(f"create role {weak} login password 'x'")
    try:
        url = app_database.app_url.replace(f"{app_database.role}:", f"{weak}:")
        app_database.execute(f"alter role {weak} password '{url.split(':')[2].split('@')[0]}'")
        with pytest.raises(Problem, match=f"{weak} may not change the settings"):
            freeze(bind_params(app_database, new_context, old=url))
    finally:
        app_database.execute(f"drop role {weak}")


def test_the_preview_shows_the_statement_and_changes_nothing(
    app_database: AppDatabase, new_context: Make, session: psycopg.Connection[Any]
) -> None:
    params = bind_params(app_database, new_context)
    # The session that filled the database may be in the catalog for a moment after it was closed.
    wait_for(lambda: "End the 1 open session(s)" in ACTION.preview(params).lines[1])
    preview = ACTION.preview(params)
    assert "default_transaction_read_only" in preview.lines[0]
    assert app_database.app_url not in str(preview)
    assert session.execute("select 1").fetchone() == (1,)


def test_the_probe_reads_the_catalog(
    app_database: AppDatabase, new_context: Make, session: psycopg.Connection[Any]
) -> None:
    params = bind_params(app_database, new_context)
    before = ACTION.before(params)
    assert ACTION.probe(params, before).status is ProbeStatus.NOT_DONE
    app_database.set_read_only()
    assert (
        ACTION.probe(params, before).status is ProbeStatus.PARTIAL
    )  # as if killed before the sessions ended
    with psycopg.connect(app_database.admin_url, application_name=f"cutover:{before['attempt']}"):
        assert ACTION.probe(params, before).status is ProbeStatus.STILL_RUNNING
    freeze(params)
    assert ACTION.probe(params, before).status is ProbeStatus.DONE


def test_a_cancel_is_not_swallowed(app_database: AppDatabase, new_context: Make) -> None:
    with pytest.raises(Cancelled):
        ACTION.run(bind_params(app_database, new_context), Recorder(lambda report: True))


def test_a_lock_that_is_not_free_stops_the_freeze_before_anything_changes(
    app_database: AppDatabase, new_context: Make
) -> None:
    database, report = app_database, Recorder()
    systems = {
        "old": {"kind": "postgres", "url": database.admin_url, "lock_wait": "1"},
        "app": {"kind": "postgres", "url": database.app_url, "lock_wait": "1"},
    }
    params = ACTION.bind({"database": "old", "application": "app", "watch": 0}, new_context(systems))
    before = ACTION.before(params)
    setting = "alter role {} in database {} set default_transaction_read_only = off"
    with psycopg.connect(database.admin_url, application_name="another administrator") as other:
        other.execute(setting.format(database.role, database.name).encode())
        with pytest.raises(
            Problem, match="application “another administrator”; idle in transaction"
        ) as refused:
            ACTION.run(params, report)
    assert "nothing of it was done" in refused.value.means
    assert "Waiting for" in report.text
    assert ACTION.probe(params, before).status is ProbeStatus.NOT_DONE
    assert ACTION.run(params, Recorder()).ok, "the lock is free, and nothing of the first try is in the way"


def test_a_test_write_that_waits_in_vain_is_neither_yes_nor_no(
    app_database: AppDatabase, new_context: Make
) -> None:
    """A freeze that took it for no would later be lifted without giving the application its writes back."""
    database = app_database
    systems = {
        "old": {"kind": "postgres", "url": database.admin_url},
        "app": {"kind": "postgres", "url": database.app_url, "lock_wait": "1"},
    }
    params = ACTION.bind({"database": "old", "application": "app", "watch": 0}, new_context(systems))
    with psycopg.connect(database.admin_url, application_name="a migration") as other:
        other.execute('lock table members, donations, "Odd ""name", empty_one')
        with pytest.raises(Problem, match=f"held by pid {other.info.backend_pid} ") as refused:
            ACTION.run(params, Recorder())
    assert refused.value.means.startswith("Whether this login can write is not known")
    assert ACTION.probe(params, ACTION.before(params)).status is ProbeStatus.NOT_DONE
