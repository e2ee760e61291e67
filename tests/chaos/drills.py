"""Directed faults: for each guard the one sequence that it is there for.

A control run (``--without GUARD``) goes through the drill of its guard and must find a violation; with the
guard in place the same drill must find none.
"""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.contrib.auth.models import User
from django.db import transaction
from psutil import Process

from checklists import services
from checklists.board import Board
from checklists.models import Attempt, Cutover, Item
from checklists.states import LIVE, Decision
from integrations import processes as host_processes
from tests.chaos.faults import Faults
from tests.chaos.journal import Journal, now
from tests.chaos.people import Night, People, damage
from tests.chaos.processes import Processes, send
from tests.chaos.surroundings import Surroundings
from tests.chaos.visitors import Visitors

T = TypeVar("T")
STALE = 4.5  # seconds until a reaper that is frozen is not seen any more; see `surroundings.TIMES`
CUT_OFF = 13.0  # seconds for which a host is cut off: a lease, the limit of its guards, and some more
ENDED = ("SUCCEEDED", "FAILED", "ERRORED", "TIMED_OUT", "CANCELLED", "RECONCILED")


class DrillFailed(Exception):
    """The drill did not come to what it tries, so it shows nothing."""


@dataclass
class Scene:
    """A panel that is well, and what can be done to it. Main thread only."""

    around: Surroundings
    people: People
    panel: Processes
    faults: Faults
    visitors: Visitors

    def until(self, condition: Callable[[], T], what: str, timeout: float = 60) -> T:
        """The first true answer. Raises `DrillFailed`."""
        end = time.monotonic() + timeout
        while not (answer := condition()):
            if time.monotonic() > end:
                raise DrillFailed(f"{what} (waited {timeout:g} s)")
            self.panel.keep_running()
            time.sleep(0.02)
        return answer

    def pause(self, seconds: float) -> None:
        """Lets time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.panel.keep_running()
            time.sleep(0.05)

    def item(self, night: Night, key: str) -> Item:
        """An item of the night."""
        return Item.objects.current().select_related("cutover", "phase").get(cutover=night.cutover, key=key)

    def start(self, night: Night, key: str) -> Attempt:
        """Starts it, as Ama."""
        item = self.item(night, key)
        return self.people.start(item, item.attempts.count())

    def await_status(self, attempt: Attempt, *statuses: str, timeout: float = 150) -> Attempt:
        """The attempt once it has one of these."""
        rows = Attempt.objects.filter(pk=attempt.pk, status__in=statuses)
        self.until(rows.exists, f"{attempt} is never {' or '.join(statuses)}", timeout)
        return rows.get()

    def signed_night(self) -> Night:
        """A night whose gate has passed."""
        night = self.people.open_night(prisma=False)
        self.people.open.append(night)
        services.tick_item(item=self.item(night, "announce"), by=User.objects.get(username="ama"))
        self.await_status(self.start(night, "look"), "SUCCEEDED")
        for name, seat in (("efua", "technical"), ("kofi", "data")):
            view = Board.load(Cutover.objects.select_related("runbook").get(pk=night.cutover)).items["go"]
            assert view.gate is not None
            services.sign_gate(
                gate=view.item, by=User.objects.get(username=name), seat=seat, decision=Decision.GO,
                reason="", digest=view.gate.digest, nonce=uuid.uuid4(),
            )  # fmt: skip
        return night

    def await_settled(self, night: Night) -> None:
        """Waits until no attempt of the night is live."""
        rows = Attempt.objects.filter(cutover=night.cutover, status__in=LIVE)
        self.until(lambda: not rows.exists(), "something never ends", 90)

    def has_effect(self, attempt: Attempt) -> bool:
        """Whether the attempt's program says so."""
        effects = Journal.read(self.around.journal).all_of("effect")
        return any(line["attempt"] == str(attempt.pk) for line in effects)

    def has_started(self, attempt: Attempt) -> bool:
        """Whether the attempt's program says so."""
        starts = Journal.read(self.around.journal).all_of("start")
        return any(line["attempt"] == str(attempt.pk) for line in starts)


def _family(attempt: Attempt) -> list[Process]:
    """The guard of an attempt and everything below it, as this host sees it."""
    guard = int(attempt.owner["pid"])
    return [Process(guard), *host_processes.descendants(guard)]


def _hold_back(scene: Scene) -> Process:
    """Freezes the reaper until no effect may begin: attempts are claimed, and wait."""
    reaper = scene.panel.first_of("reaper")
    assert reaper is not None
    send(signal.SIGSTOP, reaper)
    scene.pause(STALE)
    return reaper


def fence(scene: Scene) -> None:
    """An executor that lost its claim before the effect wakes up while another one is at work on it."""
    night = scene.signed_night()
    reaper = _hold_back(scene)
    attempt = scene.await_status(scene.start(night, "once-c"), "CLAIMED")
    old = _family(attempt)
    send(signal.SIGSTOP, *old)
    send(signal.SIGCONT, reaper)
    scene.until(lambda: scene.has_effect(attempt), "nobody takes it after that")
    new = _family(Attempt.objects.get(pk=attempt.pk))
    send(signal.SIGSTOP, new[0])  # so that the old one is not hurried: it writes its outcome if it may
    send(signal.SIGCONT, *old)
    scene.pause(2.5)
    send(signal.SIGCONT, *new)
    scene.await_settled(night)
    _start_again_if_it_may(scene, night)


def _start_again_if_it_may(scene: Scene, night: Night) -> None:
    """What a person would do whom the panel tells that nothing was done."""
    view = Board.load(Cutover.objects.select_related("runbook").get(pk=night.cutover)).items["once-c"]
    if view.state in ("READY", "FAILED") and not view.blockers:
        scene.start(night, "once-c")
        scene.await_settled(night)


def epoch(scene: Scene) -> None:
    """A rollback is ordered between claim and effect, and its request to cancel gets lost."""
    night = scene.signed_night()
    reaper = _hold_back(scene)
    attempt = scene.await_status(scene.start(night, "once-c"), "CLAIMED")
    family = _family(attempt)
    send(signal.SIGSTOP, *family)
    with transaction.atomic():
        ama = User.objects.get(username="ama")
        services.order_rollback(cutover=Cutover.objects.get(pk=night.cutover), by=ama, reason="A drill.")
    # The database refuses to take a request back; its administrator loses this one.
    lost = "cancel_requested_at = NULL, cancel_requested_by_id = NULL"
    scene.around.execute(
        "SET session_replication_role = replica; "
        f"UPDATE checklists_attempt SET {lost} WHERE id = '{attempt.pk}'",
        "cutover",
    )
    night.rollback_at = now()
    send(signal.SIGCONT, reaper)
    scene.pause(0.7)
    send(signal.SIGCONT, *family)
    scene.await_settled(night)


def resource(scene: Scene) -> None:
    """Two items that use one resource are started at the same time."""
    night = scene.signed_night()
    for key in ("once-a", "once-b"):
        scene.start(night, key)
    scene.await_settled(night)


def live_attempt(scene: Scene) -> None:
    """Somebody with the application role's password queues an item again that is running."""
    night = scene.signed_night()
    attempt = scene.await_status(scene.start(night, "once-c"), "RUNNING")
    scene.faults.forgeries.forge_live_attempt()
    scene.await_status(attempt, *ENDED)
    scene.await_settled(night)


def proof_of_death(scene: Scene) -> None:
    """An executor is frozen before its effect, counts as lost, and wakes up after a second attempt."""
    night = scene.signed_night()
    attempt = scene.start(night, "once-c")
    scene.until(lambda: scene.has_started(attempt), "the program never starts")
    family = _family(Attempt.objects.get(pk=attempt.pk))
    send(signal.SIGSTOP, *family)
    scene.await_status(attempt, "RECONCILED")
    _start_again_if_it_may(scene, night)
    send(signal.SIGCONT, *reversed(family))
    scene.pause(3)


def append_only(scene: Scene) -> None:
    """The owner of the tables edits the record."""
    scene.signed_night()
    scene.faults.forgeries.forge_record()


def redactor(scene: Scene) -> None:
    """A program prints a secret, also encoded."""
    scene.signed_night()


def verification(scene: Scene) -> None:
    """A backup is damaged before it is verified."""
    night = scene.signed_night()
    taken = scene.await_status(scene.start(night, "backup"), "SUCCEEDED", timeout=90)
    damage(Path(taken.before["path"]))
    scene.await_status(scene.start(night, "verify"), *ENDED, timeout=90)


def self_stop(scene: Scene) -> None:
    """The host of an executor is cut off while its program runs, for longer than a lease."""
    night = scene.signed_night()
    attempt = scene.start(night, "once-c")
    scene.until(lambda: scene.has_started(attempt), "the program never starts")
    host = str(Attempt.objects.get(pk=attempt.pk).owner["host"])
    mend = scene.faults.network.partition(host if host in scene.panel.services else "worker-1")
    scene.pause(CUT_OFF)
    mend()
    scene.await_settled(night)


def declaration(scene: Scene) -> None:
    """A host disappears in the middle of an attempt, and two people declare it dead."""
    scene.panel.hold("worker-1")
    scene.until(lambda: scene.panel.first_of("worker-1") is None, "the other worker never stops")
    night = scene.signed_night()
    attempt = scene.start(night, "once-c")
    scene.until(lambda: scene.has_started(attempt), "the program never starts")
    scene.panel.release("worker-1")
    if scene.faults.network.lose_host() is None:
        raise DrillFailed("no host can disappear here: it needs a pid namespace")
    if str(attempt.pk) not in scene.faults.network.lost_attempts():
        raise DrillFailed("the attempt did not run on the host that disappeared")
    scene.await_status(attempt, "RECONCILED")
    _start_again_if_it_may(scene, night)


def same_form(scene: Scene) -> None:
    """A form to start is clicked twice, and sent again after its attempt has ended."""
    night = scene.signed_night()
    view = Board.load(Cutover.objects.select_related("runbook").get(pk=night.cutover)).items["again"]
    form = scene.visitors.fill_in_start(night, view)
    if form is None:
        raise DrillFailed("the page of the item has no form to start it")
    scene.visitors.send_twice(form)
    scene.await_settled(night)
    scene.visitors.send(form)
    scene.await_settled(night)


#: Drill → the services that it needs beside the usual ones.
BESIDES = {"declaration": ("worker-2",), "same-form": ("web",)}
DRILLS: dict[str, Callable[[Scene], None]] = {
    "fence": fence,
    "epoch": epoch,
    "resource": resource,
    "live-attempt": live_attempt,
    "proof-of-death": proof_of_death,
    "append-only": append_only,
    "redactor": redactor,
    "verification": verification,
    "self-stop": self_stop,
    "declaration": declaration,
    "same-form": same_form,
}
