"""Log lines survive the guard that had read them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings, settings
from django.db import transaction

from checklists.executor.writers import spool
from checklists.executor.writers.spool import Spool, append_lost_lines, remove_stale_spools
from checklists.models import Attempt
from checklists.models.audit import database_now
from tests.by_hand import by_hand
from tests.checklists.executor.conftest import FAST, Panel, found, running, wait_for_status
from tests.waiting import wait_for

TIMES_OF_THE_PANEL = f"{FAST},log=2"  # so that a killed guard has read lines that PostgreSQL does not hold
QUEUES_OF_THE_PANEL = "steps"
Queue = Callable[..., Attempt]


def test_no_line_is_lost_that_a_killed_guard_had_read(
    running_panel: Panel, queue: Queue, world: Path
) -> None:
    attempt = running(queue("test.once", do="count", lines=0))
    folder = Path(settings.CUTOVER_DATA) / "spool"
    wait_for(lambda: len((world / "counted").read_text().splitlines()) % 20 == 15)
    kept = next(folder.glob(f"{attempt.pk}.*"))
    assert kept.stat().st_mode & 0o777 == 0o600
    os.kill(attempt.owner["pid"], signal.SIGKILL)
    found(wait_for_status(attempt, "UNKNOWN"))
    own = (world / "counted").read_text().splitlines()
    lines = list(attempt.lines.order_by("number").values_list("number", "text"))
    told = [text for _, text in lines if text.startswith("count")]
    assert [number for number, _ in lines] == list(range(1, len(lines) + 1))
    assert told == own[: len(told)]
    assert len(own) - len(told) <= 1  # one may have been on its way between the two processes
    assert not kept.exists()


@pytest.fixture
def lost(queue: Queue, settings: LazySettings, tmp_path: Path) -> Attempt:
    """An UNKNOWN attempt whose guard had written two lines to PostgreSQL."""
    settings.CUTOVER_DATA = tmp_path
    attempt = queue("test.once")
    rows = Attempt.objects.filter(pk=attempt.pk)
    lease = database_now() + timedelta(minutes=5)  # the reaper of this module's panel leaves it alone
    with transaction.atomic(), by_hand():
        begun = {"effect_started_at": attempt.queued_at, "lease_expires_at": lease}
        rows.update(status="UNKNOWN", fence=7, log_next=3, **begun)
    return rows.get()


def test_only_what_follows_without_a_gap_is_appended(lost: Attempt) -> None:
    kept = Spool(lost.pk, 7)
    kept.add(2, ["two", "three", "four"])
    kept.add(6, ["six"])
    with kept.path.open("a") as file:
        file.write('[5, "to')  # torn by the death of its guard
    assert append_lost_lines(lost) == 2
    assert list(lost.lines.values_list("number", "text")) == [(3, "three"), (4, "four")]
    assert not kept.path.exists()
    assert append_lost_lines(lost) == 0


def test_lines_of_another_fence_are_not_appended(lost: Attempt) -> None:
    Spool(lost.pk, 6).add(3, ["of an earlier guard"])
    assert append_lost_lines(lost) == 0
    assert not lost.lines.exists()


def test_lines_of_an_attempt_that_is_not_lost_are_not_appended(queue: Queue, lost: Attempt) -> None:
    Spool(lost.pk, 7).add(3, ["three"])
    with transaction.atomic(), by_hand():
        Attempt.objects.filter(pk=lost.pk).update(status="RECONCILED", reconciliation="DONE")
    append_lost_lines(lost)
    assert not lost.lines.exists()


def test_files_of_ended_attempts_are_removed(lost: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    live, old = Spool(lost.pk, 7), Spool(lost.pk, 6)
    live.add(3, ["three"])
    old.add(3, ["three"])
    remove_stale_spools()
    assert old.path.exists()  # its guard may just be ending
    monkeypatch.setattr(spool, "STALE_AFTER", -1)
    time.sleep(0.01)
    remove_stale_spools()
    assert (live.path.exists(), old.path.exists()) == (True, False)


def test_a_disk_that_is_full_does_not_stop_the_attempt(lost: Attempt, settings: LazySettings) -> None:
    settings.CUTOVER_DATA = Path("/proc/nowhere")
    Spool(lost.pk, 7).add(1, ["one"])
