"""A worker is killed, with all it started, in the middle of a real backup and of a real Prisma deploy."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from checklists import services
from checklists.action_context import artefact_folder
from checklists.executor.process.tree import descendant_pids
from checklists.models import Attempt, Backup, Cutover
from checklists.states import ItemState, Reconciliation
from integrations.sandbox import node
from integrations.sandbox.legacy import seed
from tests.allowed import allow
from tests.checklists.executor.conftest import FAST, Panel, found, wait_for_status
from tests.checklists.histories import item_of, person, view_of
from tests.released import release
from tests.waiting import wait_for

pytestmark = [pytest.mark.prisma]

RUNBOOK = """
name: killed
title: Killed midway
timezone: UTC
systems:
  target: {kind: postgres, url: "${TARGET_DATABASE_URL}"}
  backend: {kind: prisma, project: "${PRISMA_PROJECT}", command: "${PRISMA_COMMAND}",
            database: "${TARGET_DATABASE_URL}", diff: adapter}
roles: {lead: Migration lead}
phases:
  - key: one
    title: One
    items:
      - {key: backup, title: Back up, kind: action, owner: lead,
         action: backup.take, params: {database: target}}
      - {key: deploy, title: Deploy, kind: action, owner: lead,
         action: prisma.deploy, params: {prisma: backend}, irreversible: It is only a test.}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sandbox's Prisma project with its npm packages."""
    folder = tmp_path_factory.mktemp("prisma") / "project"
    node.install(folder, lambda line: None)
    return folder


@pytest.fixture
def old_database(new_database: Callable[[], str], project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The sandbox's old database; its address is in the environment that the panel's processes get."""
    url = new_database()
    with psycopg.connect(url) as connection:
        canary = ("canary@example.invalid", secrets.token_hex(8))
        seed.fill(connection, rows=5000, seed=1, canary=canary, say=lambda line: None)
    monkeypatch.setenv("TARGET_DATABASE_URL", url)
    monkeypatch.setenv("PRISMA_PROJECT", str(project))
    monkeypatch.setenv("PRISMA_COMMAND", str(project / "bin" / "prisma"))
    allow(project / "bin" / "prisma")
    return url


#: holds up the migration that alters churches, after what came before it in the same deploy
HOLD = """
CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.churches') THEN
        PERFORM pg_sleep(600);
    END IF;
END $$;
CREATE EVENT TRIGGER hold ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION hold();
"""


@pytest.fixture
def night(transactional_db: None) -> Cutover:
    """A rehearsal with a backup and a deploy in it, led by Ama."""
    release(RUNBOOK)
    runbook = services.load_runbook(text=RUNBOOK, by=None)
    return services.open_cutover(
        runbook=runbook, kind="REHEARSAL", title="Killed midway", slug="killed", by=person("ama")
    )


@pytest.fixture
def workers(panel: Panel, old_database: str) -> Panel:
    """Reaper, dispatcher and a worker for probes; a lost lease is found within seconds."""
    panel.environment |= {
        name: os.environ[name] for name in ("TARGET_DATABASE_URL", "PRISMA_PROJECT", "PRISMA_COMMAND")
    }
    panel.start("reaper", times=FAST)
    panel.start("dispatcher", times=FAST)
    panel.start("worker", "--queues", "probes", "--concurrency", "1", times=FAST)
    return panel


def start(night: Cutover, key: str) -> Attempt:
    item = item_of(night, key)
    return services.start_attempt(item=item, by=person("ama"), after=item.attempts.count())


def waits_for_lock(url: str, attempt: Attempt) -> bool:
    """Does a session of this attempt hang on a lock in the target?"""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'",
            [f"cutover:{attempt.pk}"],
        ).fetchone()
    return bool(row and row[0])


def holds_its_change(url: str, attempt: Attempt) -> bool:
    """Is a session of this attempt in the middle of the statement that `HOLD` holds up?"""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'PgSleep'",
            [f"cutover:{attempt.pk}"],
        ).fetchone()
    return bool(row and row[0])


def kill_with_everything(worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a worker, its guards and their programs."""
    for pid in [*descendant_pids(worker.pid), worker.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    worker.wait()


def test_a_backup_killed_midway_is_reconciled_as_not_done_and_taken_again(
    workers: Panel, night: Cutover, old_database: str
) -> None:
    worker = workers.start("worker", "--queues", "steps", times=FAST)
    with psycopg.connect(old_database) as blocker:
        blocker.execute("LOCK TABLE donations IN ACCESS EXCLUSIVE MODE")
        attempt = start(night, "backup")
        wait_for(lambda: waits_for_lock(old_database, attempt), timeout=60)
        kill_with_everything(worker)
        wait_for_status(attempt, "UNKNOWN", "RECONCILED", timeout=60)
    attempt = wait_for_status(attempt, "RECONCILED", timeout=60)
    assert attempt.reconciliation == Reconciliation.NOT_DONE
    assert attempt.finding["dead"]
    assert not Backup.objects.exists()
    workers.start("worker", "--queues", "steps")
    assert wait_for_status(start(night, "backup"), timeout=90).status == "SUCCEEDED"
    assert Backup.objects.get().attempt.number == 2
    assert list(artefact_folder(night).rglob("*.partial")) == []


def test_a_deploy_killed_midway_is_probed_and_reconciled_by_a_person(
    workers: Panel, night: Cutover, old_database: str, project: Path
) -> None:
    baseline = [str(project / "bin" / "prisma"), "migrate", "resolve", "--applied", "20250922022205_init"]
    subprocess.run(
        baseline,
        cwd=project,
        env={**os.environ, "DATABASE_URL": old_database},
        check=True,
        capture_output=True,
    )
    worker = workers.start("worker", "--queues", "steps", times=FAST)
    with psycopg.connect(old_database) as connection:
        connection.execute(HOLD)
    attempt = start(night, "deploy")
    wait_for(lambda: holds_its_change(old_database, attempt), timeout=90)
    kill_with_everything(worker)
    wait_for_status(attempt, "UNKNOWN", timeout=60)
    wait_for(lambda: found(attempt).finding["seen"] == "PARTIAL", timeout=90)
    assert "extend_church_profile" in found(attempt).finding["saw"]
    assert view_of(night, "deploy").state == ItemState.UNKNOWN  # no machine decides this
    services.reconcile_attempt(
        attempt=attempt,
        by=person("ama"),
        found=Reconciliation.PARTIAL,
        note="the migration table and churches",
    )
    assert view_of(night, "deploy").state == ItemState.FAILED
