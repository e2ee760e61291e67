"""MariaDB is found where it is installed, else unpacked by apt, else named as missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.errors import Problem
from integrations.sandbox import mariadb_programs
from integrations.sandbox.mariadb_programs import MariaDbPrograms, find_mariadb, require_mariadb

NAMES = ("sbin/mariadbd", "bin/mariadb", "bin/mariadb-dump")


def lay_out(usr: Path, share: str = "mysql") -> MariaDbPrograms:
    """The files of a package, empty."""
    for name in (*NAMES, f"share/{share}/{share}_system_tables.sql"):
        (usr / name).parent.mkdir(parents=True, exist_ok=True)
        (usr / name).touch()
    return MariaDbPrograms(usr)


@pytest.mark.parametrize("share", ["mysql", "mariadb"])
def test_the_files_of_older_and_later_packages_are_found(tmp_path: Path, share: str) -> None:
    found = lay_out(tmp_path, share)
    assert found.is_complete()
    assert found.share == tmp_path / "share" / share
    assert found.path("mariadbd") == tmp_path / "sbin" / "mariadbd"
    assert found.environment == {}
    assert found.system_sql("system_tables") == ""


@pytest.mark.parametrize("name", NAMES)
def test_half_of_the_programs_is_none(tmp_path: Path, name: str) -> None:
    found = lay_out(tmp_path)
    (tmp_path / name).unlink()
    assert not found.is_complete()


def test_the_programs_of_this_machine_are_complete() -> None:
    found = require_mariadb()
    assert found.is_complete()
    assert find_mariadb() == found


def test_a_machine_without_it_and_without_apt_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_programs, "INSTALLED", tmp_path / "usr")
    monkeypatch.setattr(mariadb_programs, "KEPT", tmp_path / "kept")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_mariadb() is None
    with pytest.raises(Problem, match=r"MariaDB's server \(mariadbd\) is not installed") as caught:
        require_mariadb()
    assert "apt-get install mariadb-server" in caught.value.next


def test_an_apt_that_reaches_nothing_is_told_with_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("apt-get", "dpkg-deb"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 100\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(mariadb_programs, "INSTALLED", tmp_path / "usr")
    monkeypatch.setattr(mariadb_programs, "KEPT", tmp_path / "kept")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Problem, match="not installed") as caught:
        require_mariadb()
    assert caught.value.means == "apt-get could not fetch the package mariadb-server-core."
