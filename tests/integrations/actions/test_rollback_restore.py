"""The live database is replaced by the proven backup, as it was configured, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.clients import postgres, swap
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import AppDatabase, as_role
from tests.integrations.recorder import Recorder

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
) -> Iterator[Callable[..., Values]]:

    def bound(raw: dict[str, Any] | None = None, **evidence: Any) -> Values:
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


def test_the_backup_takes_the_live_ones_place_and_nothing_is_lost(
    app_database: AppDatabase, bind: Any, backup: dict[str, Any]
) -> None:
    app_database.execute("insert into members (name) values ('Since the backup'); drop table empty_one")
    values, report = bind(), Recorder()
    assert ACTION.probe(values, ACTION.before(values)).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    facts = report.facts["restored"]
    assert facts["from_sha256"] == backup["sha256"]
    assert (facts["tables"], facts["rows"]) == (4, 1050)
    assert app_database.execute("select count(*) from members") == [(500,)]
    kept = postgres.with_database(app_database.admin_url, facts["kept_as"])
    with swap.beside(app_database.admin_url) as admin:
        admin.execute(f'alter database "{facts["kept_as"]}" with allow_connections true')
    assert app_database.execute("select count(*) from members", url=kept) == [(501,)]
    assert ACTION.probe(values, ACTION.before(values)).seen == Seen.DONE


def test_owner_rights_settings_and_the_freeze_are_as_they_were(app_database: AppDatabase, bind: Any) -> None:
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
    """The address of the login that migrates: no superuser, but it owns the database and may be the role."""
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


def test_a_login_that_is_no_superuser_restores_what_another_role_owns(
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
    assert app_database.execute(rights) == before, "the right that was lent is taken back"


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


def test_a_damaged_backup_leaves_the_live_database_alone(
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


def test_a_backup_that_was_not_proven_is_refused(app_database: AppDatabase, bind: Any) -> None:
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


def test_a_step_of_the_swap_that_fails_takes_the_others_back(app_database: AppDatabase, bind: Any) -> None:
    live = app_database.name
    with swap.beside(app_database.admin_url) as admin:
        admin.execute(f"create database {live}_incoming template template0")
        admin.execute(f"create database {live}_aside template template0")  # the name is taken
        try:
            with pytest.raises(psycopg.Error):
                swap.swap(admin, live, f"{live}_incoming", f"{live}_aside", lambda line: None)
            assert {live, f"{live}_incoming", f"{live}_aside"} <= names(app_database)
            found = swap.find(admin, live)
            assert found is not None
            assert found.connections
        finally:
            admin.execute(f"drop database {live}_incoming with (force)")
            admin.execute(f"drop database {live}_aside with (force)")
    assert app_database.execute("select count(*) from members") == [(500,)]


def test_after_a_loss_in_the_middle_the_probe_says_how_to_go_on(app_database: AppDatabase, bind: Any) -> None:
    values = bind()
    before = ACTION.before(values)
    with swap.beside(app_database.admin_url) as admin:
        admin.execute(f'create database "{before["incoming"]}" template template0')
        try:
            finding = ACTION.probe(values, before)
            assert finding.seen == Seen.PARTIAL
            assert "half-made copy is left" in finding.saw
            swap._empty(admin, before["live"])
            admin.execute(f'alter database "{before["live"]}" rename to "{before["aside"]}"')
            finding = ACTION.probe(values, before)
            assert finding.seen == Seen.PARTIAL
            assert f'RENAME TO "{before["live"]}"' in finding.saw
            admin.execute(f'alter database "{before["aside"]}" rename to "{before["live"]}"')
        finally:
            admin.execute(f'drop database if exists "{before["incoming"]}" with (force)')


def test_the_preview_names_all_three_databases_and_what_is_lost(app_database: AppDatabase, bind: Any) -> None:
    preview = ACTION.preview(bind())
    text = "\n".join(preview.lines)
    assert f"{app_database.name}_restore_" in text
    assert f"{app_database.name}_failed_" in text
    assert "written since the backup" in preview.warnings[0]
