"""Workers that are killed, stopped, doubled or left without Redis; each test has a panel of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from checklists import tasks
from checklists.executor import Reaper
from checklists.executor.identity import is_alive
from checklists.executor.reaper import let_go
from checklists.executor.times import TIMES
from checklists.executor.tree import below
from checklists.models import Attempt, Evidence
from checklists.models.audit import database_now
from tests import servers
from tests.checklists.executor.actions import journal
from tests.checklists.executor.conftest import FAST, Panel, found, running, wait_for, wait_until

Queue = Callable[..., Attempt]


def lost_before_its_effect(attempt: Attempt, **more: object) -> Attempt:
    """Claimed by somebody who was never heard of again."""
    Attempt.objects.filter(pk=attempt.pk).update(
        status="CLAIMED", claimed_at=attempt.queued_at, lease_expires_at=attempt.queued_at, **more
    )
    return attempt


def test_a_cancelled_attempt_that_is_lost_before_its_effect_is_not_queued_again(queue: Queue) -> None:
    cancelled, other = queue(), queue()
    lost_before_its_effect(cancelled, cancel_requested_at=database_now())
    lost_before_its_effect(other)
    assert [let_go(a.pk) for a in (cancelled, other, other)] == [True, True, False]
    assert Attempt.objects.get(pk=cancelled.pk).status == "CANCELLED"
    assert Attempt.objects.get(pk=other.pk).status == "QUEUED"


@pytest.mark.parametrize("why", ["restarted", "clock jumped"])
def test_leases_are_left_alone_after_the_database_was_away_or_its_clock_jumped(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    attempt = lost_before_its_effect(queue())
    up_for = 10**6 if why == "restarted" else 0
    monkeypatch.setattr("checklists.executor.reaper.TIMES", replace(TIMES, after_outage=up_for))
    reaper = Reaper()
    if why == "clock jumped":
        reaper._last = (database_now() - timedelta(seconds=120), time.monotonic())
    assert reaper.round(lambda attempt_id: None) == 0
    assert Attempt.objects.get(pk=attempt.pk).status == "CLAIMED"
    monkeypatch.setattr("checklists.executor.reaper.TIMES", replace(TIMES, after_outage=0))
    assert Reaper().round(lambda attempt_id: None) == 1


@pytest.mark.slow
def test_a_killed_guard_is_seen_within_thirty_seconds_with_the_real_times(panel: Panel, queue: Queue) -> None:
    panel.start("reaper", times="")
    panel.start("dispatcher", times="")
    panel.start("worker", times="")
    attempt = queue("test.once", do="sleep", seconds=120)
    wait_for(attempt, "RUNNING")
    killed = time.monotonic()
    os.kill(Attempt.objects.get(pk=attempt.pk).owner["pid"], signal.SIGKILL)
    wait_for(attempt, "UNKNOWN", seconds=60)
    assert time.monotonic() - killed <= 30  # the promise, not a benchmark
    assert found(attempt).finding["dead"]


def test_a_guard_that_wakes_up_after_its_lease_writes_nothing(
    panel: Panel, queue: Queue, world: Path
) -> None:
    """Without a worker for probes nobody kills it: it has to notice by itself."""
    panel.start("reaper", times=FAST)
    panel.start("worker", "--queues", "steps", "--concurrency", "1", times=FAST)
    attempt = queue("test.once", do="sleep", seconds=4)
    tasks.wake(str(attempt.pk))
    attempt = running(attempt)
    family = [attempt.owner["pid"], attempt.owner["action"]["pid"]]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    wait_for(attempt, "UNKNOWN", seconds=30)
    for pid in family:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not is_alive(attempt.owner))
    attempt = Attempt.objects.get(pk=attempt.pk)
    assert attempt.status == "UNKNOWN"
    assert attempt.summary == "We do not know what it did. Look at it, then decide."
    assert not Evidence.objects.exists()


def test_a_killed_worker_does_not_touch_a_running_attempt(panel: Panel, queue: Queue, world: Path) -> None:
    panel.start("reaper")
    panel.start("dispatcher")
    worker = panel.start("worker", "--concurrency", "2")
    attempt = running(queue("test.once", do="sleep", seconds=4))
    for pid in [worker.pid, *(p for p in below(worker.pid) if p != attempt.owner["pid"])]:
        if pid != attempt.owner["action"]["pid"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    worker.wait()
    attempt = wait_for(attempt)
    assert (attempt.status, attempt.summary) == ("SUCCEEDED", "It was played.")
    assert [line.split()[0] for line in journal(str(world))] == ["begin", "pid", "done"]


def test_stopping_a_worker_waits_for_what_runs(panel: Panel, queue: Queue) -> None:
    panel.start("reaper")
    panel.start("dispatcher")
    worker = panel.start("worker")
    attempt = running(queue("test.once", do="sleep", seconds=2))
    worker.send_signal(signal.SIGTERM)
    assert wait_for(attempt).status == "SUCCEEDED"
    assert worker.wait(20) == 0


def test_stopping_a_worker_cancels_what_runs_when_told_so(panel: Panel, queue: Queue) -> None:
    panel.start("reaper")
    panel.start("dispatcher")
    worker = panel.start("worker", "--cancel-on-stop")
    attempt = running(queue("test.pure", do="sleep", seconds=60))
    worker.send_signal(signal.SIGTERM)
    attempt = wait_for(attempt)
    assert attempt.summary == "The panel was stopped by whoever runs it."
    assert worker.wait(20) == 0


def test_two_workers_carry_out_an_attempt_once(panel: Panel, queue: Queue, world: Path) -> None:
    panel.start("reaper")
    panel.start("dispatcher")
    panel.start("worker", "--concurrency", "2")
    panel.start("worker", "--concurrency", "2")
    panel.start("worker", "--poll")
    attempts = [queue("test.once", lines=0) for _ in range(12)]
    assert {wait_for(attempt).status for attempt in attempts} == {"SUCCEEDED"}
    begun = [line for line in journal(str(world)) if line.startswith("begin")]
    assert sorted(begun) == sorted(f"begin {attempt.pk}" for attempt in attempts)


def test_without_redis_attempts_go_on_and_queued_ones_wait(panel: Panel, queue: Queue, world: Path) -> None:
    """The dispatcher finds what no message told of, once Redis is back."""
    panel.start("reaper")
    panel.start("dispatcher")
    panel.start("worker", "--concurrency", "2", "--cancel-on-stop")
    running = queue("test.once", do="sleep", seconds=3)
    wait_for(running, "RUNNING")
    assert servers.VALKEY.process
    os.kill(servers.VALKEY.process.pid, signal.SIGSTOP)  # frozen: worse than gone
    try:
        waiting = queue("test.pure")
        assert wait_for(running).status == "SUCCEEDED"
        assert wait_until(lambda: running.lines.count() == 3)
        assert Attempt.objects.get(pk=waiting.pk).status == "QUEUED"
    finally:
        os.kill(servers.VALKEY.process.pid, signal.SIGCONT)
    assert wait_for(waiting).status == "SUCCEEDED"


def test_the_glass_can_be_broken_without_redis(panel: Panel, queue: Queue) -> None:
    panel.start("worker", "--poll", REDIS_URL="unix:///nowhere/valkey.sock?db=0")
    assert wait_for(queue("test.once")).status == "SUCCEEDED"


def test_the_glass_broken_also_finds_what_was_lost(panel: Panel, queue: Queue) -> None:
    panel.start("worker", "--poll", times=FAST, REDIS_URL="unix:///nowhere/valkey.sock?db=0")
    attempt = running(queue("test.pure", do="sleep", seconds=60, sees="NOT_DONE"))
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    assert wait_for(attempt, "RECONCILED", seconds=30).reconciliation == "NOT_DONE"
