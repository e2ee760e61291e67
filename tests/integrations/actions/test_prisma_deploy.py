"""A deploy is refused in words, done once, proven by its rows, and judged rightly after it was killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import registry
from integrations.actions.base import Context, Seen, Values
from integrations.clients.prisma_migrations import LOCK
from integrations.errors import Problem
from tests.integrations.actions.conftest import INIT
from tests.integrations.recorder import Recorder

pytestmark = [pytest.mark.prisma, pytest.mark.slow]
Make = Callable[..., Context]
ACTION = registry()["prisma.deploy"]
BASELINE = registry()["prisma.baseline"]
LACKS = ["account_providers", "sessions"]


def bound(make: Make, url: str) -> Values:
    return ACTION.bind({"prisma": "new"}, make(url))


def baselined(make: Make, url: str) -> None:
    params = {"prisma": "new", "migration": INIT, "may_lack": LACKS}
    BASELINE.run(BASELINE.bind(params, make(url)), Recorder())


def test_a_database_without_a_baseline_is_refused_with_the_remedy(
    prisma_context: Make, old_database: str
) -> None:
    values = bound(prisma_context, old_database)
    assert "Baseline first" in ACTION.preview(values).warnings[0]
    with pytest.raises(Problem, match="P3005") as refused:
        ACTION.run(values, Recorder())
    assert "Run the Baseline item" in refused.value.next
    assert ACTION.probe(values, ACTION.before(values)).seen is Seen.NOT_DONE


def test_a_held_lock_is_named_before_anything_starts(prisma_context: Make, deployed_database: str) -> None:
    values = bound(prisma_context, deployed_database)
    with psycopg.connect(deployed_database, application_name="somebody else") as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with pytest.raises(Problem, match="somebody else") as refused:
            ACTION.run(values, Recorder())
        assert f"pg_terminate_backend({other.info.backend_pid})" in refused.value.next
        assert "somebody else" in ACTION.preview(values).warnings[0]
        before = {"application": "", "rows": [], "release": []}
        assert ACTION.probe(values, before).seen is Seen.STILL_RUNNING


def test_the_pending_migrations_are_reviewed_deployed_once_and_proven(
    prisma_context: Make, old_database: str
) -> None:
    baselined(prisma_context, old_database)
    values = bound(prisma_context, old_database)
    lines = "\n".join(ACTION.preview(values).lines)
    assert "20250922112214_add_integration_settings (adds)" in lines
    with psycopg.connect(old_database) as connection:
        (churches,) = connection.execute("SELECT count(*) FROM churches").fetchone() or (0,)
    assert churches > 1
    assert f"extend_church_profile (adds, CHANGES {churches} ROWS, then NOT NULL" in lines
    before = ACTION.before(values)
    report = Recorder()
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    rows = report.facts["migrations"]
    assert [row["equal_to_file"] for row in rows] == [True] * 4
    assert all(row["finished_at"] and len(row["checksum"]) == 64 for row in rows)
    assert report.facts["rows_changed"] == churches
    assert ACTION.probe(values, before).seen is Seen.DONE
    with psycopg.connect(old_database) as connection:
        named = connection.execute("SELECT count(*) FROM churches WHERE timezone = 'Africa/Lagos'").fetchone()
    assert named == (churches,)


def run_in_process(values: Values) -> None:
    ACTION.run(values, Recorder())


def test_a_killed_deploy_is_seen_running_then_partial_and_the_next_one_explains_p3009(
    prisma_context: Make, old_database: str, project: Path
) -> None:
    baselined(prisma_context, old_database)
    values = bound(prisma_context, old_database)
    before = ACTION.before(values)
    with psycopg.connect(old_database) as blocker:
        blocker.execute("LOCK TABLE churches IN SHARE MODE")
        process = multiprocessing.get_context("fork").Process(target=run_in_process, args=(values,))
        process.start()
        until(lambda: waiting_for_churches(old_database, values))
        assert ACTION.probe(values, before).seen is Seen.STILL_RUNNING
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        # Its program dies with it, and the server ends the statement of a client that is gone.
        until(lambda: not waiting_for_churches(old_database, values))
    finding = until(lambda: settled(values, before))
    assert finding.seen is Seen.PARTIAL
    assert "extend_church_profile" in finding.saw
    with pytest.raises(Problem, match="P3009") as refused:
        ACTION.run(bound(prisma_context, old_database), Recorder())
    assert "20251102143000_extend_church_profile" in refused.value.next


def until(question: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)
    return answer


def waiting_for_churches(url: str, values: Values) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'",
            [f"cutover:{values.context.attempt}"],
        ).fetchone()
    return bool(row and row[0])


def settled(values: Values, before: dict[str, Any]) -> Any:
    finding = ACTION.probe(values, before)
    return None if finding.seen is Seen.STILL_RUNNING else finding


def test_a_migration_that_fails_is_explained_with_the_databases_own_words(
    prisma_context: Make, deployed_database: str, project: Path
) -> None:
    folder = project / "prisma" / "migrations" / "20991231000000_bad"
    folder.mkdir()
    (folder / "migration.sql").write_text('ALTER TABLE "users" ALTER COLUMN "is_active" SET NOT NULL;\n')
    values = bound(prisma_context, deployed_database)
    assert "would fail" in ACTION.preview(values).warnings[0]
    before = ACTION.before(values)
    with pytest.raises(Problem, match="P3018") as failed:
        ACTION.run(values, Recorder())
    assert "The database says: Null constraint failed." in failed.value.what
    assert "20991231000000_bad" in failed.value.next
    assert ACTION.probe(values, before).seen is Seen.PARTIAL
