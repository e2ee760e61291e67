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


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((node.SOURCE / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
    package = json.loads((node.SOURCE / "package.json").read_text())
    assert package["dependencies"]["prisma"] == package["dependencies"]["@prisma/adapter-pg"] == "6.19.3"
    assert not (node.SOURCE / "node_modules").exists()


def test_the_migrations_have_the_names_and_traps_of_the_real_ones() -> None:
    folder = node.SOURCE / "prisma" / "migrations"
    names = sorted(path.parent.name for path in folder.glob("*/migration.sql"))
    assert names == [
        "20250922022205_init",
        "20250922112214_add_integration_settings",
        "20251101120000_add_email_providers",
        "20251102143000_extend_church_profile",
    ]
    init = (folder / names[0] / "migration.sql").read_text()
    assert init.count("CREATE TABLE") == 24
    assert re.findall(r'INSERT INTO "(\w+)"', init) == ["settings", "churches"]
    profile = (folder / names[3] / "migration.sql").read_text()
    assert profile.count("SET NOT NULL") == 3
    assert re.search(r'^UPDATE "churches"', profile, re.M)
    assert not re.search(r'"timezone" TEXT[^,]*DEFAULT', profile)


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


def test_the_module_as_a_program_says_what_is_missing(tmp_path: Path) -> None:
    argv = [sys.executable, "-W", "error", "-m", "integrations.sandbox.node", str(tmp_path / "p")]
    done = subprocess.run(
        argv, env={"PATH": str(tmp_path), "PYTHONPATH": str(node.REPOSITORY)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The program node is not installed")
