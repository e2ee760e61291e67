"""The whole way of covenant-connect.md 1 to 3 with the real Prisma CLI, on the seeded old database."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from integrations.clients import http
from integrations.sandbox import node
from integrations.sandbox.legacy.access import API, MIGRATOR
from integrations.sandbox.new_reads import READS
from tests.integrations.sandbox.estates import Estate, running, until

pytestmark = [pytest.mark.prisma, pytest.mark.slow]
EMPTY = "-- This is an empty migration."


class Cli:
    """The sandbox's command on one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.command, self.folder, self.url = node.install(folder, print), folder, url

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
        pulled.write_text(text[re.search(r"^(generator|datasource) ", text, re.M).start() :])  # type: ignore[union-attr]
        words = ["--from-schema-datamodel", str(pulled), "--to-schema-datamodel", "prisma/schema.prisma"]
        return self("migrate", "diff", *words, "--script").strip()


def back_fills(diff: str) -> str:
    """An UPDATE before each SET NOT NULL, with the default of the same statement."""
    found = []
    for table, body in re.findall(r'ALTER TABLE "(\w+)"(.*?);', diff, re.S):
        for column in re.findall(r'ALTER COLUMN "(\w+)" SET NOT NULL', body):
            default = re.search(rf'ALTER COLUMN "{column}" SET DEFAULT (.*?)(?:,\n|$)', body)
            assert default, f"{table}.{column} becomes NOT NULL without a default"
            found.append(f'UPDATE "{table}" SET "{column}" = {default[1]} WHERE "{column}" IS NULL;')
    return "\n".join(found)


def test_an_empty_database_is_aligned_after_the_four_migrations(estate: Estate, tmp_path: Path) -> None:
    name = estate.migrated()
    url = estate.admin(name)
    estate.execute("drop schema public cascade; create schema public", database=name)
    prisma = Cli(tmp_path / "project", url)
    assert "All migrations have been successfully applied" in prisma("migrate", "deploy")
    assert prisma.diff() == EMPTY
    assert estate.execute("select count(*) from settings", database=name) == [(1,)]
    assert estate.execute("select timezone from churches", database=name) == [("Africa/Lagos",)]


def test_the_old_database_is_baselined_deployed_and_aligned_while_green_lights_lie(
    estate: Estate, tmp_path: Path
) -> None:
    name = estate.copy()
    estate.execute(f"grant connect on database {name} to {API}")
    churches = estate.execute("select count(*) from churches", database=name)
    prisma = Cli(tmp_path / "project", estate.url(MIGRATOR, name))
    assert "P3005" in prisma("migrate", "deploy", fails=True)
    assert len(prisma.diff().splitlines()) > 400
    prisma("migrate", "resolve", "--applied", "20250922022205_init")
    deployed = prisma("migrate", "deploy")
    assert "20251102143000_extend_church_profile" in deployed
    assert "20250922022205_init" not in deployed
    assert estate.execute("select count(*) from churches", database=name) == churches
    assert "Database schema is up to date" in prisma("migrate", "status")
    diff = prisma.diff()
    assert len(diff.splitlines()) > 300
    with psycopg.connect(prisma.url) as migrator, pytest.raises(psycopg.errors.NotNullViolation):
        migrator.execute(diff)  # type: ignore[arg-type]
    assert prisma.diff() == diff
    with psycopg.connect(prisma.url) as migrator:
        migrator.execute(f"{back_fills(diff)}\n{diff}")  # type: ignore[arg-type]
    assert prisma.diff() == EMPTY
    assert "Database schema is up to date" in prisma("migrate", "status")
    assert "Generated Prisma Client" in prisma("generate")
    with running(estate.process("new-api", DATABASE_URL=estate.url(API, name))) as base:
        assert {path: http.ask(base, path).status for path in READS} == dict.fromkeys(READS, 200)
    with running(estate.process("old-app", DATABASE_URL=estate.url("legacy_app", name))) as old:
        until(lambda: sum(http.ask(old, "/stats").json()["written"].values()) > 5)
        assert http.ask(old, "/stats").json()["failed"] == 0
