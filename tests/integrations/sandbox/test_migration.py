"""The whole schema migration with the real Prisma CLI, on the seeded old database."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.clients import http
from integrations.sandbox import node
from integrations.sandbox.legacy.access import API, MIGRATOR
from integrations.sandbox.visitors import WebsiteUser
from tests.integrations.sandbox.catalogs import in_order, read_catalog, recorded
from tests.integrations.sandbox.environments import SandboxEnvironment, running

pytestmark = [pytest.mark.prisma]
READS = ("/donations", "/events", "/prayer/requests", "/churches", "/reports/dashboard", "/integrations")
EMPTY = "-- This is an empty migration."


class Cli:
    """The sandbox's command on one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.command, self.folder, self.url = node.install(folder, print), folder, url
        self.lines = 0

    def __call__(self, *words: str, fails: bool = False) -> str:
        done = subprocess.run(
            [str(self.command), *words],
            env={**os.environ, "DATABASE_URL": self.url},
            capture_output=True,
            text=True,
        )
        assert (done.returncode != 0) is fails, done.stderr + done.stdout
        return done.stdout + (done.stderr if fails else "")

    def diff(self) -> str:
        """From the live database to the datamodel, as SQL."""
        pulled = self.folder / "pulled.prisma"
        text = self("db", "pull", "--print")
        pulled.write_text(text[re.search(r"^(generator|datasource) ", text, re.M).start() :])
        words = ["--from-schema-datamodel", str(pulled), "--to-schema-datamodel", "prisma/schema.prisma"]
        script = self("migrate", "diff", *words, "--script")
        self.lines = len(script.splitlines())  # with the empty one at the end, as it was recorded
        return script.strip()


def back_fills(diff: str) -> str:
    """An UPDATE before each SET NOT NULL, with the default of the same statement."""
    found = []
    for table, body in re.findall(r'ALTER TABLE "(\w+)"(.*?);', diff, re.S):
        for column in re.findall(r'ALTER COLUMN "(\w+)" SET NOT NULL', body):
            default = re.search(rf'ALTER COLUMN "{column}" SET DEFAULT (.*?)(?:,\n|$)', body)
            assert default, f"{table}.{column} becomes NOT NULL without a default"
            found.append(f'UPDATE "{table}" SET "{column}" = {default[1]} WHERE "{column}" IS NULL;')
    return "\n".join(found)


def test_the_four_migrations_on_an_empty_database_leave_an_index_and_a_default(
    environment: SandboxEnvironment, tmp_path: Path
) -> None:
    facts = recorded("new_schema")["the_four_migrations_on_an_empty_database"]
    name = environment.migrated()
    url = environment.admin(name)
    environment.execute("drop schema public cascade; create schema public", database=name)
    prisma = Cli(tmp_path / "project", url)
    assert "All migrations have been successfully applied" in prisma("migrate", "deploy")
    left = [line for line in prisma.diff().splitlines() if line and not line.startswith("--")]
    assert (left != []) is not facts["diff_to_datamodel_is_empty"]
    assert left == [
        'DROP INDEX "email_providers_is_active_idx";',
        """ALTER TABLE "churches" ALTER COLUMN "timezone" SET DEFAULT 'UTC';""",
    ]
    for table, rows in facts["rows_made"].items():
        assert environment.execute(f"select count(*) from {table}", database=name) == [(rows,)]
    _compare_with_the_aligned_one(read_catalog(url)["tables"])


def _compare_with_the_aligned_one(found: dict[str, Any]) -> None:
    """Besides what is left of the diff, only the order of columns and the kind of unique names differ."""
    aligned = recorded("new_schema")["tables"]
    assert set(found) == set(aligned)
    names = {name: [column["name"] for column in table["columns"]] for name, table in aligned.items()}
    other = {
        name
        for name, table in found.items()
        if [column["name"] for column in table["columns"]] != names[name]
    }
    assert other == {"donations", "events", "prayer_requests", "users"}
    for name in found:
        ours, theirs = in_order(found[name]), in_order(aligned[name])
        assert ours["unique"] == [], name
        if name == "churches":
            ours["columns"], theirs["columns"] = ours["columns"][:-2], theirs["columns"][:-2]
        if name == "email_providers":
            ours["indexes"] = [each for each in ours["indexes"] if each["unique"]]
        assert ours | {"unique": []} == theirs | {"unique": []}, name


def test_the_old_database_is_baselined_deployed_and_aligned_while_green_lights_lie(
    environment: SandboxEnvironment, tmp_path: Path
) -> None:
    facts, recorded_cli = recorded("new_schema"), recorded("migrations")["recorded"]
    name = environment.copy()
    environment.execute(f"grant connect on database {name} to {API}")
    churches = environment.execute("select count(*) from churches", database=name)
    prisma = Cli(tmp_path / "project", environment.url(MIGRATOR, name))
    refused = prisma("migrate", "deploy", fails=True)
    assert recorded_cli["deploy_on_the_old_database"]["code"] in refused
    assert recorded_cli["deploy_on_the_old_database"]["message_begins"] in refused
    before = prisma.diff()
    assert_counts(prisma, before, facts["diff_before_anything"])
    assert f'DROP TABLE "{facts["diff_before_anything"]["dropped_table"]}";' in before
    prisma("migrate", "resolve", "--applied", facts["way"]["baseline"].split()[0])
    deployed = prisma("migrate", "deploy")
    assert all(migration in deployed for migration in facts["way"]["deployed"])
    assert "20250922022205_init" not in deployed
    assert environment.execute("select count(*) from churches", database=name) == churches
    assert "Database schema is up to date" in prisma("migrate", "status")
    diff = prisma.diff()
    assert_counts(prisma, diff, facts["diff_after_baseline_and_deploy"])
    assert f'DROP INDEX "{facts["diff_after_baseline_and_deploy"]["dropped_index"]}";' in diff
    with psycopg.connect(prisma.url) as migrator, pytest.raises(psycopg.errors.NotNullViolation):
        migrator.execute(diff)
    assert prisma.diff() == diff
    with psycopg.connect(prisma.url) as migrator:
        migrator.execute(f"{back_fills(diff)}\n{diff}")
    assert prisma.diff() == EMPTY
    assert_recorded(read_catalog(environment.admin(name)))
    assert "Database schema is up to date" in prisma("migrate", "status")
    assert "Generated Prisma Client" in prisma("generate")
    recorded_api = environment.process("new-api", DATABASE_URL=environment.url(API, name), REPAIRS_FILE="")
    with running(recorded_api) as base:
        assert {path: http.request(base, path).status for path in READS} == dict.fromkeys(READS, 200)
    with running(environment.process("old-app", DATABASE_URL=environment.url("legacy_app", name))) as old:
        tables = ("donations", "prayer_requests", "users")
        before = [environment.execute(f"select count(*) from {one}", database=name) for one in tables]
        person = WebsiteUser(old)
        for act in (person.give, person.pray, person.register):
            act()
        after = [environment.execute(f"select count(*) from {one}", database=name) for one in tables]
        assert [found[0][0] for found in after] == [found[0][0] + 1 for found in before]


def assert_counts(prisma: Cli, diff: str, facts: dict[str, Any]) -> None:
    assert prisma.lines == facts["lines"]
    assert len(re.findall(r";$", diff, re.M)) == facts["statements"]


def assert_recorded(found: dict[str, Any]) -> None:
    """The aligned database is the recorded one, object by object."""
    facts = recorded("new_schema")
    for table, expected in facts["tables"].items():
        assert found["tables"].get(table) == expected, table
    assert set(found["tables"]) == set(facts["tables"])
    for part in ("count", "sequences", "other_objects"):
        assert found[part] == facts[part], part


def test_the_recorded_back_fills_are_the_defaults_of_the_columns_that_become_required() -> None:
    facts = recorded("new_schema")
    required = facts["changed_against_old"]["became_not_null"]
    assert sorted(f"{one['table']}.{one['column']}" for one in facts["backfills"]) == sorted(required)
