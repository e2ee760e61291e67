"""Workers that are killed, stopped, doubled or left without Redis; each test starts its own worker."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from checklists import tasks
from checklists.executor.outcome import UNKNOWN_SUMMARY
from checklists.executor.process.identity import is_alive
from checklists.executor.process.tree import descendant_pids, process_name
from checklists.models import Attempt, Evidence
from tests import servers
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import FAST, Panel, running, wait_for_status
from tests.waiting import wait_for

Queue = Callable[..., Attempt]


def test_a_guard_that_wakes_up_after_its_lease_writes_nothing(
    panel: Panel, queue: Queue, world: Path
) -> None:
    """Nobody kills it, because the local prober is frozen: it has to notice by itself."""
    panel.start("reaper", times=FAST)
    worker = panel.start("worker", "--queues", "steps", "--concurrency", "1", times=FAST)
    attempt = queue("test.once", do="sleep", seconds=4)
    tasks.wake_worker(str(attempt.pk))
    attempt = running(attempt)
    family = [attempt.owner["pid"], attempt.owner["action"]["pid"]]
    for pid in [*family, *(p for p in descendant_pids(worker.pid) if process_name(p) == "cutover-prober")]:
        os.kill(pid, signal.SIGSTOP)
    wait_for_status(attempt, "UNKNOWN")
    for pid in family:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not is_alive(attempt.owner))
    attempt = Attempt.objects.get(pk=attempt.pk)
    assert attempt.status == "UNKNOWN"
    assert attempt.summary == UNKNOWN_SUMMARY
    assert not Evidence.objects.exists()


@pytest.mark.usefixtures("watchers")
def test_a_killed_worker_does_not_touch_a_running_attempt(panel: Panel, queue: Queue, world: Path) -> None:
    worker = panel.start("worker", "--concurrency", "2")
    attempt = running(queue("test.once", do="sleep", seconds=4))
    for pid in [worker.pid, *(p for p in descendant_pids(worker.pid) if p != attempt.owner["pid"])]:
        if pid != attempt.owner["action"]["pid"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    worker.wait()
    attempt = wait_for_status(attempt)
    assert (attempt.status, attempt.summary) == ("SUCCEEDED", "It was played.")
    assert [line.split()[0] for line in journal(str(world))] == ["begin", "pid", "done"]


@pytest.mark.usefixtures("watchers")
def test_stopping_a_worker_waits_for_running_attempts_and_leaves_nothing(
    panel: Panel, queue: Queue, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    worker = panel.start("worker", TMPDIR=str(temporary))
    attempt = running(queue("test.once", do="sleep", seconds=2))
    worker.send_signal(signal.SIGTERM)
    assert wait_for_status(attempt).status == "SUCCEEDED"
    assert worker.wait(90) == 0
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("watchers")
def test_stopping_a_worker_with_cancel_on_stop_cancels_running_attempts(panel: Panel, queue: Queue) -> None:
    worker = panel.start("worker", "--cancel-on-stop")
    attempt = running(queue("test.pure", do="sleep", seconds=60))
    worker.send_signal(signal.SIGTERM)
    attempt = wait_for_status(attempt)
    assert attempt.status == "CANCELLED"
    assert "worker was stopped" in attempt.summary
    assert worker.wait(90) == 0


@pytest.mark.usefixtures("watchers")
def test_three_workers_run_each_attempt_once(panel: Panel, queue: Queue, world: Path) -> None:
    panel.start("worker", "--concurrency", "2")
    panel.start("worker", "--concurrency", "2")
    panel.start("worker", "--poll")
    attempts = [queue("test.once", lines=0) for _ in range(12)]
    assert {wait_for_status(attempt).status for attempt in attempts} == {"SUCCEEDED"}
    begun = [line for line in journal(str(world)) if line.startswith("begin")]
    assert sorted(begun) == sorted(f"begin {attempt.pk}" for attempt in attempts)


@pytest.mark.usefixtures("watchers")
def test_without_redis_running_attempts_continue_and_queued_ones_wait(
    panel: Panel, queue: Queue, world: Path
) -> None:
    """The dispatcher finds what no message told of, once Redis is back."""
    panel.start("worker", "--concurrency", "2", "--cancel-on-stop")
    running = queue("test.once", do="sleep", seconds=3)
    wait_for_status(running, "RUNNING")
    assert servers.VALKEY.process
    os.kill(servers.VALKEY.process.pid, signal.SIGSTOP)  # frozen: worse than gone
    try:
        waiting = queue("test.pure")
        assert wait_for_status(running).status == "SUCCEEDED"
        assert wait_for(lambda: running.lines.count() == 3)
        assert Attempt.objects.get(pk=waiting.pk).status == "QUEUED"
    finally:
        os.kill(servers.VALKEY.process.pid, signal.SIGCONT)
    assert wait_for_status(waiting).status == "SUCCEEDED"


def test_a_polling_worker_runs_attempts_without_redis(panel: Panel, queue: Queue) -> None:
    panel.start("worker", "--poll", REDIS_URL="unix:///nowhere/valkey.sock?db=0")
    assert wait_for_status(queue("test.once")).status == "SUCCEEDED"


def test_a_polling_worker_finds_lost_attempts(panel: Panel, queue: Queue) -> None:
    panel.start("worker", "--poll", times=FAST, REDIS_URL="unix:///nowhere/valkey.sock?db=0")
    attempt = running(queue("test.pure", do="sleep", seconds=60, sees="NOT_DONE"))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    assert wait_for_status(attempt, "RECONCILED").reconciliation == "NOT_DONE"
