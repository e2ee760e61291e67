"""A backup is one snapshot with its fingerprint, whole and private on disk, or it is not there."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations import programs
from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.clients import archive
from integrations.errors import Cancelled, Problem
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

Make = Callable[..., Context]
ACTION = registry()["backup.take"]


def bound(database: AppDatabase, context: Make, url: str = "", **raw: Any) -> Values:
    made = context({"old": {"kind": "postgres", "url": url or database.admin_url}})
    return ACTION.bind({"database": "old", **raw}, made)


def taken(values: Values) -> tuple[dict[str, Any], Recorder]:
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    return report.facts["backup"], report


@pytest.mark.parametrize("format", ["custom", "directory"])
def test_every_file_is_in_the_manifest_and_the_manifest_has_the_backups_sha256(
    app_database: AppDatabase, new_context: Make, format: str
) -> None:
    facts, report = taken(bound(app_database, new_context, format=format, jobs=2))
    folder = Path(facts["path"])
    data = (folder / "manifest.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    listed = json.loads(data)["files"]
    found = {str(f.relative_to(folder)): f for f in archive.files(folder) if f.name != "manifest.json"}
    assert set(found) == set(listed)
    assert len(found) == 1 if format == "custom" else len(found) > 3
    for name, file in found.items():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == listed[name]["sha256"]
        assert file.stat().st_mode & 0o777 == 0o600
    assert {f.stat().st_mode & 0o777 for f in [folder, *folder.rglob("*")] if f.is_dir()} == {0o700}
    assert not list(folder.parent.glob("*.partial"))
    assert (facts["tables"], facts["rows"]) == (4, 1050)
    assert facts["counts"]["public.members"] == 500
    assert report.steps[-1][0] <= report.steps[-1][1]
    assert any("dump of public.donations" in what for _, _, what in report.steps)


def test_neither_log_nor_evidence_nor_command_line_has_the_password(
    app_database: AppDatabase, new_context: Make
) -> None:
    values = bound(app_database, new_context, url=app_database.app_url)
    password = psycopg.conninfo.conninfo_to_dict(app_database.app_url)["password"]
    facts, report = taken(values)
    shown = [report.text, json.dumps(facts), str(ACTION.preview(values)), str(ACTION.before(values))]
    assert not any(str(password) in text for text in shown)
    assert password in report.secrets
    for file in archive.files(Path(facts["path"])):
        assert str(password).encode() not in file.read_bytes()


def test_the_fingerprint_is_of_the_dumps_snapshot_while_others_write(
    app_database: AppDatabase, new_context: Make
) -> None:
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(app_database.app_url, autocommit=True) as writer:
            while not stop.wait(0.002):
                writer.execute("insert into donations (amount) values (1)")
                writer.execute("update members set balance = balance + 1 where id = 7")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        facts, _ = taken(bound(app_database, new_context))
    finally:
        stop.set()
        thread.join()
    from integrations.actions.backup_verify import BackupVerify

    context = new_context(
        {"scratch": {"kind": "postgres", "url": app_database.admin_url}}, take={"backup": facts}
    )
    verified = BackupVerify().bind({"backup": "take", "scratch": "scratch"}, context)
    outcome = BackupVerify().run(verified, Recorder())
    assert outcome.ok, outcome.summary


def test_a_cancel_in_the_middle_leaves_nothing(app_database: AppDatabase, new_context: Make) -> None:
    values = bound(app_database, new_context)
    report = Recorder(lambda report: "dumping contents" in report.text)
    with pytest.raises(Cancelled):
        ACTION.run(values, report)
    assert list((values.context.folder / "backups").iterdir()) == []
    assert programs.leftovers(values.context.attempt) == []
    assert ACTION.probe(values, ACTION.before(values)).seen is Seen.NOT_DONE


def test_what_a_killed_attempt_left_is_not_a_backup_and_goes_with_the_next(
    app_database: AppDatabase, new_context: Make
) -> None:
    lost = bound(app_database, new_context)
    before = ACTION.before(lost)
    partial = Path(before["path"] + ".partial")
    partial.mkdir(parents=True)
    (partial / "dump").write_bytes(b"half of it")
    finding = ACTION.probe(lost, before)
    assert finding.seen is Seen.NOT_DONE
    assert partial.name in finding.saw
    taken(bound(app_database, new_context))
    assert not partial.exists()


def test_the_probe_believes_only_hashes(app_database: AppDatabase, new_context: Make) -> None:
    values = bound(app_database, new_context)
    before = ACTION.before(values)
    facts, _ = taken(values)
    finding = ACTION.probe(values, before)
    assert finding.seen is Seen.DONE
    assert finding.facts["backup"] == facts
    dump = Path(facts["path"]) / "dump"
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)
    assert ACTION.probe(values, before).seen is Seen.PARTIAL


def test_a_full_disk_is_said_before_a_byte_is_written(
    app_database: AppDatabase, new_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda path: Full)
    values = bound(app_database, new_context)
    assert "not enough disk" in ACTION.preview(values).warnings[0]
    with pytest.raises(Problem, match=r"needed at most .* free 1\.0 kB"):
        ACTION.run(values, Recorder())
    assert not list(values.context.folder.rglob("*.partial"))


def test_a_table_that_the_login_may_not_read_is_an_error_and_not_a_hole(
    app_database: AppDatabase, new_context: Make
) -> None:
    app_database.execute("create table secret_one (id int); insert into secret_one values (1)")
    with pytest.raises(Problem, match="secret_one"):
        ACTION.run(bound(app_database, new_context, url=app_database.app_url), Recorder())


def test_tools_that_do_not_suit_are_refused_with_the_reason(
    app_database: AppDatabase, new_context: Make, tmp_path: Path
) -> None:
    for name in ("pg_dump", "pg_restore"):  # all that is asked of a tool that does not suit is its version
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 15.18'\n")
        (tmp_path / name).chmod(0o755)
    made = new_context({"old": {"kind": "postgres", "url": app_database.admin_url, "bin": str(tmp_path)}})
    with pytest.raises(Problem, match="older than the server"):
        ACTION.run(ACTION.bind({"database": "old"}, made), Recorder())
