"""What an attempt started does not outlive its guard, not even what escaped from its parent and session."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from checklists.executor.process import containment
from checklists.executor.process.containment import SECONDS, Containment
from checklists.models import Attempt, ServiceBeat
from tests.checklists.executor.conftest import FAST, Panel, found, wait_for_status
from tests.waiting import wait_for

Queue = Callable[..., Attempt]
TIMES_OF_THE_PANEL = FAST


class Escaped:
    """The process that left everything behind; its journal is an independent witness of how long it lived."""

    def __init__(self, world: Path, attempt: Attempt) -> None:
        self.journal = world / f"escaped-{attempt.pk}"
        wait_for(lambda: self.journal.exists() and self.journal.stat().st_size, message="it never escaped")

    def lived_after(self, moment: float) -> float:
        """Seconds from that moment of the monotonic clock until it wrote its last line."""
        wait_for(lambda: time.time() - self.journal.stat().st_mtime > 1.5, message="it still lives")
        return float(self.journal.read_text().splitlines()[-1]) - moment


@pytest.mark.usefixtures("watchers")
@pytest.mark.parametrize("mechanism", list(Containment))
def test_a_program_that_escaped_ends_soon_after_its_guard(
    panel: Panel, queue: Queue, world: Path, mechanism: Containment
) -> None:
    panel.start("worker", "--queues", "steps", times=FAST, CUTOVER_CONTAINMENT=mechanism)
    panel.start("dispatcher")
    killed, frozen = (queue("test.once", do="escape", seconds=60) for _ in range(2))
    witnesses = [Escaped(world, attempt) for attempt in (killed, frozen)]
    killed, frozen = (wait_for_status(attempt, "RUNNING") for attempt in (killed, frozen))
    os.kill(killed.owner["pid"], signal.SIGKILL)
    at = time.monotonic()
    assert witnesses[0].lived_after(at) <= SECONDS[mechanism]
    os.kill(frozen.owner["pid"], signal.SIGSTOP)
    wait_for_status(frozen, "UNKNOWN")
    at = time.monotonic()  # a frozen guard is not known to be lost before that
    assert witnesses[1].lived_after(at) <= SECONDS[mechanism]
    assert "are gone" in found(frozen).finding["dead"]
    assert ServiceBeat.objects.filter(name="local prober", instance__endswith=f":{mechanism}").exists()


def test_the_best_permitted_mechanism_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containment, "_chosen", [Containment.SUBREAPER])
    monkeypatch.setattr(containment.cgroup, "is_available", lambda: False)
    monkeypatch.setattr(containment.pid_namespace, "is_available", lambda: False)
    assert containment.choose_containment() == Containment.SUBREAPER
    monkeypatch.setenv("CUTOVER_CONTAINMENT", "cgroup")
    with pytest.raises(ValueError, match="may not use here"):
        containment.choose_containment()
    monkeypatch.setenv("CUTOVER_CONTAINMENT", "none")
    with pytest.raises(ValueError, match="may be auto, cgroup, namespace, subreaper"):
        containment.choose_containment()
