"""The promise of 30 seconds, with the timings of a production cutover; every other test shortens them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from checklists.models import Attempt
from tests.checklists.executor.conftest import Panel, found, wait_for_status

Queue = Callable[..., Attempt]


def test_a_lost_attempt_is_visible_within_thirty_seconds_with_production_timings(
    panel: Panel, queue: Queue
) -> None:
    panel.start("reaper", times="")
    panel.start("dispatcher", times="")
    panel.start("worker", times="")
    attempt = queue("test.once", do="sleep", seconds=120)
    wait_for_status(attempt, "RUNNING")
    killed = time.monotonic()
    os.kill(Attempt.objects.get(pk=attempt.pk).owner["pid"], signal.SIGKILL)
    wait_for_status(attempt, "UNKNOWN", timeout=60)
    assert time.monotonic() - killed <= 30  # the promise, not a benchmark
    assert found(attempt).finding["dead"]
