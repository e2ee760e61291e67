"""The real CLI is led to the database that the panel checked, and stopped where it goes to another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from integrations.actions import Context, registry
from integrations.errors import Problem
from integrations.prisma.cli import Prisma
from integrations.systems import Systems
from tests.integrations.actions.conftest import INIT, Databases, database_name, project_settings
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma]
ELSEWHERE = "postgresql://u:p@production.example.internal:5432/prod"
URL = "postgresql://me:pw@127.0.0.1:9/live?schema=app"
SCHEMA = """
datasource db {
  provider          = "postgresql"
  url               = env("POSTGRES_PRISMA_URL")
  directUrl         = env("DIRECT_URL")
  shadowDatabaseUrl = env("SHADOW_URL")
}

model t {
  id Int @id
}
"""
#: The CLI prints its datasource before it starts the native engine, which is not installed here.
NO_ENGINE = "Schema engine exited"


@pytest.fixture
def native(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Prisma]:
    """The project with a schema that takes its addresses from other variables, for native engines."""
    monkeypatch.setenv("PRISMA_SCHEMA_ENGINE_BINARY", str(project / "package.json"))
    monkeypatch.setenv("PRISMA_QUERY_ENGINE_LIBRARY", str(project / "package.json"))
    (project / "prisma.config.ts").unlink()
    (project / "prisma" / "schema.prisma").write_text(SCHEMA)

    def make(url: str = URL, report: Recorder | None = None) -> Prisma:
        settings = {**project_settings(project, url), "diff": "native"}
        return Prisma(Systems({"new": settings}, environ={})["new"], report=report)

    return make


@pytest.mark.parametrize("place", [".env", "prisma/.env"])
def test_the_env_file_of_the_project_does_not_win(
    native: Callable[..., Prisma], project: Path, place: str
) -> None:
    (project / place).write_text(f"POSTGRES_PRISMA_URL={ELSEWHERE}\nDIRECT_URL={ELSEWHERE}\n")
    report = Recorder()
    with pytest.raises(Problem, match=NO_ENGINE):
        native(report=report).run("migrate", "deploy")
    said = 'Datasource "db": PostgreSQL database "live", schema "app" at "127.0.0.1:9"'
    assert [line for line in report.lines if line.startswith("Datasource")] == [said, said]


def test_a_configuration_that_overwrites_the_variable_is_refused(
    native: Callable[..., Prisma], project: Path
) -> None:
    (project / "prisma.config.ts").write_text(
        f"process.env.DIRECT_URL = '{ELSEWHERE}';\nexport default {{ schema: 'prisma/schema.prisma' }};\n"
    )
    report = Recorder()
    with pytest.raises(Problem, match=r"Prisma works in production\.example\.internal:5432/prod") as refused:
        native(report=report).run("migrate", "deploy")
    assert "POSTGRES_PRISMA_URL, DIRECT_URL" in refused.value.means
    assert len([line for line in report.lines if line.startswith("Datasource")]) == 1


def test_a_datasource_of_the_configuration_is_led_to_the_database_as_well(
    native: Callable[..., Prisma], project: Path
) -> None:
    (project / "prisma.config.ts").write_text(
        "import { defineConfig } from 'prisma/config';\n"
        "const address = process.env.OTHER_URL ?? process.env.DATABASE_URL;\n"
        "export default defineConfig({ engine: 'classic', datasource: { url: address! } });\n"
    )
    with pytest.raises(Problem, match=NO_ENGINE):
        native().run("migrate", "deploy")
    assert native().environment.address_variables[1:] == ["OTHER_URL", "POSTGRES_PRISMA_URL", "DIRECT_URL"]


def test_a_variable_that_is_missing_is_named(native: Callable[..., Prisma], project: Path) -> None:
    (project / "prisma.config.ts").write_text(
        "import { defineConfig, env } from 'prisma/config';\n"
        "env('QUEUE_URL');\nexport default defineConfig({ schema: 'prisma/schema.prisma' });\n"
    )
    with pytest.raises(Problem, match="Prisma needs the variable QUEUE_URL, which is not set"):
        native().run("migrate", "deploy")


@pytest.mark.parametrize("key", ["prisma.baseline", "prisma.deploy", "prisma.diff", "prisma.status"])
def test_a_driver_adapter_that_connects_elsewhere_is_stopped_before_anything_changes(
    prisma_context: Callable[..., Context],
    databases: Databases,
    old_database: str,
    old_template: str,
    project: Path,
    key: str,
) -> None:
    other = databases.make(old_template)
    config = project / "prisma.config.ts"
    config.write_text(config.read_text().replace("process.env.DATABASE_URL;", f"'{other}';"))
    action = registry()[key]
    params = {"prisma": "new"} | ({"migration": INIT} if key == "prisma.baseline" else {})
    params |= {"may_lack": ["account_providers", "sessions"]} if key == "prisma.baseline" else {}
    with pytest.raises(Problem, match=f"Prisma works in .*/{database_name(other)}, schema public") as refused:
        action.run(action.bind(params, prisma_context(old_database)), Recorder())
    assert database_name(old_database) in refused.value.what
    assert "DATABASE_URL" in refused.value.next
    for url in (old_database, other):
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT to_regclass('_prisma_migrations')").fetchone() == (None,)
