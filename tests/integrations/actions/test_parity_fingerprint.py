"""The fingerprint is taken in one snapshot, kept with its SHA-256, and named in the evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.forms import ValidationError

from integrations.actions import Context, ProbeStatus, parity_options, registry
from integrations.errors import Cancelled
from integrations.parity.engine.fingerprint import read_fingerprint
from integrations.parity.server import session_settings
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder

Make = Callable[..., Context]
ACTION = registry()["parity.fingerprint"]


def context_of(database: AppDatabase, make: Make) -> Context:
    return make({"old": {"kind": "postgres", "url": database.admin_url}})


def test_it_leaves_a_private_file_and_its_digests(app_database: AppDatabase, new_context: Make) -> None:
    report = Recorder()
    values = ACTION.bind({"database": "old"}, context_of(app_database, new_context))
    outcome = ACTION.run(values, report)
    facts = report.facts["fingerprint"]
    assert outcome.ok, outcome.summary
    assert facts["tables"] == {'"Odd ""name"': 50, "donations": 500, "empty_one": 0, "members": 500}
    path = Path(facts["path"])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["sha256"]
    assert path.stat().st_mode & 0o077 == 0
    assert {what for _, _, what in report.steps} >= {"members", "donations"}
    assert "Ünï" not in path.read_text()  # hashes and counts, no values


def test_it_keeps_the_results_of_sql_checks(app_database: AppDatabase, new_context: Make) -> None:
    report = Recorder()
    given = {"database": "old", "checks": [{"name": "members", "sql": "select count(*) from members"}]}
    assert ACTION.run(ACTION.bind(given, context_of(app_database, new_context)), report).ok
    kept = read_fingerprint(Path(report.facts["fingerprint"]["path"]))
    assert kept.answers == {"members": [["500"]]}


def test_the_preview_names_the_tables_and_writes_nothing(
    app_database: AppDatabase, new_context: Make
) -> None:
    values = ACTION.bind({"database": "old"}, context_of(app_database, new_context))
    preview = ACTION.preview(values)
    assert "4 tables" in preview.lines[0]
    assert "members" in preview.lines[0]
    assert not values.context.folder.exists()
    assert ACTION.probe(values, {}).status is ProbeStatus.NOT_DONE


def test_a_cancel_stops_it_and_leaves_no_evidence(app_database: AppDatabase, new_context: Make) -> None:
    report = Recorder(cancel_when=lambda so_far: len(so_far.steps) > 1)
    with pytest.raises(Cancelled):
        ACTION.run(ACTION.bind({"database": "old"}, context_of(app_database, new_context)), report)
    assert report.facts == {}


def test_mistakes_in_the_runbook_are_named(app_database: AppDatabase, new_context: Make) -> None:
    wrong = {
        "database": "old",
        "declared": [{"kind": "nonsense"}],
        "totals": [{"table": "t"}],
        "schemas": [1],
    }
    with pytest.raises(ValidationError) as raised:
        ACTION.bind(wrong, context_of(app_database, new_context))
    said = raised.value.message_dict
    assert "declared difference 1 has kind “nonsense”" in said["declared"][0]
    assert "total 1 must look like" in said["totals"][0]
    assert said["schemas"] == ["must be a list of names."]


def test_a_locked_table_is_reported_with_who_holds_the_lock(
    app_database: AppDatabase, new_context: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(session_settings.SESSION_SETTINGS, "lock_timeout", "1s")
    monkeypatch.setattr(parity_options, "FIRST_LOOK", 0.2)
    report = Recorder()
    values = ACTION.bind({"database": "old"}, context_of(app_database, new_context))
    with psycopg.connect(app_database.app_url, application_name="a migration") as holder:
        holder.execute("lock table donations")
        outcome = ACTION.run(values, report)
        assert not outcome.ok
        failed = report.facts["fingerprint"]["failed"]
        assert failed.keys() == {"donations", "columns"}  # the defaults of a locked table cannot be read
        for reason in failed.values():
            assert f"held by pid {holder.info.backend_pid} (role {app_database.role}; " in reason
            assert "application “a migration”; idle in transaction" in reason
    assert any(line.startswith("Waiting for ACCESS SHARE on donations") for line in report.lines)
    assert any(what == "waiting for ACCESS SHARE on donations" for _, _, what in report.steps)
