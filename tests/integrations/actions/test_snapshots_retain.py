"""A backup is kept in two places and read back, and the panel does not delete it before its day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.backups import archive, retention
from integrations.backups.archive import Archive
from integrations.clients import postgres
from integrations.credentials import VARIABLE, Credentials, generate_key
from integrations.errors import Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

ACTION = registry()["snapshots.retain"]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, generate_key())


@pytest.fixture
def backup(tmp_path: Path) -> dict[str, str]:
    """A backup as `backup.take` leaves it."""
    made = Archive(tmp_path / "backups" / "one")
    made.begin()
    made.partial_dump.write_bytes(b"everything that the church knows")
    sha256 = made.finish({"what": "a test"})
    return {"path": str(made.path), "sha256": sha256}


@pytest.fixture
def bind(backup: dict[str, str], tmp_path: Path, new_context: Callable[..., Context]) -> Callable[..., Any]:
    (tmp_path / "elsewhere").mkdir()

    def bound(place: str = "elsewhere", **raw: Any) -> Any:
        systems = {"place": {"kind": "folder", "path": str(tmp_path / place)}}
        context = new_context(systems, take={"backup": backup})
        return ACTION.bind({"backup": "take", "place": "place", **raw}, context)

    return bound


def test_the_copy_is_encrypted_read_back_and_held(bind: Any, backup: dict[str, str]) -> None:
    values, report = bind(days=30), Recorder()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    copy = Path(report.facts["retained"]["copy"])
    assert b"everything" not in copy.read_bytes()
    assert b"everything" in Credentials().decrypt(copy.read_bytes())
    assert copy.stat().st_mode & 0o777 == 0o400
    until = datetime.now(UTC).date() + timedelta(days=30)
    for folder in (Path(backup["path"]), copy):
        known = retention.read_hold(folder)
        assert known is not None
        assert (known.until, known.sha256) == (until.isoformat(), backup["sha256"])
    assert ACTION.probe(values, before).status == ProbeStatus.DONE


def test_a_second_run_changes_nothing_and_a_longer_hold_stays(bind: Any, backup: dict[str, str]) -> None:
    assert ACTION.run(bind(days=60), Recorder()).ok
    assert ACTION.run(bind(days=10), Recorder()).ok
    known = retention.read_hold(Path(backup["path"]))
    assert known is not None
    assert date.fromisoformat(known.until) == datetime.now(UTC).date() + timedelta(days=60)


def test_a_held_backup_is_not_deleted_before_its_day(bind: Any, backup: dict[str, str]) -> None:
    ACTION.run(bind(days=30), Recorder())
    folder, today = Path(backup["path"]), datetime.now(UTC).date()
    with pytest.raises(Problem, match="is held until"):
        retention.refuse_if_held(folder)
    with pytest.raises(Problem):
        retention.refuse_if_held(folder, today + timedelta(days=30))
    retention.refuse_if_held(folder, today + timedelta(days=31))
    retention.refuse_if_held(folder.with_name("another"))


def test_an_unfinished_backup_is_the_only_kind_that_our_code_deletes(backup: dict[str, str]) -> None:
    made = Archive(Path(backup["path"]))
    made.discard()
    assert made.dump.exists(), "discarding takes away what was not finished, and nothing else"
    stale = list(archive.find_unfinished(made.path.parent.parent, "one"))
    assert stale == []


def test_only_what_was_not_finished_is_ever_deleted_by_the_panel() -> None:
    """Code that deletes folders is listed here, and calls `retention.refuse_if_held` first."""
    root = Path(__file__).parents[3]
    files = [file for folder in ("integrations", "checklists") for file in (root / folder).rglob("*.py")]
    deleting = {
        str(file.relative_to(root))
        for file in files
        if "sandbox" not in file.parts and re.search(r"\brmtree\(", file.read_text())
    }
    assert deleting == {
        "integrations/artefacts/object_store.py",  # this host's copy of what the bucket has whole
        "integrations/backups/archive.py",  # what an attempt did not finish, unless it is held
        "integrations/prisma/alignment_file.py",  # a migration's folder that was not finished
        "integrations/prisma/project_copy.py",  # a rehearsal's private copy of the Prisma project
    }


def test_the_next_backup_does_not_remove_an_unfinished_one_that_is_held(
    app_database: AppDatabase, new_context: Callable[..., Context]
) -> None:
    take = registry()["backup.take"]
    context = new_context({"db": {"kind": "postgres", "url": app_database.admin_url}})
    values = take.bind({"database": "db"}, context)
    address = postgres.address(app_database.admin_url)
    left = archive.locate_archive(context.folder, address, "earlier").partial
    left.mkdir(parents=True)
    until = datetime.now(UTC).date()
    retention.place_hold(left, sha256="0", until=until, why="Somebody looks into it.", cutover="one")
    with pytest.raises(Problem, match="is held until"):
        take.run(values, Recorder())
    assert left.is_dir()


def test_a_damaged_backup_is_a_verdict(bind: Any, backup: dict[str, str]) -> None:
    (Path(backup["path"]) / "dump").write_bytes(b"something else")
    outcome = ACTION.run(bind(), Recorder())
    assert not outcome.ok
    assert "damaged" in outcome.summary


def test_a_damaged_copy_is_found_by_the_probe(bind: Any) -> None:
    values, report = bind(), Recorder()
    before = ACTION.before(values)
    ACTION.run(values, report)
    copy = Path(report.facts["retained"]["copy"])
    copy.chmod(0o600)
    copy.write_bytes(copy.read_bytes()[:-20])
    assert ACTION.probe(values, before).status == ProbeStatus.PARTIAL


def test_a_place_that_is_not_mounted_is_named(bind: Any) -> None:
    with pytest.raises(Problem, match="is not there"):
        ACTION.run(bind("nowhere"), Recorder())


def test_the_preview_says_where_and_until_when(bind: Any) -> None:
    lines = "\n".join(ACTION.preview(bind(days=1)).lines)
    assert "elsewhere/one.tar.fernet" in lines
    assert (datetime.now(UTC).date() + timedelta(days=1)).isoformat() in lines
