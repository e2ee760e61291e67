"""Nothing of an attempt starts after the order of a rollback was committed, not even its next program."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from checklists.executor.begin_effect import hold_off_rollback
from checklists.models import Attempt, Cutover
from integrations import program_start
from tests.by_hand import by_hand
from tests.checklists.executor.conftest import FAST, Panel, wait_for_status
from tests.waiting import wait_for

Queue = Callable[..., Attempt]
TIMES_OF_THE_PANEL = FAST
QUEUES_OF_THE_PANEL = "steps"


def order_rollback(cutover: Cutover) -> float:
    """Only raises the epoch, under the lock, so that no cancel helps; gives the time before the commit."""
    with transaction.atomic():
        locked = Cutover.objects.select_for_update().get(pk=cutover.pk)
        locked.epoch += 1
        with by_hand():
            locked.save(update_fields=["epoch"])
        return time.monotonic()


def test_a_program_in_the_middle_of_an_attempt_does_not_start_after_a_rollback(
    running_panel: Panel, cutover: Cutover, queue: Queue, world: Path
) -> None:
    attempt = wait_for_status(queue("test.once", do="program_later"), "RUNNING")
    wait_for(lambda: (world / "journal").exists())
    order_rollback(cutover)
    (world / "go").touch()
    ended = wait_for_status(attempt, "CANCELLED", "UNKNOWN")
    assert "A rollback was ordered before its next start." in (ended.summary + ended.unknown_reason)
    assert not list(world.glob("program-*"))


def test_an_order_of_rollback_waits_while_something_starts(cutover: Cutover, queue: Queue) -> None:
    attempt = queue("test.once")
    with transaction.atomic(), by_hand():
        begun = {"fence": 7, "effect_started_at": attempt.queued_at}
        Attempt.objects.filter(pk=attempt.pk).update(status="RUNNING", **begun)
    attempt.refresh_from_db()
    refused: list[Exception] = []

    def order() -> None:
        try:
            with transaction.atomic():
                Cutover.objects.select_for_update(nowait=True).get(pk=cutover.pk)
        except OperationalError as error:
            refused.append(error)
        finally:
            connection.close()

    with hold_off_rollback(attempt) as permitted:
        assert permitted
        thread = threading.Thread(target=order)
        thread.start()
        thread.join()
    assert len(refused) == 1
    order_rollback(cutover)
    with hold_off_rollback(attempt) as permitted:
        assert not permitted


def test_a_program_runs_when_its_start_returns() -> None:
    """Otherwise the permission would cover only the lines that become the program."""
    process = program_start.start_program([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert "set_inheritable" not in Path(f"/proc/{process.pid}/cmdline").read_text()
    finally:
        process.kill()
        process.wait()


def test_a_program_that_may_not_start_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(program_start, "_permission", [refuse])
    with pytest.raises(RuntimeError):
        program_start.start_program(["/usr/bin/touch", str(tmp_path / "touched")])
    assert list(tmp_path.iterdir()) == []
