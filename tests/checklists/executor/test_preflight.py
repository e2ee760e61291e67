"""Runs of the preflight in real workers: claimed once, ended when lost, queued by the schedule once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from checklists import executor, services
from checklists.executor.preflight_queue import end_lost_preflights, queue_scheduled_preflights
from checklists.executor.preflight_run import PreflightKeeper, RunLost, end_run
from checklists.executor.timings import TIMES
from checklists.models import AuditEntry, Cutover, GatePass, PreflightResult, PreflightRun
from checklists.models.audit import database_now
from integrations.preflight import check, registered_checks
from tests.by_hand import by_hand
from tests.checklists.executor.conftest import FAST, Panel
from tests.checklists.histories import make_cutover
from tests.checklists.sample_checks import KEY, says
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def known_check() -> Iterator[None]:
    """The tests' check in this process, too, and no other: a run takes no time."""
    from tests.checklists import sample_checks

    registered_checks()
    before = dict(check._CHECKS)
    check._CHECKS.clear()
    check._CHECKS[KEY] = check.Check(KEY, "The world is right", sample_checks.check_world, 60)
    yield
    check._CHECKS.clear()
    check._CHECKS.update(before)
    check._CHECKS.pop(KEY, None)


@pytest.fixture
def asked(cutover: Cutover, tmp_path: Path) -> Callable[..., PreflightRun]:
    """A function that says what the world is like, and asks for a run."""
    with by_hand():
        Cutover.objects.update(systems={"world": {"kind": "folder", "path": str(tmp_path)}})

    def ask(*, wake: bool = False, **verdicts: Any) -> PreflightRun:
        says(tmp_path, **verdicts)
        return services.request_preflight(cutover=cutover, by=None, wake=wake)

    return ask


Ask = Callable[..., PreflightRun]


def fresh(run: PreflightRun) -> PreflightRun:
    return PreflightRun.objects.get(pk=run.pk)


def ended(run: PreflightRun) -> PreflightRun:
    return wait_for(lambda: None if (now := fresh(run)).is_live else now)


def verdicts(run: PreflightRun) -> dict[str, str]:
    return dict(run.results.values_list("subject", "verdict"))


def test_a_run_in_a_process_of_its_own_stores_its_results_at_once(asked: Ask) -> None:
    run = asked(door="red", wall="green")
    executor.run_preflight(str(run.pk))
    run = fresh(run)
    assert (run.status, run.checks_done, run.checks_total) == ("DONE", 1, 1)
    assert run.owner["pid"] != os.getpid()
    assert verdicts(run) == {"door": "red", "wall": "green"}
    kinds = AuditEntry.objects.values_list("kind", flat=True)
    assert list(kinds) == ["preflight.asked", "preflight.ended"]


def test_an_ended_run_and_its_results_never_change(asked: Ask) -> None:
    run = asked(door="red")
    executor.run_preflight(str(run.pk))
    for change in (
        lambda: PreflightRun.objects.update(digest="x"),
        lambda: PreflightResult.objects.update(verdict="green"),
        lambda: PreflightResult.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_who_asks_while_one_is_under_way_gets_that_one(asked: Ask, cutover: Cutover) -> None:
    run = asked(door="red")
    assert services.request_preflight(cutover=cutover, by=None, wake=False) == run
    assert AuditEntry.objects.filter(kind="preflight.asked").count() == 1


def test_a_run_that_ended_is_not_run_again(asked: Ask) -> None:
    run = asked(door="red")
    executor.run_preflight(str(run.pk))
    at = fresh(run).ended_at
    executor.run_preflight(str(run.pk))
    executor.run_preflight("nonsense")
    assert fresh(run).ended_at == at


def test_a_run_over_its_deadline_is_ended_and_has_no_results(
    asked: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checklists.executor.preflight_run.TIMES", replace(TIMES, preflight=0.5))
    run = asked(door="green", sleep=50)
    executor.run_preflight(str(run.pk))
    run = fresh(run)
    assert (run.status, verdicts(run)) == ("FAILED", {})
    assert "was ended after 0.5 s" in run.note


def test_a_run_whose_process_is_killed_failed_and_has_no_results(asked: Ask, tmp_path: Path) -> None:
    run = asked(door="green", sleep=50)
    pid = executor.launch.launch_preflight(str(run.pk))
    assert pid
    wait_for((tmp_path / "pid").exists)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert "by signal 9" in fresh(run).note
    assert fresh(run).status == "FAILED"


def test_a_lost_run_is_ended_by_the_reaper_and_its_late_keeper_writes_nothing(asked: Ask) -> None:
    run = asked(door="green")
    ago = database_now() - timedelta(seconds=1)
    with by_hand():
        PreflightRun.objects.update(status="RUNNING", fence=7, started_at=ago, lease_expires_at=ago)
    with_old_fence = fresh(run)
    assert end_lost_preflights() == 1
    assert end_lost_preflights() == 0
    assert fresh(run).status == "LOST"
    assert AuditEntry.objects.filter(kind="preflight.lost").count() == 1
    with pytest.raises(RunLost):
        end_run(with_old_fence, [], "")
    with pytest.raises(RunLost):
        PreflightKeeper(with_old_fence)._renew()
    assert fresh(run).status == "LOST"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 1),
        ({"window_start": timedelta(hours=1), "window_end": timedelta(hours=2)}, 1),
        ({"window_start": timedelta(hours=-1), "window_end": timedelta(hours=2)}, 0),
        ({"direction": "ROLLBACK", "epoch": 2}, 0),
        ({"status": "COMPLETED", "closed_at": timedelta()}, 0),
    ],
)
def test_the_schedule_asks_for_each_open_cutover_until_its_window(
    cutover: Cutover, settings: Any, more: dict[str, Any], expected: int
) -> None:
    settings.CUTOVER_PREFLIGHT_MINUTES = 15
    now = database_now()
    with by_hand():
        Cutover.objects.update(**{k: now + v if isinstance(v, timedelta) else v for k, v in more.items()})
    assert len(queue_scheduled_preflights()) == expected
    assert queue_scheduled_preflights() == []


def test_the_schedule_asks_again_after_its_minutes_and_not_when_it_is_off(asked: Ask, settings: Any) -> None:
    settings.CUTOVER_PREFLIGHT_MINUTES = 15
    run = asked(door="green")
    executor.run_preflight(str(run.pk))
    assert queue_scheduled_preflights() == []
    with by_hand():
        PreflightRun.objects.update(requested_at=database_now() - timedelta(minutes=16))
    settings.CUTOVER_PREFLIGHT_MINUTES = 0
    assert queue_scheduled_preflights() == []
    settings.CUTOVER_PREFLIGHT_MINUTES = 15
    assert len(queue_scheduled_preflights()) == 1
    assert PreflightRun.objects.filter(source="SCHEDULE", status="QUEUED").count() == 1


def test_a_scheduled_run_is_not_begun_after_the_start_of_the_window(cutover: Cutover, settings: Any) -> None:
    settings.CUTOVER_PREFLIGHT_MINUTES = 15
    (run_id,) = queue_scheduled_preflights()
    now = database_now()
    with by_hand():
        Cutover.objects.update(window_start=now - timedelta(seconds=1), window_end=now + timedelta(hours=1))
    executor.run_preflight(run_id)
    run = PreflightRun.objects.get(pk=run_id)
    assert (run.status, run.started_at) == ("FAILED", None)


def test_workers_run_it_once_with_two_dispatchers_and_a_killed_worker_loses_it(
    asked: Ask, panel: Panel, tmp_path: Path
) -> None:
    says(tmp_path, door="amber", sleep=300)
    more = {"CUTOVER_PREFLIGHT_MINUTES": "15"}
    for name in ("dispatcher", "dispatcher", "reaper"):
        panel.start(name, times=FAST, **more)
    worker = panel.start("worker", "--concurrency", "2", times=FAST, **more)
    wait_for((tmp_path / "pid").exists)
    run = PreflightRun.objects.get()
    assert (run.source, run.status) == ("SCHEDULE", "RUNNING")
    os.killpg(worker.pid, signal.SIGKILL)
    os.kill(run.owner["pid"], signal.SIGKILL)
    assert ended(run).status == "LOST"
    asking = int((tmp_path / "pid").read_text())
    wait_for(lambda: not Path(f"/proc/{asking}").exists() or _is_zombie(asking))
    assert PreflightRun.objects.count() == 1


def _is_zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


@pytest.mark.django_db
def test_the_schedule_ends_when_the_pass_of_a_gate_was_used(settings: Any) -> None:
    settings.CUTOVER_PREFLIGHT_MINUTES = 15
    make_cutover("signed")
    with by_hand():
        GatePass.objects.update(used_at=database_now())
    assert queue_scheduled_preflights() == []
    not_begun = make_cutover("signed")
    assert queue_scheduled_preflights() == [str(PreflightRun.objects.get(cutover=not_begun).pk)]
