"""The four logins can do what they are for, and no more."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from integrations.sandbox.legacy.access import API, APPLICATION, MIGRATOR, READER
from tests.integrations.sandbox.environments import SandboxEnvironment


def connected(
    environment: SandboxEnvironment, role: str, database: str = ""
) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(environment.url(role, database), autocommit=True)


def test_the_old_application_owns_its_tables(environment: SandboxEnvironment) -> None:
    owners = environment.execute("select distinct tableowner from pg_tables where schemaname = 'public'")
    assert owners == [(APPLICATION,)]


def test_the_migrator_freezes_the_old_application_and_ends_its_sessions(
    environment: SandboxEnvironment,
) -> None:
    name = environment.copy()
    with connected(environment, APPLICATION, name) as old, connected(environment, MIGRATOR, name) as migrator:
        pid = old.info.backend_pid
        migrator.execute(
            f"alter role {APPLICATION} in database {name} set default_transaction_read_only = on"
        )
        assert migrator.execute("select pg_terminate_backend(%s)", [pid]).fetchone() == (True,)
        with pytest.raises(psycopg.OperationalError):
            old.execute("select 1")
    with connected(environment, APPLICATION, name) as old, pytest.raises(errors.ReadOnlySqlTransaction):
        old.execute("insert into gallery (title, image_url) values ('x', 'x')")
    with connected(
        environment, MIGRATOR, name
    ) as migrator:  # a freeze of the application is none of the migrator
        migrator.execute("insert into gallery (title, image_url) values ('x', 'x')")
        migrator.execute(f"alter role {APPLICATION} in database {name} reset default_transaction_read_only")


def test_the_migrator_alters_old_tables_and_the_api_and_the_reader_see_its_new_ones(
    environment: SandboxEnvironment,
) -> None:
    name = environment.copy()
    with psycopg.connect(
        environment.admin(name)
    ) as admin:  # a copy does not inherit grants on the database itself
        admin.execute(f"grant connect on database {name} to {API}, {READER}")
    with connected(environment, MIGRATOR, name) as migrator:
        migrator.execute("alter table donations add column member_id int references members (id)")
        migrator.execute("create table sessions_later (id serial primary key, what text)")
    with connected(environment, API, name) as api:
        api.execute("insert into sessions_later (what) values ('x')")
        api.execute("update donations set member_id = 1 where id = 1")
        with pytest.raises(errors.InsufficientPrivilege):
            api.execute("alter table donations drop column member_id")
    with connected(environment, READER, name) as reader:
        assert reader.execute("select what from sessions_later").fetchone() == ("x",)
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute("delete from donations")


def test_only_the_four_logins_may_connect(environment: SandboxEnvironment) -> None:
    public = "select has_database_privilege('public', current_database(), 'connect')"
    assert environment.execute(public) == [(False,)]
