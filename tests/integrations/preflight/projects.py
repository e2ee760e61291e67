"""Prisma projects of migrations only, against a database of the test: no Node.js is started for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from integrations.preflight import CheckResult, CheckScope
from tests.integrations.preflight.scopes import planned, run_check, scope_of

DATASOURCE = 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n'
DEPLOY = planned(deploy=("prisma.deploy", {"prisma": "shop"}))


def make_project(folder: Path, migrations: Mapping[str, str], *, datasource: str = DATASOURCE) -> Path:
    """A project with these migrations (name → SQL), in a folder of its own."""
    (folder / "prisma" / "migrations").mkdir(parents=True)
    (folder / "prisma" / "schema.prisma").write_text(datasource)
    for name, sql in migrations.items():
        (folder / "prisma" / "migrations" / name).mkdir()
        (folder / "prisma" / "migrations" / name / "migration.sql").write_text(sql)
    return folder


def project_scope(folder: Path, url: str, items: Mapping[str, Any] = DEPLOY, **more: Any) -> CheckScope:
    """A runbook with the system “shop” and these items."""
    shop = {"kind": "prisma", "project": str(folder), "command": "prisma", "database": url}
    return scope_of({"shop": shop, **more.pop("systems", {})}, items=items, **more)


def run_on(key: str, folder: Path, url: str, sql: str, script: str) -> dict[str, CheckResult]:
    """Fills a database with ``sql``, and the results of a check before the migration ``script``."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())
    return run_check(key, project_scope(make_project(folder, {"1_change": script}), url))
