"""Whether databases answer, as primary or standby, and what their logins may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from integrations.clients import postgres
from integrations.preflight import CheckResult, Verdict, registered_checks
from integrations.preflight.database_uses import USES
from tests.integrations.conftest import AppDatabase, as_role
from tests.integrations.parity.replicas import ask, family
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.ports import free_port
from tests.waiting import wait_for

RED, AMBER, GREEN, UNKNOWN = Verdict.RED, Verdict.AMBER, Verdict.GREEN, Verdict.UNKNOWN


def system(url: str) -> dict[str, str]:
    return {"kind": "postgres", "url": url}


def verdicts(found: dict[str, CheckResult]) -> dict[str, Verdict]:
    """Verdict by subject, without the address in front of it."""
    return {subject.partition(": ")[2]: result.verdict for subject, result in found.items()}


def only(found: dict[str, CheckResult], verdict: Verdict) -> CheckResult:
    (result,) = (each for each in found.values() if each.verdict is verdict)
    return result


def test_the_table_of_uses_knows_every_database_parameter_of_every_action(
    only_own_actions: None,
) -> None:
    from integrations.actions import registry
    from integrations.actions.context import Context
    from integrations.actions.fields import SystemField
    from integrations.systems import Systems

    context = Context(systems=Systems({}, environ={}), evidence={}, folder=Path())
    wanted = {
        (key, name)
        for key, action in registry().items()
        for name, field in action.Params(context=context).fields.items()
        if isinstance(field, SystemField) and {"postgres", "prisma"} & {*field.kinds}
    }
    assert wanted == {(key, name) for key, names in USES.items() for name in names}


def test_each_cause_of_a_refused_connection_is_named(app_database: AppDatabase) -> None:
    url, name = app_database.app_url, app_database.name
    systems = {
        "right": system(url),
        "no-password": system(as_role(url, app_database.role, "wrong")),
        "no-database": system(postgres.with_database(url, "nothing_of_that_name")),
        "nobody": system(f"postgresql://u:p@127.0.0.1:{free_port()}/{name}"),
        "no-host": system("postgresql://u:p@host.invalid/x"),
        "no-tls": system(f"{url}?sslmode=require"),
        "unset": system("${NOT_SET_AT_ALL}"),
        "torn": system("postgresql://u:pass/zq9@host/x"),
    }
    found = {r.systems[0]: r for r in run_check("postgres.reachable", scope_of(systems)).values()}
    assert found.pop("right").verdict is GREEN
    assert {result.verdict for result in found.values()} == {RED}
    for key, words in {
        "no-password": "The login is refused.",
        "no-database": "has no such database",
        "nobody": "Nothing listens",
        "no-host": "host's name is unknown",
        "no-tls": "server does not support SSL",
        "unset": "NOT_SET_AT_ALL is not set",
        "torn": "cannot be read",
    }.items():
        assert words in found[key].seen
        assert found[key].change
    assert not any(
        "zq9" in result.seen + result.change for result in found.values() if result.systems == ("torn",)
    )


def test_an_old_login_that_is_refused_is_what_its_item_wants(app_database: AppDatabase) -> None:
    items = planned(revoked=("secrets.revoked", {"login": "old"}))
    scope = scope_of({"old": system(as_role(app_database.app_url, "nobody_of_that_name", "x"))}, items=items)
    assert {each.verdict for each in run_check("postgres.reachable", scope).values()} == {GREEN}


def test_every_host_of_an_address_is_asked_and_which_one_is_wanted_has_to_be_said(
    app_database: AppDatabase,
) -> None:
    parts = urlsplit(app_database.app_url)
    login, _, host = parts.netloc.rpartition("@")
    closed = f"127.0.0.1:{free_port()}"
    both = urlunsplit(parts._replace(netloc=f"{login}@{closed},{host}"))
    scope = scope_of({"two": system(both)}, items=planned(take=("backup.take", {"database": "two"})))
    found = run_check("postgres.reachable", scope)
    assert verdicts(found) == {
        f"connection to {closed}/{app_database.name}": RED,
        f"connection to {host}/{app_database.name}": GREEN,
    }
    hosts = run_check("postgres.primary", scope)
    assert only(hosts, RED).change.startswith("Add target_session_attrs=read-write")
    chosen = scope_of({"two": system(f"{both}?target_session_attrs=read-write")})
    assert set(verdicts(run_check("postgres.primary", chosen)).values()) == {GREEN}


def test_a_standby_is_red_where_it_is_backed_up_and_amber_where_it_is_read() -> None:
    """The backup of a standby that is 20 minutes behind lacked 50 gifts, and was green."""
    with family() as servers:
        standby = servers.standby(recovery_min_apply_delay="20min")
        ask(servers.primary, "select pg_logical_emit_message(true, 'gift', '50')::text")
        wait_for(lambda: ask(standby, "select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"))
        systems = {"live": system(servers.primary.url()), "copy": system(standby.url())}
        read = run_check("postgres.primary", scope_of(systems))
        items = planned(take=("backup.take", {"database": "copy"}))
        taken = run_check("postgres.primary", scope_of(systems, items=items))
    assert [result.verdict for result in read.values()] == [GREEN, AMBER]
    red = only(taken, RED)
    assert red.items == ("take",)
    assert "recovery_min_apply_delay is 20min" in red.seen
    assert "address of the primary" in red.change


def test_a_clock_that_is_off_is_stated_with_its_uncertainty(app_database: AppDatabase) -> None:
    """The panel is 90 s ahead of the database, which is the same as a database that is 90 s behind."""
    right = scope_of({"live": system(app_database.app_url)})
    assert only(run_check("postgres.clock", right), GREEN)
    ahead = scope_of({"live": system(app_database.app_url)}, now=right.now + timedelta(seconds=90))
    assert "behind the panel's database" in only(run_check("postgres.clock", ahead), RED).seen
    bit = scope_of({"live": system(app_database.app_url)}, now=right.database_time() - timedelta(seconds=5))
    assert "ahead of the panel's database" in only(run_check("postgres.clock", bit), AMBER).seen


def test_a_time_zone_other_than_utc_is_named_with_its_source(app_database: AppDatabase) -> None:
    scope = scope_of({"app": system(app_database.app_url), "admin": system(app_database.admin_url)})
    assert set(verdicts(run_check("postgres.time_zones", scope)).values()) == {GREEN}
    app_database.execute(f"alter role {app_database.role} set timezone = 'America/New_York'")
    found = run_check("postgres.time_zones", scope)
    amber = only(found, AMBER)
    assert amber.systems == ("app",)
    assert f"by ALTER ROLE {app_database.role}" in amber.seen
    assert "2 columns are timestamps without time zone" in amber.seen
    assert f"ALTER ROLE {app_database.role} SET timezone = 'UTC'" in amber.change


@pytest.fixture
def reader(app_database: AppDatabase) -> Iterator[AppDatabase]:
    """A login that may read every table and sequence; its name has to be quoted."""
    role = f"Reader {app_database.name}"
    app_database.execute(
        f'create role "{role}" login password \'x\'; grant select on all tables in schema public to "{role}";'
        f'grant select on all sequences in schema public to "{role}"'
    )
    url = as_role(app_database.admin_url, role.replace(" ", "%20"), "x")
    yield AppDatabase(app_database.admin_url, url, role, app_database.name)
    app_database.execute(f'drop owned by "{role}"; drop role "{role}"')


def test_a_login_that_compares_needs_select_on_each_table_and_sequence(reader: AppDatabase) -> None:
    items = planned(print=("parity.fingerprint", {"database": "reader"}))
    scope = scope_of({"reader": system(reader.app_url)}, items=items)
    assert only(run_check("postgres.rights_to_read", scope), GREEN)
    reader.execute(
        f'revoke select on "Odd ""name", donations_id_seq from "{reader.role}";'
        "alter table members enable row level security;"
        'create schema "Other"; create table "Other".t (id int);'
        f'grant select on "Other".t to "{reader.role}"'
    )
    found = {s.partition(": ")[2]: r for s, r in run_check("postgres.rights_to_read", scope).items()}
    assert {r.verdict for r in found.values()} == {RED}
    assert {name: result.change for name, result in found.items()} == {
        'table public."Odd ""name"': f'GRANT SELECT ON TABLE public."Odd ""name" TO "{reader.role}";',
        "sequence public.donations_id_seq": (
            f'GRANT SELECT ON SEQUENCE public.donations_id_seq TO "{reader.role}";'
        ),
        'schema "Other"': f'GRANT USAGE ON SCHEMA "Other" TO "{reader.role}";',
        "policies of table public.members": (
            f'ALTER ROLE "{reader.role}" BYPASSRLS; or use the owner\'s login.'
        ),
    }


def test_a_backup_needs_the_large_objects_too(reader: AppDatabase) -> None:
    items = planned(take=("backup.take", {"database": "reader"}))
    scope = scope_of({"reader": system(reader.app_url)}, items=items)
    ((number,),) = reader.execute("select lo_from_bytea(0, '\\x00')")
    red = only(run_check("postgres.rights_to_read", scope), RED)
    assert f"GRANT SELECT ON LARGE OBJECT {number} TO" in red.change
    reader.execute(f'grant select on large object {number} to "{reader.role}"')
    assert only(run_check("postgres.rights_to_read", scope), GREEN)
    reader.execute(f"select lo_unlink({number})")


def test_the_right_to_freeze_is_that_over_the_role_of_the_application(
    app_database: AppDatabase, reader: AppDatabase
) -> None:
    items = planned(freeze=("freeze.on", {"database": "admin", "application": "app"}))
    systems = {"app": system(app_database.app_url), "admin": system(app_database.admin_url)}
    assert only(run_check("postgres.rights_to_freeze", scope_of(systems, items=items)), GREEN)
    weak = scope_of({**systems, "admin": system(reader.app_url)}, items=items)
    red = only(run_check("postgres.rights_to_freeze", weak), RED)
    assert f'GRANT {app_database.role} TO "{reader.role}" WITH ADMIN OPTION;' in red.change
    assert f'GRANT pg_read_all_stats TO "{reader.role}";' in red.change
    app_database.execute(
        f'alter role "{reader.role}" createrole;'
        f'grant {app_database.role} to "{reader.role}" with admin option'
    )
    assert only(run_check("postgres.rights_to_freeze", weak), GREEN)


def test_a_freeze_of_an_application_in_another_database_is_red(
    app_database: AppDatabase, new_database: Callable[[], str]
) -> None:
    items = planned(freeze=("freeze.on", {"database": "admin", "application": "app"}))
    systems = {"app": system(app_database.app_url), "admin": system(new_database())}
    red = only(run_check("postgres.rights_to_freeze", scope_of(systems, items=items)), RED)
    assert "not the same one" in red.seen


def test_a_restore_needs_the_right_to_create_and_to_rename_databases(
    app_database: AppDatabase, reader: AppDatabase
) -> None:
    items = planned(
        verify=("backup.verify", {"scratch": "scratch"}), restore=("rollback.restore", {"database": "live"})
    )
    systems = {"scratch": system(app_database.admin_url), "live": system(reader.app_url)}
    found = run_check("postgres.rights_to_restore", scope_of(systems, items=items))
    assert (
        verdicts(found)
        == {
            "right to create databases": RED,
            "owner of the database": RED,
        }
        or [*verdicts(found).values()].count(RED) == 2
    )
    changes = {result.change for result in found.values()} - {""}
    assert changes == {
        f'ALTER ROLE "{reader.role}" CREATEDB;',
        f'ALTER DATABASE {reader.name} OWNER TO "{reader.role}";',
    }


def test_the_new_application_needs_rights_on_what_the_migration_will_create(
    app_database: AppDatabase, reader: AppDatabase
) -> None:
    items = planned(
        deploy=("prisma.deploy", {"prisma": "backend"}), writers=("writers.check", {"new_login": "new"})
    )
    systems = {
        "backend": {"kind": "prisma", "database": app_database.app_url, "project": "/none", "command": "x"},
        "new": system(reader.app_url),
    }
    scope = scope_of(systems, items=items)
    reader.execute(
        f'grant select, insert, update, delete on all tables in schema public to "{reader.role}";'
        f'grant usage on all sequences in schema public to "{reader.role}"'
    )
    found = run_check("postgres.rights_of_new_stack", scope)
    assert set(verdicts(found)) == {f"new {kind} of {app_database.role}" for kind in ("tables", "sequences")}
    for result in found.values():
        app_database.execute(result.change, url=app_database.app_url)  # the remedy as it is given
    assert only(run_check("postgres.rights_of_new_stack", scope), GREEN)


def test_every_check_of_databases_is_quiet_without_databases() -> None:
    for key, check in registered_checks().items():
        if key.startswith("postgres."):
            assert list(check.function(scope_of({}))) == []


def test_a_database_that_cannot_be_asked_is_unknown_and_names_the_check_that_tells_why() -> None:
    scope = scope_of(
        {"gone": system(f"postgresql://u:p@127.0.0.1:{free_port()}/x")},
        items=planned(print=("parity.fingerprint", {"database": "gone"})),
    )
    for key in ("postgres.primary", "postgres.clock", "postgres.rights_to_read", "postgres.time_zones"):
        result = only(run_check(key, scope), UNKNOWN)
        assert "postgres.reachable" in result.change


def test_an_address_in_front_of_which_a_pooler_shares_sessions_is_not_asked(
    new_database: Callable[[], str],
) -> None:
    """Placed here and not with the pooler's own check: no check may set anything in a shared session."""
    from tests.integrations.poolers import pgbouncer

    with pgbouncer(new_database(), mode="transaction") as url:
        scope = scope_of({"pooled": system(url)})
        results = [
            result
            for key, check in registered_checks().items()
            if key.startswith("postgres.")
            for result in check.function(scope)
        ]
        with psycopg.connect(url, autocommit=True) as application:
            application.execute("create table written ()")
    assert results
