"""Each trap in a catalog is planted in a real PostgreSQL, named with its remedy, and green without."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cutover.embedded import Postgres
from integrations.clients import postgres
from integrations.preflight import CheckResult, CheckScope, Verdict, registered_checks
from tests.integrations.conftest import as_role
from tests.integrations.poolers import pgbouncer
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.ports import free_port
from tests.servers import new_folder
from tests.waiting import wait_for

RED, AMBER, GREEN, UNKNOWN = Verdict.RED, Verdict.AMBER, Verdict.GREEN, Verdict.UNKNOWN
SETTINGS = {"max_prepared_transactions": "5", "wal_level": "logical", "autovacuum": "off"}
TABLES = """
create table members (id serial primary key, name text, joined timestamptz, email varchar(80));
create table donations (id serial primary key, member_id int references members, amount numeric, status text);
create table "Odd ""name" (id bigint generated always as identity primary key);
insert into members (name) select 'm' || i from generate_series(1, 20) i;
insert into donations (member_id) select i from generate_series(1, 20) i;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server that takes prepared transactions and logical slots."""
    folder = new_folder("catalog")
    made = Postgres(folder / "pg", port=free_port(), password="of-a-test", fsync=False, settings=SETTINGS)
    try:
        yield made.start()
    finally:
        made.stop()
        shutil.rmtree(folder)


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    """A database of its own, with tables."""
    name = f"c{uuid.uuid4().hex[:10]}"
    execute(server.url(), f"create database {name} template template0 strategy file_copy")
    execute(server.url(name), TABLES)
    yield server.url(name)
    execute(server.url(), f"drop database {name} with (force)")


def execute(url: str, command: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(command.encode())
        return cursor.fetchall() if cursor.description else []


def production(url: str, **systems: dict[str, str]) -> CheckScope:
    """The database as the live one: backed up, restored over, and migrated by a project in a folder."""
    items = planned(
        take=("backup.take", {"database": "live"}), back=("rollback.restore", {"database": "live"})
    )
    return scope_of({"live": {"kind": "postgres", "url": url}, **systems}, items=items)


def found_in(key: str, scope: CheckScope) -> dict[str, CheckResult]:
    """The results by subject, without the address in front of it."""
    return {subject.partition(": ")[2]: result for subject, result in run_check(key, scope).items()}


#: The versions that are not the wheel's: the catalog has other columns there.
OTHER_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="module")
def older_server() -> Iterator[Postgres]:
    """Debian's PostgreSQL."""
    folder = new_folder("older")
    made = Postgres(
        folder / "pg",
        port=free_port(),
        password="of-a-test",
        fsync=False,
        settings=SETTINGS,
        programs=OTHER_PROGRAMS[0],
    )
    try:
        yield made.start()
    finally:
        made.stop()
        shutil.rmtree(folder)


CHECKS = (
    "postgres.sequences",
    "postgres.defects",
    "postgres.prepared",
    "postgres.sessions",
    "postgres.locks",
    "postgres.event_triggers",
    "postgres.replication",
    "postgres.wraparound",
    "postgres.read_only",
    "postgres.locale",
    "postgres.connections",
    "postgres.pooler",
    "postgres.versions",
)


@pytest.mark.parametrize("key", CHECKS)
def test_a_clean_database_is_green(key: str, url: str) -> None:
    assert {each.verdict for each in run_check(key, production(url)).values()} == {GREEN}


@pytest.mark.parametrize("key", CHECKS)
def test_a_login_without_any_right_gets_an_answer(key: str, url: str) -> None:
    """What it may not see is unknown; no query of a check is refused as a whole."""
    name = f"blind_{postgres.connection_settings(url)['dbname']}"
    execute(url, f"create role {name} login password 'x'")
    with psycopg.connect(url):
        found = run_check(key, production(as_role(url, name, "x")))
    execute(url, f"drop role {name}")
    named = ("sessions of other roles", "sequence public.")
    assert all(
        each.verdict is GREEN or (each.verdict is UNKNOWN and any(words in subject for words in named))
        for subject, each in found.items()
    ), found


def test_an_older_server_is_asked_as_well(older_server: Postgres, url: str) -> None:
    """Its catalogs have other columns, and its version does not suit copies of a newer one."""
    execute(older_server.url(), TABLES)
    for key in CHECKS:
        found = run_check(key, production(older_server.url()))
        assert {each.verdict for each in found.values()} == {GREEN}, (key, found)
    execute(older_server.url(), "begin; lock table members in share mode; prepare transaction 'tx'")
    try:
        red = found_in("postgres.prepared", production(older_server.url()))[
            "prepared transaction tx of postgres"
        ]
    finally:
        execute(older_server.url(), "rollback prepared 'tx'")
    assert "locks on public.members" in red.seen
    copies = {"scratch": {"kind": "postgres", "url": older_server.url()}}
    scope = scope_of(
        {"live": {"kind": "postgres", "url": url}, **copies},
        items=planned(
            take=("backup.take", {"database": "live"}), verify=("backup.verify", {"scratch": "scratch"})
        ),
    )
    found = found_in("postgres.versions", scope)
    worse = found[f"version, compared with {postgres.address(url)}"]
    assert (worse.verdict, "Take a server of PostgreSQL 18" in worse.change) == (RED, True)
    assert found["pg_restore"].verdict is RED


def test_copies_need_the_extensions_and_the_locale_of_production(server: Postgres, url: str) -> None:
    items = planned(
        take=("backup.take", {"database": "live"}), verify=("backup.verify", {"scratch": "scratch"})
    )
    name = f"maker_{postgres.connection_settings(url)['dbname']}"
    execute(url, f"create role {name} login createdb password 'x'; create extension file_fdw;"
                 "create extension citext; create extension hstore")  # fmt: skip
    execute(url, "set allow_system_table_mods = on; update pg_extension set extname = 'nowhere'"
                 " where extname = 'hstore'; update pg_extension set extversion = '0.1'"
                 " where extname = 'citext'")  # fmt: skip
    scratch = {"kind": "postgres", "url": as_role(server.url(), name, "x")}
    scope = scope_of({"live": {"kind": "postgres", "url": url}, "scratch": scratch}, items=items)
    found = found_in("postgres.extensions", scope)
    assert {subject: result.verdict for subject, result in found.items()} == {
        "extension nowhere": RED,
        "extension file_fdw": RED,
        "extension citext": AMBER,
    }
    assert "only a superuser may" in found["extension file_fdw"].seen
    (same,) = run_check("postgres.scratch", scope).values()
    assert (same.verdict, postgres.address(url) in same.seen) == (AMBER, True)
    execute(url, f"drop role {name}")


def test_a_locale_that_the_server_for_copies_does_not_know_is_named(
    server: Postgres, older_server: Postgres
) -> None:
    """Debian's PostgreSQL has ICU, and the wheel's has not."""
    execute(
        older_server.url(), "create database icu template template0 locale_provider icu icu_locale 'de-DE'"
    )
    live = {"kind": "postgres", "url": older_server.url("icu")}
    items = planned(
        take=("backup.take", {"database": "live"}), verify=("backup.verify", {"scratch": "scratch"})
    )
    subject = f"locale of {postgres.address(live['url'])}"

    def known_by(scratch: str) -> CheckResult:
        systems = {"live": live, "scratch": {"kind": "postgres", "url": scratch}}
        return found_in("postgres.locale", scope_of(systems, items=items))[subject]

    assert known_by(older_server.url()).verdict is GREEN
    amber = known_by(server.url())
    assert (amber.verdict, "Install the locale de-DE" in amber.change) == (AMBER, True)


def test_no_check_reads_a_table_from_end_to_end(url: str) -> None:
    execute(url, "insert into members (name) select 'm' from generate_series(1, 50000)")
    execute(url, "vacuum analyze")
    scans = "select seq_scan from pg_stat_user_tables where relname = 'members'"
    before = execute(url, scans)
    scope = production(url)
    for key, check in registered_checks().items():
        if key.startswith(("postgres.", "disk.")):
            assert list(check.function(scope)) or key in registered_checks()
    assert execute(url, scans) == before


#: check, trap, how to remove what outlives the database, subject, verdict, part of what is seen, the remedy
TRAPS: list[tuple[str, str, str, str, Verdict, str, str]] = [
    (
        "postgres.sequences",
        "select setval('donations_id_seq', 10)",
        "",
        "sequence public.donations_id_seq",
        RED,
        "next value is 11, and public.donations.id goes up to 20",
        "SELECT setval('public.donations_id_seq', 20);",
    ),
    (
        "postgres.sequences",
        'insert into "Odd ""name" overriding system value values (7)',
        "",
        'sequence public.Odd "name_id_seq',
        RED,
        "next value is 1",
        'SELECT setval(\'public."Odd ""name_id_seq"\', 7);',
    ),
    (
        "postgres.sequences",
        "create table loose (n int default nextval('members_id_seq')); insert into loose values (1)",
        "",
        "sequence public.members_id_seq",
        UNKNOWN,
        "no index",
        "compare it with max(n) by hand",
    ),
    (
        "postgres.sequences",
        "create sequence of_the_application",
        "",
        "sequences of no column",
        AMBER,
        "public.of_the_application",
        "OWNED BY",
    ),
    (
        "postgres.defects",
        "update pg_index set indisvalid = false where indexrelid = 'members_pkey'::regclass",
        "",
        "index public.members_pkey",
        RED,
        "public.members is not valid",
        "REINDEX INDEX CONCURRENTLY public.members_pkey;",
    ),
    (
        "postgres.defects",
        "alter table donations add constraint positive check (amount > 0) not valid",
        "",
        "constraint positive of table public.donations",
        AMBER,
        "CHECK ((amount > (0)::numeric))",
        "ALTER TABLE public.donations VALIDATE CONSTRAINT positive;",
    ),
    (
        "postgres.defects",
        "alter table donations disable trigger all",
        "",
        "foreign key donations_member_id_fkey of table public.donations",
        RED,
        "rows without a parent",
        "ALTER TABLE public.donations ENABLE TRIGGER ALL;",
    ),
    (
        "postgres.prepared",
        "begin; lock table members in share mode; prepare transaction 'tx''2'",
        "rollback prepared 'tx''2'",
        "prepared transaction tx'2 of postgres",
        RED,
        "locks on public.members",
        "ROLLBACK PREPARED 'tx''2';",
    ),
    (
        "postgres.event_triggers",
        "create function watch() returns event_trigger language plpgsql as 'begin end';"
        "create event trigger on_ddl on ddl_command_end execute function watch()",
        "",
        "event trigger on_ddl",
        AMBER,
        "watch()",
        "ALTER EVENT TRIGGER on_ddl DISABLE;",
    ),
    (
        "postgres.replication",
        "select pg_create_logical_replication_slot('to_reports', 'pgoutput')",
        "select pg_drop_replication_slot('to_reports')",
        "replication slot to_reports",
        RED,
        "reads this database",
        "SELECT pg_drop_replication_slot('to_reports');",
    ),
    (
        "postgres.replication",
        "select pg_create_physical_replication_slot('old_standby', true)",
        "select pg_drop_replication_slot('old_standby')",
        "replication slot old_standby",
        AMBER,
        "Nobody reads",
        "SELECT pg_drop_replication_slot('old_standby');",
    ),
    (
        "postgres.replication",
        "create publication reports for table members",
        "",
        "publication reports",
        AMBER,
        "publishes public.members",
        "Change the subscribers' tables first",
    ),
    (
        "postgres.replication",
        "create subscription feed connection 'dbname=none' publication p"
        " with (connect = false, slot_name = none)",
        "alter subscription feed set (slot_name = none); drop subscription feed",
        "subscription feed",
        RED,
        "pass a freeze",
        "ALTER SUBSCRIPTION feed DISABLE;",
    ),
    (
        "postgres.wraparound",
        "update pg_database set datfrozenxid = ((datfrozenxid::text::bigint - 2000000000 + 4294967296)"
        " % 4294967296)::text::xid where datname = current_database()",
        "",
        "age of transaction numbers",
        RED,
        "refuses writes",
        "VACUUM (FREEZE)",
    ),
    (
        "postgres.connections",
        "do $$ begin execute format('alter database %I connection limit 3', current_database()); end $$",
        "",
        "free connections",
        RED,
        "connections are free now",
        "CONNECTION LIMIT",
    ),
    (
        "postgres.locale",
        "update pg_database set datcollversion = '0.1' where datname = current_database()",
        "",
        "version of the collation",
        RED,
        "version 0.1 of C.UTF-8",
        "REFRESH COLLATION VERSION;",
    ),
]


@pytest.mark.parametrize(
    ("key", "trap", "removed", "subject", "verdict", "seen", "change"),
    TRAPS,
    ids=[f"{trap[0]}: {trap[3]}" for trap in TRAPS],
)
def test_a_trap_is_named_with_its_remedy(
    url: str, key: str, trap: str, removed: str, subject: str, verdict: Verdict, seen: str, change: str
) -> None:
    execute(url, f"set allow_system_table_mods = on; {trap}" if "update pg_" in trap else trap)
    try:
        found = found_in(key, production(url))
    finally:
        if removed:
            for command in removed.split("; "):
                execute(url, command)
    assert found[subject].verdict is verdict
    assert seen in found[subject].seen
    assert change in found[subject].change
    assert GREEN not in {result.verdict for name, result in found.items() if name == subject}


def test_a_login_that_pg_hba_rejects_is_told_from_a_wrong_password(server: Postgres, url: str) -> None:
    file = server.data / "pg_hba.conf"
    before = file.read_text()
    file.write_text(f"host all shut_out all reject\nhost all plain all reject\n{before}")
    execute(server.url(), "create role shut_out login password 'x'; select pg_reload_conf()")
    scope = production(as_role(url, "shut_out", "x"))
    try:
        (red,) = wait_for(
            lambda: [r for r in run_check("postgres.reachable", scope).values() if "pg_hba" in r.seen]
        )
    finally:
        file.write_text(before)
        execute(server.url(), "drop role shut_out; select pg_reload_conf()")
    assert red.verdict is RED
    assert "Ask for an entry in pg_hba.conf" in red.change


def test_an_encoding_that_has_no_place_for_every_text_is_named(server: Postgres) -> None:
    execute(server.url(), "create database ascii template template0 encoding 'SQL_ASCII' locale 'C'")
    amber = found_in("postgres.locale", production(server.url("ascii")))["encoding"]
    assert (amber.verdict, "SQL_ASCII" in amber.seen) == (AMBER, True)
    execute(server.url(), "drop database ascii")


@pytest.mark.parametrize(
    ("setting", "key", "subject", "seen"),
    [
        ("synchronous_standby_names = 'away'", "postgres.primary", "primary or standby", "none is connected"),
        (
            "default_transaction_read_only = on",
            "postgres.read_only",
            "read-only defaults",
            "configuration of the server",
        ),
    ],
)
def test_a_setting_of_the_server_that_stops_every_write_is_red(
    server: Postgres, url: str, setting: str, key: str, subject: str, seen: str
) -> None:
    name = setting.partition(" ")[0]
    shown = f"select setting from pg_settings where name = '{name}' and setting not in ('', 'off')"
    execute(server.url(), f"alter system set {setting}")
    execute(server.url(), "select pg_reload_conf()")
    try:
        wait_for(lambda: execute(url, shown))
        result = found_in(key, production(url))[subject]
    finally:
        execute(server.url(), f"alter system reset {name}")
        execute(server.url(), "select pg_reload_conf()")
        wait_for(lambda: not execute(url, shown))
    assert result.verdict is RED
    assert seen in result.seen


def test_a_prepared_transaction_of_another_database_only_keeps_old_rows(server: Postgres, url: str) -> None:
    execute(server.url(), "begin; create table x (); prepare transaction 'elsewhere'")
    try:
        result = found_in("postgres.prepared", production(url))["prepared transaction elsewhere of postgres"]
    finally:
        execute(server.url(), "rollback prepared 'elsewhere'")
    assert result.verdict is AMBER
    assert "connected to postgres" in result.change


@pytest.fixture
def old_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction counts as open for long at once: nobody waits a minute for a test."""
    monkeypatch.setattr("integrations.preflight.checks.postgres_sessions.LONG", 0)


def test_an_idle_transaction_of_another_role_is_named_with_what_it_locks(
    url: str, old_transactions: None
) -> None:
    """Every page said “Nobody can write, as announced”, and the deploy hung behind this session."""
    name = postgres.connection_settings(url)["dbname"]
    execute(url, f"create role r_{name} login password 'x'; grant select on members to r_{name}")
    with psycopg.connect(as_role(url, f"r_{name}", "x"), application_name="nightly report") as idle:
        idle.execute("select 1 from members limit 1")
        red = found_in("postgres.sessions", production(url))[f"sessions of r_{name} (nightly report)"]
        assert red.verdict is RED
        assert "idle in transaction" in red.seen
        assert "locks on public.members" in red.seen
        assert f"pg_terminate_backend({idle.info.backend_pid})" in red.change
        execute(url, f"create role blind_{name} login password 'x'")
        blind = found_in("postgres.sessions", production(as_role(url, f"blind_{name}", "x")))
    assert blind["sessions of other roles"].verdict is UNKNOWN
    assert f'GRANT pg_read_all_stats TO "blind_{name}";' == blind["sessions of other roles"].change
    execute(url, f"drop owned by r_{name}; drop role r_{name}; drop role blind_{name}")


def test_who_waits_for_a_lock_and_for_whom_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.preflight.checks.postgres_sessions.WAITED", 0.0)
    with psycopg.connect(url, application_name="holder") as holder, psycopg.connect(url) as waiter:
        holder.execute("lock table members")
        waiting = waiter.pgconn
        waiting.send_query(b"select 1 from members")
        wait_for(lambda: execute(url, "select 1 from pg_locks where not granted"))
        found = found_in("postgres.locks", production(url))
        holder.rollback()
        while waiting.get_result() is not None:
            pass
    amber = found["lock on public.members, for postgres"]
    assert amber.verdict is AMBER
    assert "postgres (holder, process" in amber.seen


def test_a_freeze_that_was_left_behind_is_named_and_our_own_is_not(url: str, tmp_path: Path) -> None:
    from integrations.artefacts import LocalArtefacts
    from integrations.writes.freeze import StateBeforeFreeze

    name = postgres.connection_settings(url)["dbname"]
    execute(url, f"create role app_{name} login; alter role app_{name} in database {name} "
                 "set default_transaction_read_only = on")  # fmt: skip
    place = f"ROLE app_{name} IN DATABASE {name}"
    amber = found_in("postgres.read_only", production(url))[f"read-only default of {place}"]
    assert amber.verdict is AMBER
    assert f"ALTER {place} RESET default_transaction_read_only;" in amber.change
    application = {"kind": "postgres", "url": as_role(url, f"app_{name}", "x")}
    used = found_in("postgres.read_only", production(url, app=application))
    assert used[f"read-only default of {place}"].verdict is RED
    StateBeforeFreeze(f"app_{name}", name, None, [], True).save(LocalArtefacts(tmp_path, ""))
    ours = scope_of(
        {"live": {"kind": "postgres", "url": url}},
        items=planned(take=("backup.take", {"database": "live"})),
        folder=tmp_path,
    )
    assert {each.verdict for each in run_check("postgres.read_only", ours).values()} == {GREEN}
    execute(url, f"drop owned by app_{name}; alter role app_{name} in database {name} reset all")
    execute(url, f"drop role app_{name}")


def test_limits_of_roles_that_would_end_a_migration_are_named(url: str, tmp_path: Path) -> None:
    name = postgres.connection_settings(url)["dbname"]
    execute(url, f"create role m_{name} login password 'x' connection limit 3;"
                 f"alter role m_{name} set statement_timeout = '30s'")  # fmt: skip
    scope = migrated(as_role(url, f"m_{name}", "x"), tmp_path, "")
    red = found_in("postgres.timeouts", scope)["statement_timeout"]
    assert red.verdict is RED
    assert "30 s" in red.seen
    limit = found_in("postgres.connections", scope)["CONNECTION LIMIT"]
    assert limit.verdict is RED
    execute(url, f"alter role m_{name} reset all; alter role m_{name} connection limit -1")
    assert found_in("postgres.timeouts", scope_of_again(scope))["time limits"].verdict is GREEN
    execute(url, f"drop role m_{name}")


def scope_of_again(scope: CheckScope) -> CheckScope:
    """The same in another run."""
    return CheckScope(scope.systems, items=scope.items)


def migrated(url: str, folder: Path, script: str) -> CheckScope:
    """A Prisma project with one migration that is pending in this database."""
    migration = folder / "prisma" / "migrations" / "20260101000000_next"
    migration.mkdir(parents=True)
    (migration / "migration.sql").write_text(script)
    (folder / "prisma" / "schema.prisma").write_text("")
    systems = {"backend": {"kind": "prisma", "project": str(folder), "command": "prisma", "database": url}}
    return scope_of(systems, items=planned(deploy=("prisma.deploy", {"prisma": "backend"})))


DEPENDENTS = """
create table unrelated ();
create view seen as select id, joined from members;
create rule quiet as on update to donations where new.status = 'x' do also delete from unrelated;
create function stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger on_status after update of status on donations for each row execute function stamp();
create policy own on members using (email = current_user);
alter table donations add total numeric generated always as (amount * 2) stored;
create publication filtered for table members where (id > 3);
create function initials() returns text begin atomic select name from members; end;
create index by_name on members (name);
"""
CHANGES = """
ALTER TABLE "members" ALTER COLUMN "joined" SET DATA TYPE timestamp(3);
ALTER TABLE "public"."donations" ALTER COLUMN "status" SET DATA TYPE varchar(9), DROP COLUMN "amount";
ALTER TABLE "members" ALTER COLUMN "email" TYPE text, ALTER COLUMN "name" TYPE varchar(30);
ALTER TABLE "members" ALTER COLUMN "id" TYPE bigint;
"""


def test_what_depends_on_a_column_that_changes_is_named(url: str, tmp_path: Path) -> None:
    scope = migrated(url, tmp_path, CHANGES)
    assert {each.verdict for each in run_check("postgres.dependents", scope).values()} == {GREEN}
    execute(url, DEPENDENTS)
    found = found_in("postgres.dependents", scope)
    assert {each.verdict for each in found.values()} == {RED}
    assert set(found) == {
        "view seen",
        "rule quiet on table donations",
        "trigger on_status on table donations",
        "policy own on table members",
        "generated column total",
        "publication of table members in publication filtered",
        "function initials()",
    }
    assert "20260101000000_next, line 2" in found["view seen"].seen
    assert "pg_get_viewdef" in found["view seen"].change


def test_what_the_script_drops_itself_is_not_in_its_way(url: str, tmp_path: Path) -> None:
    execute(url, "create view seen as select joined from members")
    scope = migrated(url, tmp_path, f'DROP VIEW "seen"; {CHANGES}')
    assert {each.verdict for each in run_check("postgres.dependents", scope).values()} == {GREEN}


BLOCKERS = [
    line
    for line in DEPENDENTS.strip().splitlines()
    if not line.startswith(("create table", "create index", "create function stamp"))
]


@pytest.mark.parametrize("blocker", BLOCKERS)
def test_each_dependent_really_stops_the_migration(url: str, blocker: str) -> None:
    """The verdict is PostgreSQL's own: without the object the script runs, with it it does not."""
    function = "create function stamp() returns trigger language plpgsql as 'begin return new; end'"
    execute(url, f"begin; {CHANGES} rollback")
    execute(url, f"create table unrelated (); {function}; {blocker}")
    with pytest.raises(psycopg.Error, match=r"depend|used|alter type|publication"):
        execute(url, f"begin; {CHANGES} rollback")


def test_the_owner_of_a_table_that_is_altered_is_needed(url: str, tmp_path: Path) -> None:
    name = postgres.connection_settings(url)["dbname"]
    execute(url, f"create role m_{name} login password 'x'; alter table members owner to m_{name};"
                 f"grant create on schema public to m_{name}")  # fmt: skip
    scope = migrated(as_role(url, f"m_{name}", "x"), tmp_path, CHANGES)
    found = found_in("postgres.rights_to_migrate", scope)
    red = [(subject, each.change) for subject, each in found.items() if each.verdict is RED]
    assert red == [
        (
            "owner of table public.donations",
            f"GRANT postgres TO m_{name}; or ALTER TABLE public.donations OWNER TO m_{name};",
        )
    ]
    execute(url, f"reassign owned by m_{name} to postgres; drop owned by m_{name}; drop role m_{name}")


def test_the_new_application_needs_no_right_on_a_table_that_goes(url: str, tmp_path: Path) -> None:
    name = postgres.connection_settings(url)["dbname"]
    execute(url, f"create role n_{name} login password 'x'; create table alembic_version (v text);"
                 f'grant all on members, donations, "Odd ""name" to n_{name};'
                 f"alter default privileges in schema public grant all on tables to n_{name};"
                 f"alter default privileges in schema public grant all on sequences to n_{name};"
                 f"grant usage on all sequences in schema public to n_{name}")  # fmt: skip
    login = {"kind": "postgres", "url": as_role(url, f"n_{name}", "x")}
    for folder, script, verdict in (("stays", "", RED), ("goes", "DROP TABLE alembic_version", GREEN)):
        scope = migrated(url, tmp_path / folder, script)
        systems = {"new": login, "backend": dict(scope.systems["backend"].settings, kind="prisma")}
        items = {**scope.items, **planned(writers=("writers.check", {"new_login": "new"}))}
        (result,) = run_check("postgres.rights_of_new_stack", scope_of(systems, items=items)).values()
        assert result.verdict is verdict
    execute(url, f"drop owned by n_{name}; drop role n_{name}")


def test_an_extension_that_a_script_creates_has_to_be_offered(url: str, tmp_path: Path) -> None:
    scope = migrated(url, tmp_path, "CREATE EXTENSION IF NOT EXISTS postgis; CREATE EXTENSION citext;")
    found = found_in("postgres.extensions", scope)
    assert {name: result.verdict for name, result in found.items()} == {
        "extension postgis": RED,
        "extension citext": GREEN,
    }
    name = postgres.connection_settings(url)["dbname"]
    execute(url, f"create role m_{name} login password 'x'")
    weak = migrated(as_role(url, f"m_{name}", "x"), tmp_path / "weak", "CREATE EXTENSION citext")
    red = found_in("postgres.extensions", weak)["extension citext"]
    assert (red.verdict, "GRANT CREATE ON DATABASE" in red.change) == (RED, True)
    execute(url, f"drop role m_{name}")


def test_a_pooler_that_shares_sessions_is_red_and_one_that_does_not_is_amber(url: str) -> None:
    for mode, verdict in (("transaction", RED), ("session", AMBER)):
        with pgbouncer(url, mode=mode) as pooled:
            (result,) = run_check("postgres.pooler", production(pooled)).values()
        assert result.verdict is verdict
        assert "direct address" in result.change
