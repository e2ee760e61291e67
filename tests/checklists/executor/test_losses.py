"""Killed and frozen executors: the attempt becomes UNKNOWN soon, and a probe finds out what it did."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from checklists.executor import probe_attempt
from checklists.executor.process.identity import is_alive
from checklists.executor.process.tree import descendant_pids
from checklists.models import Attempt, AuditEntry, Cutover, Evidence
from tests.by_hand import by_hand
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import FAST, Panel, found, running, wait_for_status
from tests.waiting import wait_for

Queue = Callable[..., Attempt]
TIMES_OF_THE_PANEL = FAST
#: As in compose.yaml, where the worker takes no probes: it has to find out by itself what it lost.
QUEUES_OF_THE_PANEL = "steps"


def test_a_killed_guard_leaves_an_unknown_attempt_that_is_probed(running_panel: Panel, queue: Queue) -> None:
    attempt = running(queue("test.once", do="sleep", seconds=60))
    family = descendant_pids(attempt.owner["pid"])
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = wait_for_status(attempt, "UNKNOWN")
    assert f"process {attempt.owner['pid']} on {attempt.owner['host']}" in attempt.unknown_reason
    assert "last heartbeat" in attempt.unknown_reason
    attempt = found(attempt)
    assert attempt.finding["seen"] == "PARTIAL"
    assert "are gone" in attempt.finding["dead"]
    assert attempt.status == "UNKNOWN"  # what may run once waits for a person
    assert not is_alive(attempt.owner["action"])
    assert len(family) == 1
    kinds = list(AuditEntry.objects.values_list("kind", flat=True))
    assert kinds[1:4] == ["attempt.began", "attempt.lost", "attempt.probed"]


def test_a_killed_guard_takes_its_programs_with_it(running_panel: Panel, queue: Queue) -> None:
    attempt = running(queue("test.once", do="program", seconds=60))
    wait_for(lambda: len(descendant_pids(attempt.owner["pid"])) == 2)
    program = descendant_pids(attempt.owner["pid"])[1]
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = found(wait_for_status(attempt, "UNKNOWN"))
    assert attempt.finding["dead"]
    assert not Path(f"/proc/{program}").exists()


def test_a_frozen_guard_is_killed_before_the_probe_runs(running_panel: Panel, queue: Queue) -> None:
    attempt = running(queue("test.once", do="sleep", seconds=60))
    os.kill(attempt.owner["action"]["pid"], signal.SIGSTOP)
    os.kill(attempt.owner["pid"], signal.SIGSTOP)
    attempt = found(wait_for_status(attempt, "UNKNOWN"))
    assert attempt.finding["dead"]
    assert not is_alive(attempt.owner)
    assert not is_alive(attempt.owner["action"])


def test_an_attempt_lost_before_its_effect_is_queued_and_run_again(
    running_panel: Panel, queue: Queue, world: Path
) -> None:
    attempt = queue("test.once", do="slow_before", seconds=1.5)
    attempt = wait_for_status(attempt, "CLAIMED")
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    again = wait_for_status(attempt, "QUEUED")
    assert (again.owner, again.lease_expires_at) == ({}, None)
    ended = wait_for_status(attempt, "ERRORED", "SUCCEEDED")
    assert ended.fence > attempt.fence
    kinds = list(AuditEntry.objects.values_list("kind", flat=True))
    assert kinds[1] == "attempt.requeued"
    assert len([line for line in journal(str(world)) if line.startswith("begin")]) == 1


@pytest.mark.parametrize(("action", "sees"), [("test.pure", "NOT_DONE"), ("test.idempotent", "DONE")])
def test_a_harmless_attempt_is_reconciled_without_a_person(
    running_panel: Panel, queue: Queue, action: str, sees: str
) -> None:
    attempt = running(queue(action, do="sleep", seconds=60, sees=sees))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = wait_for_status(attempt, "RECONCILED")
    assert (attempt.reconciliation, attempt.reconciled_by) == (sees, None)
    assert Evidence.objects.filter(attempt=attempt).exists() == (sees == "DONE")


def test_in_production_only_read_only_attempts_are_reconciled_without_a_person(
    running_panel: Panel, cutover: Cutover, queue: Queue
) -> None:
    attempt = running(queue("test.idempotent", do="sleep", seconds=60, sees="DONE"))
    with by_hand():  # afterwards: in production nothing begins under a text that nobody confirmed
        Cutover.objects.update(kind="PRODUCTION")
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    attempt = found(wait_for_status(attempt, "UNKNOWN"))
    assert attempt.finding["seen"] == "DONE"
    assert attempt.status == "UNKNOWN"


def test_an_attempt_that_still_runs_is_probed_again(running_panel: Panel, queue: Queue) -> None:
    attempt = running(queue("test.pure", do="sleep", seconds=60, sees="STILL_RUNNING"))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    first = found(wait_for_status(attempt, "UNKNOWN")).finding
    again = wait_for(lambda: (now := Attempt.objects.get(pk=attempt.pk).finding)["at"] != first["at"] and now)
    assert again["seen"] == "STILL_RUNNING"
    assert Attempt.objects.get(pk=attempt.pk).status == "UNKNOWN"


@pytest.mark.usefixtures("known_actions")
def test_death_on_another_host_cannot_be_proven(queue: Queue) -> None:
    attempt = queue("test.pure", sees="NOT_DONE")
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(
            status="UNKNOWN", effect_started_at=attempt.queued_at, owner={"host": "elsewhere", "pid": 1}
        )
    finding = probe_attempt(str(attempt.pk))
    assert finding is not None
    assert (finding["seen"], finding["dead"]) == ("NOT_DONE", "")
    assert Attempt.objects.get(pk=attempt.pk).status == "UNKNOWN"  # not even what only looks


def test_an_action_is_killed_before_its_lease_ends_when_the_database_is_away(
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
        wait_for(lambda: not is_alive(attempt.owner["action"]))
        attempt = wait_for_status(attempt, "UNKNOWN", "RECONCILED")
    finally:
        for pid in sessions:
            os.kill(pid, signal.SIGCONT)
    assert "last heartbeat" in attempt.unknown_reason
