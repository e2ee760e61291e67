"""A backup is one snapshot with its fingerprint, complete and private on disk, or does not exist."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations import processes
from integrations.actions import ActionParams, Context, ProbeStatus, registry
from integrations.backups import fingerprint
from integrations.checksums import list_files
from integrations.errors import Cancelled, Problem
from tests.allowed import allow
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

Make = Callable[..., Context]
ACTION = registry()["backup.take"]
#: One row that takes the server a minute, so that it is still hashing when pg_dump is at work.
SLOW_ROWS = fingerprint.ROWS.replace("count(*)", "(select 0 from pg_sleep(60)) + count(*)")


def bind_params(database: AppDatabase, context: Make, url: str = "", **raw: Any) -> ActionParams:
    made = context({"old": {"kind": "postgres", "url": url or database.admin_url}})
    return ACTION.bind({"database": "old", **raw}, made)


def take_backup(params: ActionParams) -> tuple[dict[str, Any], Recorder]:
    report = Recorder()
    outcome = ACTION.run(params, report)
    assert outcome.ok, outcome.summary
    return report.facts["backup"], report


@pytest.mark.parametrize("format", ["custom", "directory"])
def test_every_file_is_in_the_manifest_and_the_manifest_has_the_backups_sha256(
    app_database: AppDatabase, new_context: Make, format: str
) -> None:
    facts, report = take_backup(bind_params(app_database, new_context, format=format, jobs=2))
    folder = Path(facts["path"])
    data = (folder / "manifest.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"]
    listed = json.loads(data)["files"]
    found = {str(f.relative_to(folder)): f for f in list_files(folder) if f.name != "manifest.json"}
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


def test_log_evidence_and_command_line_do_not_contain_the_password(
    app_database: AppDatabase, new_context: Make
) -> None:
    params = bind_params(app_database, new_context, url=app_database.app_url)
    password = psycopg.conninfo.conninfo_to_dict(app_database.app_url)["password"]
    facts, report = take_backup(params)
    shown = [report.text, json.dumps(facts), str(ACTION.preview(params)), str(ACTION.before(params))]
    assert not any(str(password) in text for text in shown)
    assert password in report.secrets
    for file in list_files(Path(facts["path"])):
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
        facts, _ = take_backup(bind_params(app_database, new_context))
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
    params = bind_params(app_database, new_context)
    report = Recorder(lambda report: "dumping contents" in report.text)
    with pytest.raises(Cancelled):
        ACTION.run(params, report)
    assert list((params.context.folder / "backups").iterdir()) == []
    assert processes.find_leftovers(params.context.attempt) == []
    assert ACTION.probe(params, ACTION.before(params)).status is ProbeStatus.NOT_DONE


def test_an_unfinished_backup_of_a_killed_attempt_is_removed_by_the_next(
    app_database: AppDatabase, new_context: Make
) -> None:
    lost = bind_params(app_database, new_context)
    before = ACTION.before(lost)
    partial = Path(before["path"] + ".partial")
    partial.mkdir(parents=True)
    (partial / "dump").write_bytes(b"half of it")
    finding = ACTION.probe(lost, before)
    assert finding.status is ProbeStatus.NOT_DONE
    assert partial.name in finding.observed
    take_backup(bind_params(app_database, new_context))
    assert not partial.exists()


def test_the_probe_checks_the_hashes(app_database: AppDatabase, new_context: Make) -> None:
    params = bind_params(app_database, new_context)
    before = ACTION.before(params)
    facts, _ = take_backup(params)
    finding = ACTION.probe(params, before)
    assert finding.status is ProbeStatus.DONE
    assert finding.facts["backup"] == facts
    dump = Path(facts["path"]) / "dump"
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)
    assert ACTION.probe(params, before).status is ProbeStatus.PARTIAL


def test_a_full_disk_is_refused_before_anything_is_written(
    app_database: AppDatabase, new_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda path: Full)
    params = bind_params(app_database, new_context)
    assert "not enough disk" in ACTION.preview(params).warnings[0]
    with pytest.raises(Problem, match=r"needed at most .* free 1\.0 kB"):
        ACTION.run(params, Recorder())
    assert not list(params.context.folder.rglob("*.partial"))


def test_a_table_that_the_login_may_not_read_is_an_error(
    app_database: AppDatabase, new_context: Make
) -> None:
    app_database.execute("create table secret_one (id int); insert into secret_one values (1)")
    with pytest.raises(Problem, match="secret_one"):
        ACTION.run(bind_params(app_database, new_context, url=app_database.app_url), Recorder())


def test_tools_of_the_wrong_version_are_refused_with_the_reason(
    app_database: AppDatabase, new_context: Make, tmp_path: Path
) -> None:
    for name in ("pg_dump", "pg_restore"):  # all that is asked of a tool that does not suit is its version
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 15.18'\n")
        (tmp_path / name).chmod(0o755)
        allow(tmp_path / name)
    made = new_context({"old": {"kind": "postgres", "url": app_database.admin_url, "bin": str(tmp_path)}})
    with pytest.raises(Problem, match="older than the server"):
        ACTION.run(ACTION.bind({"database": "old"}, made), Recorder())


def test_a_backup_without_rows_is_red_and_names_the_address(
    app_database: AppDatabase, new_database: Callable[[], str], new_context: Make
) -> None:
    outcome = ACTION.run(bind_params(app_database, new_context, new_database()), Recorder())
    assert not outcome.ok
    assert "0 tables with 0 rows" in outcome.summary
    assert "probably not the database that the application uses" in outcome.summary


def test_a_backup_names_who_locks_a_table_and_does_not_wait_for_ever(
    app_database: AppDatabase, new_context: Make
) -> None:
    settings = {"kind": "postgres", "url": app_database.admin_url, "lock_wait": "1"}
    params = ACTION.bind({"database": "old"}, new_context({"old": settings}))
    before, report = ACTION.before(params), Recorder()
    with psycopg.connect(app_database.app_url, application_name="a migration") as holder:
        holder.execute("lock table donations")
        with pytest.raises(Problem, match="application “a migration”; idle in transaction"):
            ACTION.run(params, report)
    assert any(line.startswith("Waiting for ACCESS SHARE on") for line in report.lines)
    assert any(what.startswith("waiting for ACCESS SHARE on") for _, _, what in report.steps)
    assert ACTION.probe(params, before).status is ProbeStatus.NOT_DONE
    assert not list(params.context.folder.rglob("*.partial"))


def test_pg_dump_too_says_whom_it_waited_for(app_database: AppDatabase, new_context: Make) -> None:
    """The fingerprint does not read a partitioned table, only its partitions; pg_dump locks it."""
    app_database.execute("create table visits (at date) partition by range (at)")
    settings = {"kind": "postgres", "url": app_database.admin_url, "lock_wait": "3"}
    params, report = ACTION.bind({"database": "old"}, new_context({"old": settings})), Recorder()
    with psycopg.connect(app_database.admin_url, application_name="a migration") as holder:
        holder.execute("lock table visits")
        with pytest.raises(Problem, match=r"pg_dump failed: .*application “a migration”"):
            ACTION.run(params, report)
    assert any(line.startswith("Waiting for ACCESS SHARE on") for line in report.lines)
    assert not list(params.context.folder.rglob("*.partial"))


def test_a_cancel_while_the_fingerprint_is_computed_ends_its_statement(
    app_database: AppDatabase, new_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "ROWS", SLOW_ROWS)
    params, began = bind_params(app_database, new_context), time.monotonic()
    report = Recorder(lambda report: "dumping contents" in report.text)
    with pytest.raises(Cancelled):
        ACTION.run(params, report)
    assert time.monotonic() - began < 30
    assert not list(params.context.folder.rglob("*.partial"))
    with psycopg.connect(app_database.admin_url) as connection:
        left = connection.execute(
            "select query from pg_stat_activity where state <> 'idle' and application_name = %s",
            [f"cutover:{params.context.attempt}"],
        )
        assert left.fetchall() == []


def test_a_fingerprint_that_fails_ends_pg_dump(
    app_database: AppDatabase, new_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        time.sleep(0.3)
        raise Problem("The table cannot be hashed.", means="", next="")

    monkeypatch.setattr("integrations.backups.parallel_fingerprint.compute_fingerprint", fail)
    app_database.execute("create table visits (at date) partition by range (at)")
    params = bind_params(app_database, new_context)
    with psycopg.connect(app_database.admin_url) as holder:  # pg_dump waits, so it is running for sure
        holder.execute("lock table visits")
        with pytest.raises(Problem, match="cannot be hashed"):
            ACTION.run(params, Recorder())
    assert processes.find_leftovers(params.context.attempt) == []
    assert not list(params.context.folder.rglob("*.partial"))
