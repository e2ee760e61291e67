"""The baseline marks a migration whose tables exist, refuses missing ones, and can be probed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.actions.prisma_baseline import PrismaBaselineParams
from integrations.errors import Problem
from tests.integrations.actions.conftest import INIT
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
ACTION = registry()["prisma.baseline"]


def bound(
    make: Make, url: str, *, migration: str = INIT, may_lack: tuple[str, ...] = ()
) -> PrismaBaselineParams:
    params = {"prisma": "new", "migration": migration, "may_lack": list(may_lack)}
    return ACTION.bind(params, make(url))


def test_one_row_is_added_and_the_statements_not_executed_are_named(
    prisma_context: Make, old_database: str
) -> None:
    values = bound(prisma_context, old_database, may_lack=("account_providers", "sessions"))
    preview = ACTION.preview(values)
    assert preview.lines[0].endswith(f"migrate resolve --applied {INIT}")
    assert any("INSERT INTO" in warning and "settings" in warning for warning in preview.warnings)
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status is ProbeStatus.NOT_DONE
    with psycopg.connect(old_database) as connection:
        settings = connection.execute("SELECT count(*) FROM settings").fetchone()
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    assert report.facts["baseline"]["lacking"] == ["account_providers", "sessions"]
    assert ACTION.probe(values, before).status is ProbeStatus.DONE
    with psycopg.connect(old_database) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == settings
        assert connection.execute("SELECT migration_name FROM _prisma_migrations").fetchall() == [(INIT,)]
    with pytest.raises(Problem, match="has a row for"):
        ACTION.run(values, Recorder())


def test_missing_tables_that_are_not_allowed_are_named(prisma_context: Make, old_database: str) -> None:
    with pytest.raises(Problem, match="account_providers, sessions") as refused:
        ACTION.run(bound(prisma_context, old_database), Recorder())
    assert "may_lack" in refused.value.next


def test_an_unknown_migration_is_refused_with_the_known_names(
    prisma_context: Make, old_database: str
) -> None:
    with pytest.raises(Problem, match="has no migration") as refused:
        ACTION.preview(bound(prisma_context, old_database, migration="20200101000000_other"))
    assert INIT in refused.value.next


def write_migration(project: Path, sql: str) -> None:
    (project / "prisma" / "migrations" / INIT / "migration.sql").write_text(sql)


def test_tables_are_known_by_quoted_and_qualified_names(
    prisma_context: Make, old_database: str, project: Path
) -> None:
    write_migration(
        project,
        """
        /* CREATE TABLE in_a_comment (id int); */
        CREATE TABLE "public"."users" ("id" SERIAL NOT NULL);
        create table if not exists Public.Members (id int);
        COMMENT ON TABLE "users" IS 'CREATE TABLE in_a_text (id int)';
        DO $do$ BEGIN PERFORM 'CREATE TABLE in_dollars (id int)'; END $do$;
        CREATE TABLE "public"."account_providers" (id int); CREATE TABLE "other"."users" (id int);
        CREATE TABLE "new_events" (id int); ALTER TABLE "new_events" RENAME TO "events";
        """,
    )
    with pytest.raises(Problem, match=r"2 of the 5 tables .*: account_providers, other\.users\.") as refused:
        ACTION.run(bound(prisma_context, old_database), Recorder())
    assert "may_lack" in refused.value.next
    report = Recorder()
    allowed = ("public.account_providers", "other.users")
    assert ACTION.run(bound(prisma_context, old_database, may_lack=allowed), report).ok
    assert report.facts["baseline"]["lacking"] == ["account_providers", "other.users"]


def test_a_name_under_may_lack_that_the_migration_does_not_create_is_an_error(
    prisma_context: Make, old_database: str
) -> None:
    with pytest.raises(Problem, match="does not create: acount_providers") as refused:
        ACTION.run(bound(prisma_context, old_database, may_lack=("acount_providers",)), Recorder())
    assert "account_providers" in refused.value.next


def test_a_migration_that_is_no_sql_is_refused_with_its_line(
    prisma_context: Make, old_database: str, project: Path
) -> None:
    write_migration(project, "CREATE TABLE a (id int);\n<<<<<<< HEAD\n")
    with pytest.raises(Problem, match="line 2, column 1"):
        ACTION.run(bound(prisma_context, old_database), Recorder())
