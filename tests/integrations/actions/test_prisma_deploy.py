"""A deployment runs once and is proven by its rows; refusals and a killed deployment are explained."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.actions.prisma_deploy import PrismaDeployParams
from integrations.errors import Problem
from integrations.prisma.migrations import LOCK
from tests.integrations.actions.conftest import INIT
from tests.integrations.recorder import Recorder
from tests.waiting import wait_for

pytestmark = [pytest.mark.prisma]
Make = Callable[..., Context]
ACTION = registry()["prisma.deploy"]
BASELINE = registry()["prisma.baseline"]
FORK = multiprocessing.get_context("fork")
LACKS = ["account_providers", "sessions"]


def bound(make: Make, url: str) -> PrismaDeployParams:
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
    assert ACTION.probe(values, ACTION.before(values)).status is ProbeStatus.NOT_DONE


def test_a_held_lock_is_named_before_anything_starts(prisma_context: Make, deployed_database: str) -> None:
    values = bound(prisma_context, deployed_database)
    with psycopg.connect(deployed_database, application_name="somebody else") as other:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with pytest.raises(Problem, match="somebody else") as refused:
            ACTION.run(values, Recorder())
        assert f"pg_terminate_backend({other.info.backend_pid})" in refused.value.next
        assert "somebody else" in ACTION.preview(values).warnings[0]
        before = {"application": "", "rows": [], "release": []}
        assert ACTION.probe(values, before).status is ProbeStatus.STILL_RUNNING


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
    assert ACTION.probe(values, before).status is ProbeStatus.DONE
    with psycopg.connect(old_database) as connection:
        named = connection.execute("SELECT count(*) FROM churches WHERE timezone = 'UTC'").fetchone()
    assert named == (churches,)


class Handshake(Recorder):
    """Stops where Prisma is about to start, until the test has taken a lock."""

    def __init__(self) -> None:
        super().__init__()
        self.about_to_start, self.locked = FORK.Event(), FORK.Event()

    def log(self, line: str, **of: Any) -> None:
        super().log(line, **of)
        if line.startswith("The locks of the migrations could be had"):
            self.about_to_start.set()
            assert self.locked.wait(60)


def test_a_killed_deploy_is_found_running_then_partial_and_the_next_one_explains_p3009(
    prisma_context: Make, old_database: str, project: Path
) -> None:
    baselined(prisma_context, old_database)
    values = bound(prisma_context, old_database)
    before = ACTION.before(values)
    report = Handshake()
    with psycopg.connect(old_database) as blocker:
        process = FORK.Process(target=ACTION.run, args=(values, report))
        process.start()
        assert report.about_to_start.wait(60)
        blocker.execute("LOCK TABLE churches IN SHARE MODE")
        report.locked.set()
        wait_for(lambda: waiting_for_churches(old_database, values))
        assert ACTION.probe(values, before).status is ProbeStatus.STILL_RUNNING
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        # Its program dies with it, and the server ends the statement of a client that is gone.
        wait_for(lambda: not waiting_for_churches(old_database, values))
    finding = wait_for(lambda: settled(values, before))
    assert finding.status is ProbeStatus.PARTIAL
    assert "extend_church_profile" in finding.observed
    with pytest.raises(Problem, match="P3009") as refused:
        ACTION.run(bound(prisma_context, old_database), Recorder())
    assert "20251102143000_extend_church_profile" in refused.value.next


def waiting_for_churches(url: str, values: PrismaDeployParams) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'",
            [f"cutover:{values.context.attempt}"],
        ).fetchone()
    return bool(row and row[0])


def settled(values: PrismaDeployParams, before: dict[str, Any]) -> Any:
    finding = ACTION.probe(values, before)
    return None if finding.status is ProbeStatus.STILL_RUNNING else finding


def add_migration(project: Path, name: str, sql: str) -> None:
    folder = project / "prisma" / "migrations" / name
    folder.mkdir()
    (folder / "migration.sql").write_text(sql)


NOT_NULL = 'ALTER TABLE "users" ALTER COLUMN "notification_preferences" SET NOT NULL;\n'
#: Changes of every sort, before the statement that fails.
CHANGES = """\
CREATE TYPE "mood" AS ENUM ('well');
CREATE TABLE "left_over" ("id" integer PRIMARY KEY);
ALTER TABLE "events" ADD COLUMN "left_over" text;
UPDATE "settings" SET "business_name" = 'changed';
"""


def test_a_failing_migration_is_explained_with_what_it_left(
    prisma_context: Make, deployed_database: str, project: Path
) -> None:
    """The one before it is applied; of this one PostgreSQL keeps nothing; the advice leads out of it."""
    add_migration(project, "20991230000000_good", "CREATE INDEX settings_name ON settings (business_name);\n")
    add_migration(project, "20991231000000_bad", CHANGES + NOT_NULL)
    add_migration(project, "20991231000001_later", "SELECT 1;\n")
    values = bound(prisma_context, deployed_database)
    assert "would fail" in ACTION.preview(values).warnings[0]
    before = ACTION.before(values)
    with pytest.raises(Problem, match="P3018") as failed:
        ACTION.run(values, Recorder())
    assert "A migration (20991231000000_bad) failed in the database" in failed.value.what
    assert "Null constraint failed." in failed.value.what
    assert "Statement 5 (" in failed.value.what
    assert "meets rows that it cannot pass" in failed.value.what
    assert "rolled its transaction back: nothing of it is in the database" in failed.value.means
    assert "20991230000000_good; not applied: 20991231000001_later" in failed.value.means
    assert ACTION.probe(values, before).status is ProbeStatus.PARTIAL
    # The next step is exact: the statement in it, and a release with another file, lead on.
    statement = failed.value.next.split("`")[1]
    (project / "prisma/migrations/20991231000000_bad/migration.sql").write_text(CHANGES)
    with psycopg.connect(deployed_database, autocommit=True) as connection:
        connection.execute(statement.encode())
    assert ACTION.run(values, Recorder()).ok


def test_a_migration_that_was_no_single_transaction_is_told_apart(
    prisma_context: Make, deployed_database: str, project: Path
) -> None:
    add_migration(project, "20991231000000_bad", f"BEGIN;\n{CHANGES}COMMIT;\n{NOT_NULL}")
    with pytest.raises(Problem, match="P3018") as failed:
        ACTION.run(bound(prisma_context, deployed_database), Recorder())
    means = failed.value.means
    assert "did not run as one transaction" in means
    for left in ("table left_over", "table events", "type mood", "changed rows of settings"):
        assert left in means
    assert "table users" not in means
    assert failed.value.next.startswith("Order the rollback")
