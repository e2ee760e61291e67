"""The tool as a distribution of its own: built from the checkout, and run where there is nothing else."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integrations.parity.conftest import Pair

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "packaging" / "parity"
#: What the distribution asks for; a package of Python's own index is not reachable in a test.
NEEDED = ("psycopg", "psycopg_binary", "psycopg_binary.libs", "yaml", "_yaml", "typing_extensions.py")


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")
    }
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd="/", env=environment | variables,
        timeout=200,
    )  # fmt: skip


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Built without network, as anybody would build it."""
    command = ("wheel", "--no-deps", "--no-index", "--quiet", "--wheel-dir", tmp_path, FOLDER)
    done = run(sys.executable, "-m", "pip", *command)
    assert done.returncode == 0, done.stderr
    (found,) = tmp_path.glob("*.whl")
    return found


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    """The folder of programs of an environment that has only the tool and what it asks for."""
    folder = tmp_path / "venv"
    assert run(sys.executable, "-m", "venv", "--without-pip", folder).returncode == 0
    python = folder / "bin" / "python"
    done = run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-index",
        "--no-deps",
        "--quiet",
        wheel,
    )
    assert done.returncode == 0, done.stderr
    spec = importlib.util.find_spec("psycopg")
    assert spec is not None
    assert spec.origin is not None
    have = Path(spec.origin).parents[1]
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in NEEDED:
        if (have / name).exists():
            (packages / name).symlink_to(have / name)
    return folder / "bin"


@pytest.mark.slow
def test_it_compares_two_databases_where_there_is_no_panel(
    installed: Path, pair: Pair, tmp_path: Path
) -> None:
    pair.both("create table t (id int primary key, v text)", "insert into t values (1, 'a'), (2, 'b')")
    sides = {"OLD": pair.source.url, "NEW": pair.target.url}
    alone = run(installed / "python", "-c", "import django")
    assert "No module named 'django'" in alone.stderr
    equal = run(installed / "parity", "env:OLD", "env:NEW", **sides)
    assert (equal.returncode, equal.stdout) == (0, "Equal: 1 table, 2 rows: all equal.\n"), equal.stderr
    pair.target.run("update t set v = 'c' where id = 2")
    page = tmp_path / "page.html"
    different = run(installed / "parity", "env:OLD", "env:NEW", "--html", page, **sides)
    assert (different.returncode, "t [id=2] changed: v: 'b' → 'c'" in different.stdout) == (1, True), (
        different.stderr
    )
    assert "<style>" in page.read_text()
    assert run(installed / "python", "-m", "cutover_parity", "env:OLD", "env:NEW", **sides).returncode == 1
    helped = run(installed / "parity", "--help").stdout
    assert "usage: parity " in helped
    assert "integrations.parity" not in helped
    assert "kind: renamed_table" in helped
    assert run(installed / "parity", "--version").stdout.startswith("parity 0.1.0 ")


@pytest.mark.slow
def test_the_wheel_has_all_of_the_code_and_names_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        texts = {name: archive.read(name).decode() for name in names}
    code = {
        path
        for path in (ROOT / "integrations" / "parity").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packed = {name for name in names if name.startswith("cutover_parity/")}
    assert packed == {f"cutover_parity/{path.relative_to(ROOT / 'integrations' / 'parity')}" for path in code}
    assert not [name for name in packed if "integrations.parity" in texts[name]]
    (metadata,) = [text for name, text in texts.items() if name.endswith("/METADATA")]
    for line in (
        "Name: cutover-parity", "Version: 0.1.0", "Requires-Dist: psycopg[binary]>=3.2",
        "Requires-Dist: PyYAML>=6.0",
        'Requires-Dist: PyMySQL>=1.1; extra == "mysql"', "Requires-Python: >=3.11",
    ):  # fmt: skip
        assert line in metadata.splitlines()
