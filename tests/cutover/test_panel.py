"""The `./panel` script lists its commands, and names what is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT


def panel(*arguments: str, where: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    argv = ["/bin/sh", str(where / "panel"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=env, check=False)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout without .venv, and a folder of programs without Python."""
    (tmp_path / "panel").write_text((PROJECT / "panel").read_text())
    (tmp_path / "bin").mkdir()
    for name in ("dirname", "readlink", "cat", "cmp", "rm"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    return tmp_path


def fake_python(folder: Path, code: str) -> None:
    """A python3 that behaves like an old or an incomplete one."""
    python = folder / "bin" / "python3"
    python.write_text(f"#!/bin/sh\n{code}\n")
    python.chmod(0o755)


def test_without_arguments_it_lists_its_commands() -> None:
    said = panel()
    assert said.returncode == 0
    for word in ("demo", "--fresh", "--autopilot", "run", "test", "check", "chaos", "bench", "lock"):
        assert word in said.stdout
    assert "manage" in said.stdout


def test_an_unknown_command_is_named() -> None:
    said = panel("dance")
    assert said.returncode == 2
    assert "«dance»" in said.stderr


def test_without_python_it_says_what_to_install(bare: Path) -> None:
    said = panel("run", where=bare, PATH=str(bare / "bin"))
    assert said.returncode == 1
    assert "apt-get install python3 python3-venv" in said.stderr


def test_with_an_old_python_it_says_which_one_it_needs(bare: Path) -> None:
    fake_python(bare, '[ "$1" = --version ] && echo Python 3.9.2 && exit 0; exit 1')
    said = panel("run", where=bare, PATH=str(bare / "bin"))
    assert said.returncode == 1
    assert "Python 3.9.2" in said.stderr
    assert "3.11" in said.stderr


def test_without_venv_it_says_what_to_install(bare: Path) -> None:
    fake_python(bare, 'case "$*" in *ensurepip*) exit 1 ;; --version) echo Python 3.11.2 ;; esac; exit 0')
    said = panel("run", where=bare, PATH=str(bare / "bin"))
    assert said.returncode == 1
    assert "python3-venv" in said.stderr


def test_an_unknown_check_and_an_unknown_benchmark_are_named() -> None:
    assert "«taste»" in panel("check", "taste").stdout + panel("check", "taste").stderr
    assert "«taste»" in panel("bench", "taste").stderr


def test_the_demo_refuses_too_few_rows() -> None:
    said = panel("demo", "--rows", "3")
    assert said.returncode == 2
    assert "between 1000 and 10000000" in said.stderr
