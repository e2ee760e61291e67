"""A backup is kept twice, proven, and nothing of ours deletes it before its day."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen
from integrations.clients import archive, postgres, retention
from integrations.clients.archive import Archive
from integrations.credentials import VARIABLE, Credentials, new_key
from integrations.errors import Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

ACTION = registry()["snapshots.retain"]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, new_key())


@pytest.fixture
def backup(tmp_path: Path) -> dict[str, str]:
    """A backup as `backup.take` leaves it."""
    made = Archive(tmp_path / "backups" / "one")
    made.begin().write_bytes(b"everything that the church knows")
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
    assert ACTION.probe(values, before).seen == Seen.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    copy = Path(report.facts["retained"]["copy"])
    assert b"everything" not in copy.read_bytes()
    assert b"everything" in Credentials().decrypt(copy.read_bytes())
    assert copy.stat().st_mode & 0o777 == 0o400
    until = datetime.now(UTC).date() + timedelta(days=30)
    for folder in (Path(backup["path"]), copy):
        known = retention.held(folder)
        assert known is not None
        assert (known.until, known.sha256) == (until.isoformat(), backup["sha256"])
    assert ACTION.probe(values, before).seen == Seen.DONE


def test_doing_it_twice_is_doing_it_once_and_a_longer_hold_stays(bind: Any, backup: dict[str, str]) -> None:
    assert ACTION.run(bind(days=60), Recorder()).ok
    assert ACTION.run(bind(days=10), Recorder()).ok
    known = retention.held(Path(backup["path"]))
    assert known is not None
    assert date.fromisoformat(known.until) == datetime.now(UTC).date() + timedelta(days=60)


def test_what_is_held_is_not_deleted_before_its_day(bind: Any, backup: dict[str, str]) -> None:
    ACTION.run(bind(days=30), Recorder())
    folder, today = Path(backup["path"]), datetime.now(UTC).date()
    with pytest.raises(Problem, match="is held until"):
        retention.refuse_held(folder)
    with pytest.raises(Problem):
        retention.refuse_held(folder, today + timedelta(days=30))
    retention.refuse_held(folder, today + timedelta(days=31))
    retention.refuse_held(folder.with_name("another"))


def test_an_unfinished_backup_is_the_only_kind_that_our_code_deletes(backup: dict[str, str]) -> None:
    made = Archive(Path(backup["path"]))
    made.discard()
    assert made.dump.exists(), "discarding takes away what was not finished, and nothing else"
    stale = list(archive.stale(made.path.parent.parent, "one"))
    assert stale == []


def test_only_what_was_not_finished_is_ever_deleted_by_the_panel() -> None:
    """Whoever adds a deletion of folders comes by here, and asks `retention.refuse_held` first."""
    root = Path(__file__).parents[3]
    files = [file for folder in ("integrations", "checklists") for file in (root / folder).rglob("*.py")]
    deleting = {
        str(file.relative_to(root))
        for file in files
        if "sandbox" not in file.parts and re.search(r"\brmtree\(", file.read_text())
    }
    assert deleting == {
        "integrations/actions/backup_take.py",  # what an earlier attempt did not finish, and nobody holds
        "integrations/clients/archive.py",  # the same, in its own attempt
        "integrations/clients/prisma_alignment_file.py",  # a migration's folder that was not finished
    }


def test_a_held_leftover_is_not_taken_away_by_the_next_backup(
    app_database: AppDatabase, new_context: Callable[..., Context]
) -> None:
    take = registry()["backup.take"]
    context = new_context({"db": {"kind": "postgres", "url": app_database.admin_url}})
    values = take.bind({"database": "db"}, context)
    address = postgres.address(app_database.admin_url)
    left = archive.place(context.folder, address, "earlier").partial
    left.mkdir(parents=True)
    until = datetime.now(UTC).date()
    retention.hold(left, sha256="0", until=until, why="Somebody looks into it.", cutover="one")
    with pytest.raises(Problem, match="is held until"):
        take.run(values, Recorder())
    assert left.is_dir()


def test_a_damaged_backup_is_not_kept_as_if_it_were_whole(bind: Any, backup: dict[str, str]) -> None:
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
    assert ACTION.probe(values, before).seen == Seen.PARTIAL


def test_a_place_that_is_not_mounted_is_named(bind: Any) -> None:
    with pytest.raises(Problem, match="is not there"):
        ACTION.run(bind("nowhere"), Recorder())


def test_the_preview_says_where_and_until_when(bind: Any) -> None:
    lines = "\n".join(ACTION.preview(bind(days=1)).lines)
    assert "elsewhere/one.tar.fernet" in lines
    assert (datetime.now(UTC).date() + timedelta(days=1)).isoformat() in lines
