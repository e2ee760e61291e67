"""The owner role migrates, the application role does everything else; an older panel is converted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from cutover.data_folder import PROJECT
from cutover.database.layout import COLUMNS
from cutover.database.rights import RIGHTS, Columns
from cutover.database.roles import application_role_problems, problems_of
from cutover.database.start_check import check_role_at_start
from cutover.deploy_check import production_environment
from cutover.embedded import Postgres
from cutover.servers import running_servers
from tests import servers
from tests.by_hand import by_hand
from tests.checklists.earlier_panel import migrated_dump, restore, restore_archive
from tests.cutover.database.conftest import TwoRoles
from tests.cutover.test_folders_and_servers import folder

__all__ = ["folder"]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "manage.py", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env, check=False)


@pytest.mark.django_db
def test_every_column_that_rights_name_exists() -> None:
    for table, rights in RIGHTS.items():
        with connection.cursor() as cursor:
            cursor.execute(COLUMNS, [table])
            columns = {name for name, _ in cursor.fetchall()}
        assert columns, table
        assert rights.update is Columns.ALL or set(rights.update) <= columns, table


@pytest.mark.django_db
def test_the_tests_work_as_the_application_role_and_it_may_start() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == servers.APPLICATION
    assert application_role_problems() == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER TABLE checklists_signoff OWNER TO {role}", "owns 2 tables"),  # with its sequence
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {role} CREATEROLE", "may create roles"),
        ("GRANT pg_execute_server_program TO {role}", "is a member of pg_execute_server_program"),
        ("GRANT postgres TO {role}", "is a member of postgres"),
        ("GRANT CREATE ON SCHEMA public TO {role}", "may create tables"),
    ],
)
@pytest.mark.django_db
def test_a_role_that_could_rewrite_the_record_is_named(statement: str, words: str) -> None:
    with by_hand(), connection.cursor() as cursor:
        assert problems_of(servers.APPLICATION, cursor) == []
        cursor.execute(statement.format(role=servers.APPLICATION))
        assert words in " and ".join(problems_of(servers.APPLICATION, cursor))


def test_no_process_of_the_panel_starts_as_such_a_role(
    new_database: Callable[[], str], valkey_server: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = new_database()
    program = [sys.executable, "-c", "import cutover.asgi"]
    for argv in (program, [sys.executable, "manage.py", "worker"]):
        env = {**os.environ, "DATABASE_URL": owner, "DATABASE_OWNER_URL": ""}
        done = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=env, timeout=60)
        assert done.returncode == 1, argv
        assert "postgres (DATABASE_URL), which is a superuser" in done.stderr
        assert "database_roles --dry-run" in done.stderr
    monkeypatch.setattr("cutover.database.start_check.application_role_problems", lambda: ["It owns."])
    with pytest.raises(ImproperlyConfigured, match="It owns"):
        check_role_at_start()


def _application(owner_url: str) -> str:
    return servers.application_url(owner_url.rpartition("/")[2])


def test_migrate_asks_for_the_owner_when_it_is_not_named(new_database: Callable[[], str]) -> None:
    done = manage("migrate", DATABASE_OWNER_URL="", DATABASE_URL=_application(new_database()))
    assert done.returncode == 1
    assert "DATABASE_OWNER_URL is not set" in done.stderr


def test_a_server_without_a_superuser_is_enough(managed: TwoRoles, asked: Callable[..., Any]) -> None:
    done = manage("migrate", "--no-input", **managed.environment)
    assert done.returncode == 0, done.stderr
    made = manage("createsuperuser", "--no-input", "--username", "ama", "--email", "a@example.org",
                  DATABASE_URL=managed.application_url, DATABASE_OWNER_URL="",
                  DJANGO_SUPERUSER_PASSWORD="a long enough passphrase")  # fmt: skip
    assert made.returncode == 0, made.stderr
    owners = "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'public'"
    assert asked(managed.application_url, owners) == managed.owner
    with psycopg.connect(managed.application_url) as application:
        for statement in ("CREATE TABLE mine ()", "CREATE TEMP TABLE mine ()", f"SET ROLE {managed.owner}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), application.transaction():
                application.execute(statement)


def test_both_addresses_with_the_same_role_are_refused(managed: TwoRoles) -> None:
    done = manage("database_roles", DATABASE_OWNER_URL=managed.owner_url, DATABASE_URL=managed.owner_url)
    assert done.returncode == 1
    assert f"have the same role ({managed.owner})" in done.stderr


def test_an_owner_who_may_not_make_roles_says_what_to_run(managed: TwoRoles) -> None:
    missing = managed.application_url.replace(managed.application, "nobody_yet")
    done = manage("database_roles", DATABASE_OWNER_URL=managed.owner_url, DATABASE_URL=missing)
    assert done.returncode == 1
    assert "CREATE ROLE \"nobody_yet\" LOGIN PASSWORD '…'" in done.stderr
    assert "permission denied to create role" in done.stderr


def test_an_earlier_panel_of_one_role_is_converted(managed: TwoRoles, asked: Callable[..., Any]) -> None:
    """Its one role keeps its tables as the owner; a new role is the panel's."""
    restore(managed.owner_url)
    before = asked(managed.owner_url, "SELECT count(*) FROM checklists_auditentry")
    printed = manage("database_roles", "--dry-run", **managed.environment)
    assert printed.returncode == 0, printed.stderr
    assert 'ON "checklists_signoff" TO' in printed.stdout
    assert not asked(managed.owner_url, _may_read(managed))
    done = manage("database_roles", **managed.environment)
    assert done.returncode == 0, done.stderr
    assert asked(managed.owner_url, _may_read(managed))
    assert manage("migrate", "--no-input", **managed.environment).returncode == 0
    verified = manage("record", "verify", **managed.environment)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert asked(managed.application_url, "SELECT count(*) FROM checklists_auditentry") == before


def _may_read(managed: TwoRoles) -> str:
    return f"SELECT has_table_privilege('{managed.application}', 'checklists_auditentry', 'SELECT')"


def test_an_earlier_panel_gives_its_tables_to_a_new_owner(
    managed: TwoRoles,
    new_database: Callable[[], str],
    asked: Callable[..., Any],
    postgres_server: Postgres,
) -> None:
    """The other way: the role that the panel had stays the panel's, and loses what it owned.

    Its tables are already those of today: that they migrate under another owner is seen above.
    """
    url = new_database()
    with psycopg.connect(url, autocommit=True) as superuser:
        superuser.execute(f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO {managed.application}")
        superuser.execute(f"ALTER ROLE {managed.application} CREATEROLE CREATEDB")
    old = url.replace(url.split("//")[1].split("@")[0], managed.application_url.split("//")[1].split("@")[0])
    restore_archive(old, migrated_dump(postgres_server), "--no-owner", "--no-privileges")
    roles = {"DATABASE_OWNER_URL": url, "DATABASE_URL": old}
    printed = manage("database_roles", "--dry-run", **roles).stdout
    assert 'ALTER TABLE "checklists_signoff" OWNER TO "postgres";' in printed
    assert f'ALTER ROLE "{managed.application}" NOCREATEROLE NOCREATEDB;' in printed
    refused = manage("worker", **roles)
    assert "owns" in refused.stderr
    done = manage("database_roles", **roles)
    assert done.returncode == 0, done.stderr
    assert manage("migrate", "--no-input", **roles).returncode == 0
    assert manage("record", "verify", **roles).returncode == 0
    assert asked(old, "SELECT count(*) FROM pg_tables WHERE tableowner = current_user") == 0


def test_an_embedded_server_has_both_roles(folder: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "DATABASE_OWNER_URL") and name not in production_environment()
    }
    environment |= {"CUTOVER_DATA": str(folder), "PATH": os.environ["PATH"]}
    with running_servers(folder, postgres=True, valkey=False) as own:
        assert own.postgres is not None
        argv = [sys.executable, "manage.py", "migrate", "--no-input"]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=PROJECT, env=environment)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(own.postgres.socket_url("cutover", "cutover")) as application:
            assert application.execute("SELECT count(*) FROM auth_user").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("TRUNCATE checklists_gatepass")
