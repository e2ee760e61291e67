"""A guard dies at each step of an attempt that may run at most once: at most one effect, and an honest state.

The journal is outside of the panel. The guard is a process of its own and ends there without another word;
everything after that is what a panel does by itself, however often it is told to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from checklists import services
from checklists.executor import guard, record_heartbeat
from checklists.executor.guard import Guard
from checklists.executor.launch import run_attempt
from checklists.executor.probe import probe_attempt
from checklists.executor.reaper import release_lost_attempt
from checklists.models import Attempt, AuditEntry, Cutover, Member
from checklists.states import AttemptStatus, Reconciliation
from integrations.actions import ProbeStatus
from tests.by_hand import by_hand
from tests.checklists.executor.actions import journal
from tests.waiting import wait_for

Queue = Callable[..., Attempt]


def die() -> None:
    """As by SIGKILL, which the first process of a namespace cannot send to itself: nothing is cleaned up."""
    os._exit(137)


@dataclass(frozen=True)
class Step:
    """Where the guard dies: before or after a function. ``status``: what the panel makes of it; ``effects``:
    how many there are by then; ``seen``: what the probe finds of an unknown one."""

    name: str
    place: Any
    function: str
    after: bool
    status: AttemptStatus
    effects: int
    seen: str = ""

    def __str__(self) -> str:
        return self.name


UNKNOWN, QUEUED, SUCCEEDED = AttemptStatus.UNKNOWN, AttemptStatus.QUEUED, AttemptStatus.SUCCEEDED
STEPS = (
    Step("claimed", Guard, "run", False, QUEUED, 0),
    Step("prepared", guard, "begin_effect", False, QUEUED, 0),
    Step("beginning committed", guard, "begin_effect", True, UNKNOWN, 0, ProbeStatus.NOT_DONE),
    Step("start permitted", guard, "permit_start", True, UNKNOWN, 1, ProbeStatus.PARTIAL),
    Step("program ended", Guard, "_finish", False, UNKNOWN, 1, ProbeStatus.DONE),
    Step("log written", guard, "finish_attempt", False, UNKNOWN, 1, ProbeStatus.DONE),
    Step("outcome committed", guard, "finish_attempt", True, SUCCEEDED, 1),
)


def deliver(attempt: Attempt) -> None:
    """The message comes three times, as a broker may do; a round of reaper and prober in between."""
    for _ in range(3):
        record_heartbeat("reaper")
        run_attempt(str(attempt.pk))
        with transaction.atomic(), by_hand():  # the lease runs out
            leased = Attempt.objects.filter(pk=attempt.pk).leased()
            leased.update(lease_expires_at=attempt.queued_at)
        release_lost_attempt(attempt.pk)
        if Attempt.objects.filter(pk=attempt.pk, status=UNKNOWN).exists():
            probe_attempt(str(attempt.pk))


def effects(world: Path) -> int:
    """How often the action began."""
    return sum(line.startswith("begin ") for line in journal(str(world)))


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_an_effect_happens_once_at_most_wherever_the_guard_dies(
    step: Step,
    queue: Queue,
    cutover: Cutover,
    world: Path,
    known_actions: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lasts = step.seen == ProbeStatus.PARTIAL
    attempt = queue("test.once", do="sleep" if lasts else "succeed", seconds=30 if lasts else 0)
    real = getattr(step.place, step.function)

    def dies(*given: Any, **more: Any) -> Any:
        if step.after:
            real(*given, **more)
            wait_for(lambda: effects(world) == step.effects)
        die()

    record_heartbeat("reaper")
    with monkeypatch.context() as patch:
        patch.setattr(step.place, step.function, dies)
        run_attempt(str(attempt.pk))
    assert effects(world) == step.effects
    deliver(attempt)
    attempt.refresh_from_db()
    assert attempt.status == (SUCCEEDED if step.status == QUEUED else step.status), attempt.summary
    assert effects(world) == (1 if step.status == QUEUED else step.effects)
    kinds = list(AuditEntry.objects.values_list("kind", flat=True))
    assert kinds.count("attempt.requeued") == (step.status == QUEUED)
    assert kinds.count("attempt.lost") == (step.status == UNKNOWN)
    if step.status == UNKNOWN:
        assert (attempt.finding["seen"], bool(attempt.finding["dead"])) == (step.seen, True)
        reconcile(attempt)
        assert effects(world) == step.effects


def reconcile(attempt: Attempt) -> None:
    """A person can decide on the finding, and messages that come after that start nothing."""
    lead = User.objects.create_user("lead")
    with by_hand():
        Member.objects.create(cutover=attempt.cutover, person=lead, part="LEAD")
    found = Reconciliation(attempt.finding["seen"])
    services.reconcile_attempt(attempt=attempt, by=lead, found=found, note="I looked at the journal.")
    deliver(attempt)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.RECONCILED
