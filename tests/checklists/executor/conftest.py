"""A cutover to run attempts in, and the panel's real processes to run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from checklists.models import Attempt, AuditEntry, AuditHead, Cutover, Item, Phase, Runbook
from checklists.models.audit import database_now
from integrations.actions import registry
from tests import servers
from tests.by_hand import by_hand
from tests.checklists.executor.actions import ACTIONS
from tests.waiting import wait_for

PROJECT = Path(__file__).parents[3]
# Looks often, yet a lease lasts as long as in a real night: a machine that stalls for seconds loses nothing.
BRISK = "reaper=0.3,poll=0.2,after_outage=0,look_again=1,wake_again=1"
# Soon lost, for the tests of what is lost.
FAST = f"{BRISK},heartbeat=0.5,lease=3,ask_to_stop=1.8,kill=2.6"


@pytest.fixture
def cutover(transactional_db: None) -> Cutover:
    """An open rehearsal with one phase."""
    with by_hand():  # nobody opened it, and its runbook has no text
        runbook = Runbook.objects.create(name="test", title="Test", sha256="0" * 64, text="")
        cutover = Cutover.objects.create(slug="night", title="Night", kind="REHEARSAL", runbook=runbook)
        Phase.objects.create(cutover=cutover, position=1, number="1", key="one", title="One")
    AuditHead.objects.create(cutover=cutover)
    return cutover


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The folder that test actions change."""
    return tmp_path


@pytest.fixture
def queue(cutover: Cutover, world: Path) -> Callable[..., Attempt]:
    """A function that makes an item with a queued attempt: ``queue("test.pure", do="sleep", seconds=5)``."""

    def make(
        action: str = "test.pure", *, deadline: float = 60, again: Item | None = None, **params: Any
    ) -> Attempt:
        params = {"world": str(world), "lines": 3, **params}
        return queued_attempt(cutover, action, params, deadline=deadline, item=again)

    return make


def queued_attempt(
    cutover: Cutover,
    action: str,
    params: dict[str, Any],
    *,
    deadline: float = 60,
    item: Item | None = None,
    **more: Any,
) -> Attempt:
    """An attempt as `services.start_attempt` would queue it."""
    phase = cutover.phases.get(direction=more.pop("direction", "FORWARD"))
    number = Item.objects.filter(cutover=cutover).count() + 1
    item = item or _new_item(cutover, phase, number, action=action, params=params, **more)
    starter, _ = User.objects.get_or_create(username="starter")
    with transaction.atomic():
        attempt = Attempt.objects.create(
            cutover=cutover,
            item=item,
            number=item.attempts.count() + 1,
            action=action,
            effect=ACTIONS[action].effect,
            params=params,
            resource=params.get("resource") or None,
            epoch=cutover.epoch,
            direction=phase.direction,
            requested_by=starter,
            deadline=timedelta(seconds=deadline),
            queued_at=database_now(),
        )
        AuditEntry.objects.append(cutover, "attempt.started", by=starter, attempt=attempt.pk)
    return attempt


def _new_item(cutover: Cutover, phase: Phase, number: int, **more: Any) -> Item:
    with by_hand():  # no runbook defines it
        return Item.objects.create(
            cutover=cutover,
            phase=phase,
            position=number,
            number=f"1.{number}",
            key=f"item-{number}",
            title="Play",
            kind="action",
            owner="lead",
            **more,
        )


@pytest.fixture
def known_actions() -> Iterator[None]:
    """The tests' actions in this process's registry too, for calling the executor directly."""
    registry().update(ACTIONS)
    yield
    for key in ACTIONS:
        del registry()[key]


@dataclass
class Panel:
    """Real processes of the panel on the test's database; all are gone after the test."""

    folder: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, times: str = BRISK, **more: str) -> subprocess.Popen[bytes]:
        """Starts a management command; its output goes to ``NAME.log``."""
        environment = {**self.environment, "CUTOVER_TIMES": times, **more}
        with (self.folder / f"{command[0]}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.checklists.executor.panel", *command],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def output(self) -> str:
        """What all of them wrote."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """Stops them in order; what does not stop is killed, with what it started."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def make_panel(folder: Path) -> Panel:
    """Starts nothing by itself; its processes use the database of the test."""
    url = servers.application_url(connection.settings_dict["NAME"])
    return Panel(folder, {**os.environ, "DATABASE_URL": url, "CUTOVER_DATA": str(settings.CUTOVER_DATA)})


@pytest.fixture
def panel(transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    """Starts nothing by itself: ``panel.start("worker")``."""
    panel = make_panel(tmp_path_factory.mktemp("panel"))
    yield panel
    panel.stop()
    print(panel.output())


@pytest.fixture(scope="module")
def watchers(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Panel]:
    """Reaper and dispatcher for all tests of a module, with the timings of its ``TIMES_OF_THE_PANEL``.

    They keep nothing between rounds, so tests can share them; each start of a process costs seconds.
    """
    panel = make_panel(tmp_path_factory.mktemp("watchers"))
    times = getattr(request.module, "TIMES_OF_THE_PANEL", BRISK)
    panel.start("reaper", times=times)
    panel.start("dispatcher", times=times)
    yield panel
    panel.stop()


@pytest.fixture(scope="module")
def lasting_panel(watchers: Panel, request: pytest.FixtureRequest) -> Panel:
    """Reaper, dispatcher and a Celery worker for all tests of a module; stopped with the watchers."""
    times = getattr(request.module, "TIMES_OF_THE_PANEL", BRISK)
    queues = getattr(request.module, "QUEUES_OF_THE_PANEL", "steps,probes,control")
    watchers.start("worker", "--queues", queues, "--concurrency", "3", "--cancel-on-stop", times=times)
    return watchers


@pytest.fixture
def running_panel(lasting_panel: Panel, transactional_db: None) -> Iterator[Panel]:
    """The lasting panel. No attempt is left running when the database is emptied after the test."""
    assert all(process.poll() is None for process in lasting_panel.processes), lasting_panel.output()
    yield lasting_panel
    for attempt in Attempt.objects.leased():
        os.kill(attempt.owner["pid"], signal.SIGKILL)
    wait_for(lambda: not Attempt.objects.leased().exists())
    print(lasting_panel.output()[-4000:])


ENDED = ("SUCCEEDED", "FAILED", "ERRORED", "TIMED_OUT", "CANCELLED", "UNKNOWN", "RECONCILED")


def wait_for_status(attempt: Attempt, *statuses: str, timeout: float = 90) -> Attempt:
    """The attempt once it has one of these statuses (by default: once nobody works on it any more)."""
    rows = Attempt.objects.select_related("item", "cutover").filter(pk=attempt.pk)
    return wait_for(
        lambda: rows.filter(status__in=statuses or ENDED).first(),
        timeout=timeout,
        message=lambda: rows.values("status", "summary", "unknown_reason").get(),
    )


def running(attempt: Attempt) -> Attempt:
    """The attempt once its effect is under way."""
    wait_for(lambda: attempt.lines.exists())
    return wait_for_status(attempt, "RUNNING")


def found(attempt: Attempt) -> Attempt:
    """The attempt once a probe has answered."""
    wait_for(lambda: Attempt.objects.get(pk=attempt.pk).finding)
    return Attempt.objects.get(pk=attempt.pk)
