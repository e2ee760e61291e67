"""Which processes can prove that an executor is dead: those of its own pid namespace, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connections

from checklists import services
from checklists.executor.probe import _store_finding
from checklists.executor.process import container_lock
from checklists.executor.process.container_lock import has_container_ended, hold_container_lock
from checklists.executor.process.identity import identity, is_alive, place_key
from checklists.executor.process.proof_of_death import prove_death
from checklists.models import Attempt
from checklists.models.audit import database_now
from checklists.states import AttemptStatus
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover, person
from tests.namespaces import Namespaced


@pytest.fixture
def living() -> Iterator[dict[str, Any]]:
    """The identity of a process that runs until the test is over."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield identity(process.pid)
    process.kill()
    process.wait()


@pytest.fixture
def apart(transactional_db: None) -> Iterator[Callable[..., Namespaced]]:
    """Runs something as the first process of a new pid namespace; all are gone after the test."""
    started: list[Namespaced] = []

    def run(work: Callable[[], Any], **options: str) -> Namespaced:
        connections.close_all()  # two processes cannot share one connection
        started.append(Namespaced(work, **options))
        return started[-1]

    yield run
    for one in started:
        if is_alive(identity(one.pid)):
            one.kill()


def proof(owner: dict[str, Any]) -> str:
    return prove_death(Attempt(owner=owner), seconds=1)


def test_in_the_same_namespace_the_executor_is_killed_and_its_death_proven(living: dict[str, Any]) -> None:
    assert "are gone" in proof(living)
    os.waitpid(living["pid"], os.WNOHANG)
    assert not is_alive(living)


def test_another_pid_namespace_of_the_same_host_name_proves_nothing(
    living: dict[str, Any], apart: Callable[..., Namespaced]
) -> None:
    """Containers may share a host name (`network_mode: host`, `hostname:`)."""
    seen = apart(lambda: [proof(living), identity()["host"] == living["host"]])
    assert seen.answer == ["", True]
    assert is_alive(living)


@pytest.mark.parametrize("name", ["host", "boot", "space", "init"])
@pytest.mark.django_db
def test_another_host_boot_or_namespace_proves_nothing(living: dict[str, Any], name: str) -> None:
    assert proof({**living, name: "another"}) == ""
    assert proof({key: value for key, value in living.items() if key != name}) == ""
    assert is_alive(living)


def test_a_namespace_that_reuses_the_number_of_an_ended_one_is_another_place(living: dict[str, Any]) -> None:
    later = {**living, "init": str(int(living["init"]) + 1)}
    assert place_key(later) not in ("", place_key(living))


def test_only_the_end_of_a_whole_container_is_seen_from_another(
    apart: Callable[..., Namespaced], settings: LazySettings, tmp_path: Path
) -> None:
    settings.CUTOVER_DATA = tmp_path

    def worker() -> dict[str, Any]:
        hold_container_lock()
        return {**identity(), "container": container_lock.is_container_locked()}

    container = apart(worker, hostname="worker-1")
    owner = container.answer
    assert (owner["host"], owner["pid"], owner["container"]) == ("worker-1", 1, True)
    assert proof(owner) == ""
    container.kill()
    assert "has ended" in proof(owner)
    assert proof({**owner, "boot": "another kernel"}) == ""
    assert proof({**owner, "container": False}) == ""
    next((tmp_path / "containers").iterdir()).unlink()
    assert proof(owner) == ""  # a missing lock is not a free one


def test_a_process_that_is_not_the_first_of_its_container_takes_no_lock(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.CUTOVER_DATA = tmp_path
    hold_container_lock()
    assert not container_lock.is_container_locked()
    assert not has_container_ended(place_key(identity()))
    assert not has_container_ended("")


def test_what_a_container_forked_holds_its_lock(
    apart: Callable[..., Namespaced], settings: LazySettings, tmp_path: Path
) -> None:
    settings.CUTOVER_DATA = tmp_path

    def worker() -> dict[str, Any]:
        hold_container_lock()
        if os.fork() == 0:
            signal.pause()
        return identity()

    container = apart(worker)
    assert not has_container_ended(place_key(container.answer))
    container.kill()
    assert has_container_ended(place_key(container.answer))


@pytest.mark.django_db
def test_a_host_that_two_people_declared_dead_counts_as_dead_until_it_is_heard_of_again() -> None:
    cutover = make_cutover("signed")
    owner, ago = {**identity(), "host": "worker-7", "pid": 4711}, timedelta(minutes=2)
    attempt = ended(cutover, "change-it", AttemptStatus.UNKNOWN, owner=owner, ago=ago, effect="AT_MOST_ONCE")
    asked = services.declare_host_dead(cutover=cutover, host="worker-7", reason="Off.", by=person("ama"))
    assert prove_death(attempt) == ""
    services.confirm_change(request=asked, by=person("kofi"))
    assert prove_death(attempt).startswith("ama and kofi declared the host worker-7 dead")
    attempt.heartbeat_at = database_now()
    assert prove_death(attempt) == ""


@pytest.mark.usefixtures("known_actions")
def test_a_probe_that_began_before_the_proof_does_not_replace_a_later_one(
    queue: Callable[..., Attempt],
) -> None:
    attempt = queue("test.once", sees="NOT_DONE")
    proven = {"seen": "DONE", "saw": "it", "facts": {}, "dead": "gone", "at": "2026-01-01T00:00:00+00:00"}
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(
            status="UNKNOWN", effect_started_at=attempt.queued_at, finding=proven
        )
    before = Attempt.objects.select_related("cutover", "item").get(pk=attempt.pk)
    _store_finding(before, {**proven, "seen": "NOT_DONE", "dead": ""})
    assert Attempt.objects.get(pk=attempt.pk).finding == proven
    _store_finding(before, {**proven, "seen": "PARTIAL"})
    assert Attempt.objects.get(pk=attempt.pk).finding["seen"] == "PARTIAL"
