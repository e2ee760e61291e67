"""Projects, migration tables and alignments that would stop the window are red before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.preflight import Verdict
from integrations.prisma.installed_packages import fits_range, read_locked_version
from tests.integrations.preflight.projects import DATASOURCE, DEPLOY, make_project, project_scope
from tests.integrations.preflight.scopes import planned, run_check

RED, AMBER, GREEN = Verdict.RED, Verdict.AMBER, Verdict.GREEN
TABLE = """
CREATE TABLE _prisma_migrations (
    id text PRIMARY KEY, checksum text, finished_at timestamptz, migration_name text, logs text,
    rolled_back_at timestamptz, started_at timestamptz DEFAULT now(), applied_steps_count int DEFAULT 1);
"""
FIRST = "CREATE TABLE orders (id int); CREATE TABLE lines (id int);"


def install(folder: Path, **versions: str) -> None:
    """Packages in node_modules: prisma="6.1.0", client="6.1.0"."""
    for name, version in versions.items():
        place = folder / "node_modules" / {"client": "@prisma/client"}.get(name, name)
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text(json.dumps({"version": version, "engines": {"node": ">=18"}}))


def lock(folder: Path, version: str) -> None:
    packages = {"": {}, "node_modules/prisma": {"version": version}}
    (folder / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))


def project_state(folder: Path) -> dict[str, Verdict]:
    found = run_check("prisma.project", project_scope(folder, "postgresql://u@127.0.0.1/db"))
    del found["shop: Node.js"]
    return {subject.removeprefix("shop: "): each.verdict for subject, each in found.items()}


def test_node_has_to_be_one_that_prisma_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_project(tmp_path / "shop", {})
    install(folder, prisma="6.1.0")
    manifest = folder / "node_modules" / "prisma" / "package.json"
    found = {}
    for wanted in (">=18", "^16.13 || >=99.1", "lts/*"):
        manifest.write_text(json.dumps({"version": "6.1.0", "engines": {"node": wanted}}))
        result = run_check("prisma.project", project_scope(folder, "postgresql://u@h/db"))["shop: Node.js"]
        found[wanted] = result.verdict
    assert found == {">=18": GREEN, "^16.13 || >=99.1": RED, "lts/*": Verdict.UNKNOWN}
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run_check("prisma.project", project_scope(folder, "postgresql://u@h/db"))["shop: Node.js"]
    assert "apt-get install nodejs" in result.change


def test_a_project_is_complete_only_with_the_locked_packages(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop", {"1": FIRST})
    assert project_state(folder) == {"schema": GREEN, "packages": RED}
    install(folder, prisma="6.1.0", client="6.1.0")
    assert project_state(folder) == {"schema": GREEN, "packages": AMBER}
    lock(folder, "6.2.0")
    assert project_state(folder) == {"schema": GREEN, "packages": RED}
    lock(folder, "6.1.0")
    assert project_state(folder) == {"schema": GREEN, "packages": GREEN}
    install(folder, client="6.0.0")
    assert project_state(folder) == {"schema": GREEN, "packages": GREEN, "client": RED}


@pytest.mark.parametrize(
    ("datasource", "seen"),
    [
        (DATASOURCE.replace("postgresql", "mysql"), "“mysql”"),
        (DATASOURCE.replace('env("DATABASE_URL")', '"postgresql://u@127.0.0.1/other"'), "is a fixed address"),
        (None, "is not there"),
    ],
)
def test_a_schema_that_leads_elsewhere_is_red(tmp_path: Path, datasource: str | None, seen: str) -> None:
    folder = tmp_path / "shop"
    if datasource:
        make_project(folder, {}, datasource=datasource)
    result = run_check("prisma.project", project_scope(folder, "postgresql://u@127.0.0.1/db"))["shop: schema"]
    assert result.verdict == RED
    assert seen in result.seen


def test_the_lock_file_of_a_workspace_counts(tmp_path: Path) -> None:
    inner = tmp_path / "apps" / "api"
    inner.mkdir(parents=True)
    packages = {
        "node_modules/prisma": {"version": "6.0.0"},
        "apps/api/node_modules/prisma": {"version": "6.1.0"},
    }
    (tmp_path / "package-lock.json").write_text(json.dumps({"packages": packages}))
    assert read_locked_version(inner, "prisma") == "6.1.0"
    (tmp_path / "package-lock.json").unlink()
    (tmp_path / "pnpm-lock.yaml").write_text(
        "lockfileVersion: '9.0'\nimporters:\n  apps/api:\n    devDependencies:\n      prisma:\n"
        "        specifier: ^6\n        version: 6.19.3(typescript@5.9.2)\n"
    )
    assert read_locked_version(inner, "prisma") == "6.19.3"
    assert read_locked_version(tmp_path / "apps", "prisma") == ""


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("v20.11.0", ">=18.18", True),
        ("v18.17.9", ">=18.18", False),
        ("v21.0.0", "^20.19 || ^22.12 || >=24.0", False),
        ("v22.12.0", "^20.19 || ^22.12 || >=24.0", True),
        ("v20.1.0", ">=18 <20", False),
        ("v20.1.0", "20.x", None),
        ("", ">=18", None),
    ],
)
def test_ranges_of_npm(version: str, wanted: str, fits: bool | None) -> None:
    assert fits_range(version, wanted) is fits


def migrations_state(folder: Path, url: str, sql: str = "", **items: Any) -> dict[str, tuple[Verdict, str]]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())
    scope = project_scope(folder, url, {**DEPLOY, **planned(**items)})
    found = run_check("prisma.migrations", scope)
    return {subject.removeprefix("shop: "): (each.verdict, each.seen) for subject, each in found.items()}


def row(name: str, checksum: str, finished: str = "now()") -> str:
    return (
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) "
        f"VALUES ('{name}', '{checksum}', {finished}, '{name}');"
    )


def test_rows_that_do_not_belong_to_the_files_are_red(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    folder = make_project(tmp_path / "shop", {"1_first": FIRST, "2_more": "SELECT 1", "3_new": "SELECT 2"})
    good = hashlib.sha256(FIRST.encode()).hexdigest()
    url = new_database()
    found = migrations_state(folder, url, FIRST)
    assert found["baseline"][0] == RED
    assert "P3005" in found["baseline"][1]
    assert migrations_state(folder, url, TABLE + row("1_first", good))["migrations"][0] == GREEN
    bad = row("2_more", "another") + row("0_other", "x") + row("3_new", "x", "NULL")
    found = migrations_state(folder, url, bad)
    assert {subject: verdict for subject, (verdict, _) in found.items()} == dict.fromkeys(
        ["2_more", "0_other", "3_new"], RED
    )


def test_a_baseline_needs_its_migration_and_its_tables(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    folder, url = make_project(tmp_path / "shop", {"1_first": FIRST}), new_database()
    baseline: dict[str, Any] = {"prisma": "shop", "migration": "1_first"}
    found = migrations_state(folder, url, "CREATE TABLE lines ()", baseline=("prisma.baseline", baseline))
    assert found["baseline 1_first"] == (RED, "1 of its 2 tables are not here: orders.")
    baseline["may_lack"] = ["orders"]
    assert list(migrations_state(folder, url, baseline=("prisma.baseline", baseline))) == ["migrations"]
    baseline["migration"] = "1_frist"
    found = migrations_state(folder, url, baseline=("prisma.baseline", baseline))
    assert "it has 1_first" in found["baseline 1_frist"][1]


def test_a_session_that_holds_prismas_lock_is_named(new_database: Callable[[], str], tmp_path: Path) -> None:
    folder, url = make_project(tmp_path / "shop", {"1_first": FIRST}), new_database()
    with psycopg.connect(url, application_name="somebody") as other:
        other.execute("SELECT pg_advisory_lock(72707369)")
        found = migrations_state(folder, url)
    assert found["lock"][0] == RED
    assert "somebody" in found["lock"][1]
