"""Whatever is killed, the panel says what it does not know, soon, and finds out."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from checklists.executor import look
from checklists.executor.identity import is_alive
from checklists.executor.tree import below
from checklists.models import Attempt, AuditEntry, Cutover, Evidence
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import FAST, Panel, found, running, wait_for, wait_until

Queue = Callable[..., Attempt]
TIMES_OF_THE_PANEL = FAST


def test_a_killed_guard_leaves_an_unknown_attempt_that_is_looked_at(
    running_panel: Panel, queue: Queue
) -> None:
    attempt = running(queue("test.once", do="sleep", seconds=60))
    family = below(attempt.owner["pid"])
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = wait_for(attempt, "UNKNOWN", seconds=30)
    assert f"process {attempt.owner['pid']} on {attempt.owner['host']}" in attempt.unknown_reason
    assert "last heartbeat" in attempt.unknown_reason
    attempt = found(attempt)
    assert attempt.finding["seen"] == "PARTIAL"
    assert "are gone" in attempt.finding["dead"]
    assert attempt.status == "UNKNOWN"  # what may run once waits for a person
    assert not is_alive(attempt.owner["action"])
    assert len(family) == 1
    kinds = list(AuditEntry.objects.values_list("kind", flat=True))
    assert kinds[:3] == ["attempt.began", "attempt.lost", "attempt.probed"]


def test_a_killed_guard_takes_its_programs_with_it(running_panel: Panel, queue: Queue) -> None:
    attempt = running(queue("test.once", do="program", seconds=60))
    wait_until(lambda: len(below(attempt.owner["pid"])) == 2)
    program = below(attempt.owner["pid"])[1]
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = found(wait_for(attempt, "UNKNOWN", seconds=30))
    assert attempt.finding["dead"]
    assert not Path(f"/proc/{program}").exists()


def test_a_frozen_guard_is_killed_before_anybody_believes_a_probe(running_panel: Panel, queue: Queue) -> None:
    attempt = running(queue("test.once", do="sleep", seconds=60))
    os.kill(attempt.owner["action"]["pid"], signal.SIGSTOP)
    os.kill(attempt.owner["pid"], signal.SIGSTOP)
    attempt = found(wait_for(attempt, "UNKNOWN", seconds=30))
    assert attempt.finding["dead"]
    assert not is_alive(attempt.owner)
    assert not is_alive(attempt.owner["action"])


def test_an_attempt_lost_before_its_effect_is_queued_and_carried_out_again(
    running_panel: Panel, queue: Queue, world: Path
) -> None:
    attempt = queue("test.once", do="slow_before", seconds=1.5)
    attempt = wait_for(attempt, "CLAIMED")
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    again = wait_for(attempt, "QUEUED", seconds=30)
    assert (again.owner, again.lease_expires_at) == ({}, None)
    ended = wait_for(attempt, "ERRORED", "SUCCEEDED")
    assert ended.fence > attempt.fence
    kinds = list(AuditEntry.objects.values_list("kind", flat=True))
    assert kinds[0] == "attempt.requeued"
    assert len([line for line in journal(str(world)) if line.startswith("begin")]) == 1


@pytest.mark.parametrize(("action", "sees"), [("test.pure", "NOT_DONE"), ("test.idempotent", "DONE")])
def test_what_is_harmless_is_reconciled_by_the_machine(
    running_panel: Panel, queue: Queue, action: str, sees: str
) -> None:
    attempt = running(queue(action, do="sleep", seconds=60, sees=sees))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = wait_for(attempt, "RECONCILED", seconds=30)
    assert (attempt.reconciliation, attempt.reconciled_by) == (sees, None)
    assert Evidence.objects.filter(attempt=attempt).exists() == (sees == "DONE")


def test_in_production_only_what_looks_is_reconciled_by_the_machine(
    running_panel: Panel, cutover: Cutover, queue: Queue
) -> None:
    Cutover.objects.update(kind="PRODUCTION")
    attempt = running(queue("test.idempotent", do="sleep", seconds=60, sees="DONE"))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = found(wait_for(attempt, "UNKNOWN", seconds=30))
    assert attempt.finding["seen"] == "DONE"
    assert attempt.status == "UNKNOWN"


def test_what_still_runs_is_looked_at_again(running_panel: Panel, queue: Queue) -> None:
    attempt = running(queue("test.pure", do="sleep", seconds=60, sees="STILL_RUNNING"))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    first = found(wait_for(attempt, "UNKNOWN", seconds=30)).finding
    again = wait_until(
        lambda: (now := Attempt.objects.get(pk=attempt.pk).finding)["at"] != first["at"] and now
    )
    assert again["seen"] == "STILL_RUNNING"
    assert Attempt.objects.get(pk=attempt.pk).status == "UNKNOWN"


@pytest.mark.usefixtures("known_actions")
def test_death_on_another_host_is_not_proven_from_here(queue: Queue) -> None:
    attempt = queue("test.pure", sees="NOT_DONE")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        Attempt.objects.filter(pk=attempt.pk).update(
            status="UNKNOWN", effect_started_at=attempt.queued_at, owner={"host": "elsewhere", "pid": 1}
        )
        cursor.execute("SET session_replication_role = origin")
    finding = look(str(attempt.pk))
    assert finding is not None
    assert (finding["seen"], finding["dead"]) == ("NOT_DONE", "")
    assert Attempt.objects.get(pk=attempt.pk).status == "UNKNOWN"  # not even what only looks


def test_an_action_ends_when_its_guard_is_cut_off_from_the_database(
    running_panel: Panel, queue: Queue
) -> None:
    """The guard's database session hangs: no renewal, so no action, before anybody calls it lost."""
    attempt = running(queue("test.pure", do="stubborn", seconds=60))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'cutover:guard'")
        sessions = [row[0] for row in cursor.fetchall()]
    for pid in sessions:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: not is_alive(attempt.owner["action"]), seconds=20)
        attempt = wait_for(attempt, "UNKNOWN", "RECONCILED", seconds=30)
    finally:
        for pid in sessions:
            os.kill(pid, signal.SIGCONT)
    assert "last heartbeat" in attempt.unknown_reason
