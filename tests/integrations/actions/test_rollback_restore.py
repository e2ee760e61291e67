"""The live database is replaced by the verified backup, with the same configuration, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.actions.rollback_restore import RollbackRestoreParams
from integrations.backups import database_swap
from integrations.clients import postgres
from integrations.clients.database_sessions import end_database_sessions
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import AppDatabase, as_role
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

Make = Callable[..., Context]
TAKE, ACTION = registry()["backup.take"], registry()["rollback.restore"]


@pytest.fixture
def backup(app_database: AppDatabase, new_context: Make) -> dict[str, Any]:
    report = Recorder()
    context = new_context({"live": {"kind": "postgres", "url": app_database.admin_url}})
    assert TAKE.run(TAKE.bind({"database": "live"}, context), report).ok
    return report.facts["backup"]


@pytest.fixture
def bind(
    app_database: AppDatabase, backup: dict[str, Any], new_context: Make
) -> Iterator[Callable[..., RollbackRestoreParams]]:

    def bound(raw: dict[str, Any] | None = None, **evidence: Any) -> RollbackRestoreParams:
        proof = {"sha256": backup["sha256"], "equal": True}
        given = {"take": {"backup": backup}, "verify": {"verified": proof}, **evidence}
        context = new_context({"live": {"kind": "postgres", "url": app_database.admin_url}}, **given)
        asked = {"backup": "take", "verified": "verify"} if raw is None else raw
        return ACTION.bind({"database": "live", **asked}, context)

    yield bound
    with psycopg.connect(postgres.with_database(app_database.admin_url, "postgres"), autocommit=True) as it:
        for name in names(app_database) - {app_database.name}:
            it.execute(f'drop database "{name}" with (force)')


def names(app_database: AppDatabase) -> set[str]:
    like = f"{app_database.name}%"
    with psycopg.connect(postgres.with_database(app_database.admin_url, "postgres")) as it:
        return {row[0] for row in it.execute("select datname from pg_database where datname like %s", [like])}


def test_the_backup_replaces_the_live_database_and_the_former_one_is_kept(
    app_database: AppDatabase, bind: Any, backup: dict[str, Any]
) -> None:
    app_database.execute("insert into members (name) values ('Since the backup'); drop table empty_one")
    values, report = bind(), Recorder()
    assert ACTION.probe(values, ACTION.before(values)).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    facts = report.facts["restored"]
    assert facts["from_sha256"] == backup["sha256"]
    assert (facts["tables"], facts["rows"]) == (4, 1050)
    assert app_database.execute("select count(*) from members") == [(500,)]
    kept = postgres.with_database(app_database.admin_url, facts["kept_as"])
    with database_swap.connect_to_maintenance_database(app_database.admin_url) as admin:
        admin.execute(f'alter database "{facts["kept_as"]}" with allow_connections true')
    assert app_database.execute("select count(*) from members", url=kept) == [(501,)]
    assert ACTION.probe(values, ACTION.before(values)).status == ProbeStatus.DONE


def test_owner_rights_settings_and_the_freeze_are_kept(app_database: AppDatabase, bind: Any) -> None:
    name, role = app_database.name, app_database.role
    app_database.set_read_only()
    app_database.execute(f"alter database {name} set search_path = '$user', \"odd, one\", public")
    app_database.execute(
        f"alter database {name} connection limit 42; comment on database {name} is 'It''s ours'"
    )
    app_database.execute(
        f"revoke all on database {name} from public; grant connect on database {name} to {role}"
    )
    catalog = (
        "select datacl::text, datconnlimit, shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba),"
        " (select array_agg(setconfig::text order by setrole) from pg_db_role_setting"
        "  where setdatabase = d.oid)"
        f" from pg_database d where datname = '{name}'"
    )
    before = app_database.execute(catalog)
    assert ACTION.run(bind(), Recorder()).ok
    assert app_database.execute(catalog) == before
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        app_database.execute("insert into members (name) values ('frozen')", url=app_database.app_url)
    owners = "select distinct tableowner from pg_tables where schemaname = 'public'"
    assert app_database.execute(owners) == [(role,)]


@pytest.fixture
def migrator(app_database: AppDatabase, bind: Any) -> Iterator[str]:
    """The address of a login without superuser rights that owns the database and is a member of the role."""
    name, role, live = f"migrates_{app_database.name}", app_database.role, app_database.name
    password = secrets.token_hex(8)
    app_database.execute(
        f"create role {name} login password '{password}' createdb createrole;"
        f"grant {role} to {name} with admin true, inherit true, set true; grant pg_signal_backend to {name};"
        f"alter database {live} owner to {name}"
    )
    yield as_role(app_database.admin_url, name, password)
    with psycopg.connect(postgres.with_database(app_database.admin_url, "postgres"), autocommit=True) as it:
        for other in names(app_database):
            it.execute(f'alter database "{other}" owner to current_user')
        it.execute(f"drop owned by {name}; drop role {name}")


def test_a_login_without_superuser_rights_restores_tables_of_another_role(
    app_database: AppDatabase, bind: Any, migrator: str, backup: dict[str, Any], new_context: Make
) -> None:
    rights = (
        "select nspacl::text from pg_namespace where nspname = 'public'"
        " union all select tableowner from pg_tables where schemaname = 'public' order by 1"
    )
    before = app_database.execute(rights)
    proof = {"sha256": backup["sha256"], "equal": True}
    systems = {"live": {"kind": "postgres", "url": migrator}}
    context = new_context(systems, take={"backup": backup}, verify={"verified": proof})
    raw = {"database": "live", "backup": "take", "verified": "verify"}
    outcome = ACTION.run(ACTION.bind(raw, context), Recorder())
    assert outcome.ok, outcome.summary
    assert app_database.execute(rights) == before, "the temporary right is revoked"


def test_open_sessions_of_the_live_database_are_ended(app_database: AppDatabase, bind: Any) -> None:
    with psycopg.connect(app_database.app_url) as open_one:
        assert ACTION.run(bind(), Recorder()).ok
        with pytest.raises(psycopg.OperationalError):
            open_one.execute("select 1")


def test_what_was_put_aside_can_be_swapped_back(app_database: AppDatabase, bind: Any) -> None:
    app_database.execute("insert into members (name) values ('Since the backup')")
    report = Recorder()
    assert ACTION.run(bind(), report).ok
    again = bind({"back_to": "restore"}, restore={"restored": report.facts["restored"]})
    assert ACTION.run(again, Recorder()).ok
    assert app_database.execute("select count(*) from members") == [(501,)]


def test_a_damaged_backup_does_not_change_the_live_database(
    app_database: AppDatabase, bind: Any, backup: dict[str, Any]
) -> None:
    dump = Path(backup["path"]) / "dump"
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.chmod(0o600)
    dump.write_bytes(bytes(data))
    before = names(app_database)
    outcome = ACTION.run(bind(), Recorder())
    assert not outcome.ok
    assert "live database untouched" in outcome.summary
    assert names(app_database) == before


def test_a_backup_that_was_not_verified_is_refused(app_database: AppDatabase, bind: Any) -> None:
    for proof in ({"sha256": "another", "equal": True}, {"sha256": "x", "equal": False}, None):
        with pytest.raises(Problem, match="not proven"):
            ACTION.run(bind(None, verify={"verified": proof}), Recorder())


def test_a_cancel_in_the_middle_of_the_restore_leaves_no_copy(app_database: AppDatabase, bind: Any) -> None:
    before = names(app_database)
    report = Recorder(cancel_when=lambda r: any("comparing" in what for _, _, what in r.steps))
    with pytest.raises(Cancelled):
        ACTION.run(bind(), report)
    assert names(app_database) == before
    assert app_database.execute("select count(*) from members") == [(500,)]


def test_a_failing_step_of_the_swap_reverts_the_others(app_database: AppDatabase, bind: Any) -> None:
    live = app_database.name
    with database_swap.connect_to_maintenance_database(app_database.admin_url) as admin:
        admin.execute(f"create database {live}_incoming template template0")
        admin.execute(f"create database {live}_aside template template0")  # the name is taken
        try:
            with pytest.raises(psycopg.Error):
                database_swap.swap_databases(admin, live, f"{live}_incoming", f"{live}_aside", Recorder())
            assert {live, f"{live}_incoming", f"{live}_aside"} <= names(app_database)
            found = database_swap.find_database(admin, live)
            assert found is not None
            assert found.allows_connections
        finally:
            admin.execute(f"drop database {live}_incoming with (force)")
            admin.execute(f"drop database {live}_aside with (force)")
    assert app_database.execute("select count(*) from members") == [(500,)]


def test_after_an_interrupted_swap_the_probe_says_how_to_go_on(app_database: AppDatabase, bind: Any) -> None:
    values = bind()
    before = ACTION.before(values)
    with database_swap.connect_to_maintenance_database(app_database.admin_url) as admin:
        admin.execute(f'create database "{before["incoming"]}" template template0')
        try:
            finding = ACTION.probe(values, before)
            assert finding.status == ProbeStatus.PARTIAL
            assert "partial copy is left" in finding.observed
            end_database_sessions(admin, before["live"], Recorder(), seconds=30)
            admin.execute(f'alter database "{before["live"]}" rename to "{before["aside"]}"')
            finding = ACTION.probe(values, before)
            assert finding.status == ProbeStatus.PARTIAL
            assert f'RENAME TO "{before["live"]}"' in finding.observed
            admin.execute(f'alter database "{before["aside"]}" rename to "{before["live"]}"')
        finally:
            admin.execute(f'drop database if exists "{before["incoming"]}" with (force)')


def test_the_preview_names_all_three_databases_and_what_is_lost(app_database: AppDatabase, bind: Any) -> None:
    preview = ACTION.preview(bind())
    text = "\n".join(preview.lines)
    assert f"{app_database.name}_restore_" in text
    assert f"{app_database.name}_failed_" in text
    assert "written since the backup" in preview.warnings[0]


@pytest.fixture
def incoming(app_database: AppDatabase) -> Iterator[str]:
    """A database that would take the place of the live one."""
    name = f"{app_database.name}_incoming"
    with database_swap.connect_to_maintenance_database(app_database.admin_url) as admin:
        admin.execute(f"create database {name} template template0")
        yield name
        admin.execute(f"drop database if exists {name} with (force)")


def swap(url: str, live: str, incoming: str, report: Recorder) -> None:
    with database_swap.connect_to_maintenance_database(url, report=report, lock_wait=1) as admin:
        database_swap.swap_databases(admin, live, incoming, f"{live}_aside", report)


def test_a_swap_names_everybody_before_it_ends_their_sessions(
    app_database: AppDatabase, incoming: str
) -> None:
    live, report = app_database.name, Recorder()
    with (
        closing(psycopg.connect(app_database.app_url, application_name="the old application")) as open_one,
        closing(psycopg.connect(app_database.admin_url, application_name="a report of Ama")) as other,
    ):
        other.execute("select 1")
        pids = [open_one.info.backend_pid, other.info.backend_pid]
        swap(app_database.admin_url, live, incoming, report)
    first = report.lines[0]
    assert first.startswith(f"Connected to {live} now: ")
    assert f"pid {pids[0]} (role {app_database.role}; application “the old application”; idle)" in first
    assert f"pid {pids[1]} (role postgres; application “a report of Ama”; idle in transaction" in first
    with database_swap.connect_to_maintenance_database(app_database.admin_url) as admin:
        database_swap.swap_databases(admin, live, f"{live}_aside", incoming, Recorder())


def test_a_prepared_transaction_stops_a_swap_before_anybody_is_shut_out(
    app_database: AppDatabase, incoming: str
) -> None:
    app_database.execute("begin; insert into empty_one values (1); prepare transaction 'gift 7'")
    try:
        with psycopg.connect(app_database.app_url) as still_open:
            with pytest.raises(Problem, match="the prepared transaction “gift 7”") as refused:
                swap(app_database.admin_url, app_database.name, incoming, Recorder())
            assert still_open.execute("select 1").fetchone() == (1,)
    finally:
        app_database.execute("rollback prepared 'gift 7'")
    assert "ROLLBACK PREPARED 'gift 7'" in refused.value.next


def test_a_session_that_may_not_be_ended_is_named_and_the_swap_reverted(
    app_database: AppDatabase, incoming: str, migrator: str
) -> None:
    live = app_database.name
    app_database.execute(f"alter database {incoming} owner to migrates_{live}")
    with psycopg.connect(app_database.admin_url) as superuser:
        pid = superuser.info.backend_pid
        with pytest.raises(Problem, match=rf"may not end a session in {live}: pid {pid} \(role postgres"):
            swap(migrator, live, incoming, Recorder())
        assert superuser.execute("select 1").fetchone() == (1,)
    assert app_database.execute("select count(*) from members", url=app_database.app_url) == [(500,)]


def test_a_worker_of_autovacuum_is_no_session_that_somebody_has_to_end(
    app_database: AppDatabase, incoming: str, migrator: str
) -> None:
    """A login without superuser rights may not signal it, and PostgreSQL ends it by itself."""
    live = app_database.name
    app_database.execute(f"alter database {incoming} owner to migrates_{live}")
    app_database.execute(
        "alter table members set (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);"
        "update members set balance = 0"
    )
    workers = (
        "select count(*) from pg_stat_activity where backend_type = 'autovacuum worker' and datname = '{}'"
    )
    with fast_autovacuum(app_database):
        wait_for(lambda: app_database.execute(workers.format(live)) == [(1,)], message="autovacuum")
        swap(migrator, live, incoming, Recorder())
    with database_swap.connect_to_maintenance_database(app_database.admin_url) as admin:
        database_swap.swap_databases(admin, live, f"{live}_aside", incoming, Recorder())


@contextmanager
def fast_autovacuum(database: AppDatabase) -> Iterator[None]:
    """The server looks every second for tables to vacuum."""
    server = postgres.with_database(database.admin_url, "postgres")
    try:
        database.execute("alter system set autovacuum_naptime = '1s'", url=server)
        database.execute("select pg_reload_conf()", url=server)
        yield
    finally:
        database.execute("alter system reset autovacuum_naptime", url=server)
        database.execute("select pg_reload_conf()", url=server)


def test_a_lock_on_the_live_database_ends_the_swap_with_its_holder(
    app_database: AppDatabase, incoming: str
) -> None:
    live, server = app_database.name, postgres.with_database(app_database.admin_url, "postgres")
    with psycopg.connect(server, application_name="changes the owner") as other:
        other.execute(f"alter database {live} owner to {app_database.role}".encode())
        with pytest.raises(Problem, match="application “changes the owner”") as refused:
            swap(server, live, incoming, Recorder())
    assert "nothing of it was done" in refused.value.means
    with database_swap.connect_to_maintenance_database(server) as admin:
        found = database_swap.find_database(admin, live)
    assert found is not None
    assert found.allows_connections
