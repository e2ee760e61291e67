"""A worker without work does not look at every process of its host, and misses no orphan for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from checklists.executor.process.subreaper import FULL_ROUND, WORKER, Subreaper
from integrations import processes
from tests.waiting import wait_for


@contextmanager
def sleeping_child() -> Iterator[subprocess.Popen[bytes]]:
    """A child of this process that sleeps until the block ends."""
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def part() -> Iterator[int]:
    """A child that is a part of the panel."""
    with sleeping_child() as process:
        yield process.pid


@pytest.fixture
def subreaper(part: int) -> Subreaper:
    """One that has just looked; other children of the process that runs the tests count as its parts."""
    made = Subreaper({WORKER: lambda: 0}, cancel_on_stop=False)
    made.running = dict.fromkeys(processes.own_children() or (), WORKER)
    assert part in made.running
    made.looked_at = time.monotonic()
    return made


def test_with_its_own_parts_only_there_is_nothing_to_look_for(subreaper: Subreaper) -> None:
    assert not subreaper._may_have_orphans()


def test_a_child_that_is_no_part_is_looked_at_also_as_a_zombie(subreaper: Subreaper) -> None:
    with sleeping_child() as orphan:
        assert subreaper._may_have_orphans()
        orphan.kill()
        wait_for(lambda: psutil.Process(orphan.pid).status() == psutil.STATUS_ZOMBIE)
        assert subreaper._may_have_orphans(), "a zombie waits for us"
    assert not subreaper._may_have_orphans()


def test_now_and_then_it_looks_closely_whatever_the_kernel_lists(subreaper: Subreaper) -> None:
    subreaper.looked_at -= FULL_ROUND
    assert subreaper._may_have_orphans()


def test_without_a_list_of_the_kernel_it_looks_closely(
    subreaper: Subreaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "own_children", lambda: None)
    assert subreaper._may_have_orphans()
