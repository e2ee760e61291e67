"""The Prisma project is laid out, installed on first need, and says in words what is missing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from integrations.errors import Problem
from integrations.sandbox import node
from tests.integrations.sandbox.catalogs import recorded


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((node.SOURCE / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    package = json.loads((node.SOURCE / "package.json").read_text())
    assert package["dependencies"]["prisma"] == package["dependencies"]["@prisma/adapter-pg"] == "6.19.3"
    assert not (node.SOURCE / "node_modules").exists()


def test_the_migrations_have_the_names_and_statements_of_the_real_ones() -> None:
    folder, facts = node.SOURCE / "prisma" / "migrations", recorded("migrations")
    assert sorted(path.parent.name for path in folder.glob("*/migration.sql")) == facts["order"]
    for migration in facts["migrations"]:
        script = re.sub(r"^--.*$", "", (folder / migration["name"] / "migration.sql").read_text(), flags=re.M)
        statements = [statement.strip() for statement in script.split(";") if statement.strip()]
        assert len(statements) == migration["statements"], migration["name"]
        for statement, fact in zip(statements, migration["list"], strict=True):
            schema, table = fact["table"].split(".")
            start = statement if fact["kind"] != "CREATE UNIQUE INDEX" else statement.partition(" ON ")[2]
            assert statement.startswith(fact["kind"]), statement
            assert f'"{schema}"."{table}"' in start[:100], statement
            if fact["kind"] == "CREATE TABLE":
                assert len(re.findall(r'^    "\w+" ', statement, re.M)) == fact["columns"], table
            assert ("ON CONFLICT" in statement) is ("on_conflict" in fact)
            assert all(
                f'"{name}"' in statement for name in (fact.get("constraint"), fact.get("name")) if name
            )


def test_laying_out_again_keeps_what_others_added(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    node.lay_out(folder)
    added = folder / "prisma" / "migrations" / "20991231000000_align" / "migration.sql"
    added.parent.mkdir()
    added.write_text("SELECT 1;\n")
    (folder / "prisma" / "schema.prisma").write_text("changed")
    node.lay_out(folder)
    assert added.exists()
    assert "model Donation" in (folder / "prisma" / "schema.prisma").read_text()


def test_without_node_the_command_says_so_and_fails(tmp_path: Path) -> None:
    command = node.lay_out(tmp_path / "it's a project")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        ["/bin/sh", str(command), "--version"], env={"PATH": str(empty)}, capture_output=True, text=True
    )
    assert done.returncode == 127
    assert done.stdout == ""
    assert "The program node is not installed" in done.stderr
    assert "apt-get install" in done.stderr


def test_an_old_node_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "node"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho v16.20.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:/usr/bin:/bin")
    with pytest.raises(Problem, match=r"v16\.20\.1 is too old"):
        node.install(tmp_path / "project", print)
    assert not list((tmp_path / "project").glob("node_modules/.installed*"))


def test_packages_are_installed_once_and_linked_into_every_folder(tmp_path: Path) -> None:
    assert node.KEPT is not None
    said: list[str] = []
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        node.install(folder, said.append)
    assert len([line for line in said if line.startswith("Installing")]) <= 1
    package = Path("node_modules", "prisma", "package.json")
    kept = node.KEPT / node.marker() / package
    assert kept.samefile(first / package)
    assert kept.samefile(second / package)
    (second / "node_modules" / "own").touch()
    assert not (first / "node_modules" / "own").exists()


def test_an_interrupted_installation_is_begun_again(tmp_path: Path) -> None:
    half = tmp_path / "node_modules" / "prisma" / "package.json"
    half.parent.mkdir(parents=True)
    half.write_text("{")
    node.install(tmp_path, print)
    assert json.loads(half.read_text())["name"] == "prisma"


def test_the_module_as_a_program_says_what_is_missing(tmp_path: Path) -> None:
    argv = [sys.executable, "-W", "error", "-m", "integrations.sandbox.node", str(tmp_path / "p")]
    done = subprocess.run(
        argv, env={"PATH": str(tmp_path), "PYTHONPATH": str(node.REPOSITORY)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The program node is not installed")
