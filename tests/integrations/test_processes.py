"""Processes are told apart by pid and start time, found by descent, and ended through a pidfd."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from integrations import process_environment, processes
from tests.waiting import wait_for

SLEEP = "import time; time.sleep(600)"
PARENT = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)"
)
#: ignores SIGTERM, and starts another process when it is asked to end
STUBBORN = (
    "import signal, subprocess, sys, time\n"
    f"signal.signal(15, lambda *_: subprocess.Popen([sys.executable, '-c', {SLEEP!r}]))\n"
    "print('ready', flush=True)\n"
    "while True: time.sleep(600)"
)


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process, killed with all that it started when the block ends, also what outlived it."""
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_descendants_are_found_parents_first_and_can_be_left_out_with_all_below_them() -> None:
    with running(PARENT) as parent:
        grandchild = int(first_line(parent))
        assert [each.pid for each in processes.descendants(parent.pid)] == [grandchild]
        found = [each.pid for each in processes.descendants()]
        assert found.index(parent.pid) < found.index(grandchild)
        spared = {each.pid for each in processes.descendants(without={parent.pid})}
        assert spared.isdisjoint({parent.pid, grandchild})


def test_a_zombie_is_not_alive_and_has_no_start_time() -> None:
    with running("pass") as ended:
        process = psutil.Process(ended.pid)
        wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)
        assert not processes.is_alive(process)
        assert processes.start_ticks(ended.pid) == ""
        assert ended.pid not in {each.pid for each in processes.descendants()}


def test_our_zombies_are_collected_except_those_that_somebody_waits_for() -> None:
    ours, theirs = (os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}) for _ in "ab")
    for pid in (ours, theirs):
        wait_for(lambda pid=pid: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    processes.collect_zombies(without={theirs})
    assert not psutil.pid_exists(ours)
    assert os.waitpid(theirs, 0)[0] == theirs


def test_the_start_time_is_that_of_the_kernel_in_clock_ticks() -> None:
    """Rows of attempts that an earlier version claimed hold field 22 of /proc/PID/stat as it stands."""
    text = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[22 - 3]
    assert processes.start_ticks(os.getpid()) == text


def test_a_process_with_another_start_time_is_another_process() -> None:
    own = processes.start_ticks(os.getpid())
    found = processes.find_process(os.getpid(), own)
    assert found is not None
    assert found.pid == os.getpid()
    assert processes.find_process(os.getpid(), str(int(own) - 1)) is None
    assert processes.find_process(os.getpid(), "") is None


def test_a_signal_does_not_reach_a_process_that_took_over_the_pid() -> None:
    with running(SLEEP) as process:
        known = psutil.Process(process.pid)
        known._ident = (process.pid, 0.0)  # as if the pid had belonged to a process that started earlier
        processes.send_signal(known, signal.SIGKILL)
        time.sleep(0.2)
        assert process.poll() is None


@pytest.mark.parametrize("grace", [0.0, 0.3])
def test_what_is_started_while_it_is_being_ended_is_ended_too(grace: float) -> None:
    with running(STUBBORN) as stubborn:
        first_line(stubborn)

        def left() -> list[psutil.Process]:
            known = [each for each in processes.descendants() if each.pid == stubborn.pid]
            return [*known, *processes.descendants(stubborn.pid)]

        assert processes.end_processes(left, grace) == 1
        assert left() == []


def test_processes_are_killed_when_the_wait_for_them_is_broken_off() -> None:
    with running(STUBBORN) as stubborn:
        first_line(stubborn)
        process, calls = psutil.Process(stubborn.pid), [0]

        def left() -> list[psutil.Process]:
            calls[0] += 1
            if calls[0] == 3:
                raise InterruptedError
            return [process] if processes.is_alive(process) else []

        with pytest.raises(InterruptedError):
            processes.end_processes(left, grace=30)
        assert not processes.is_alive(process)


def test_the_kernels_list_of_our_children_has_the_living_and_the_zombies_and_no_grandchild() -> None:
    before = processes.own_children()
    assert before is not None
    with running(PARENT) as parent:
        grandchild = int(first_line(parent))
        zombie = os.fork()
        if zombie == 0:
            os._exit(0)
        wait_for(lambda: psutil.Process(zombie).status() == psutil.STATUS_ZOMBIE)
        now = processes.own_children()
        assert now is not None
        assert now - before == {parent.pid, zombie}
        assert grandchild not in now
        os.waitpid(zombie, 0)
        assert zombie not in (processes.own_children() or set())
    assert parent.pid not in (processes.own_children() or set())


def test_where_the_kernel_keeps_no_list_of_children_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, *given: (_ for _ in ()).throw(FileNotFoundError()))
    assert processes.own_children() is None


def test_a_program_has_its_mark_as_soon_as_its_start_was_reported() -> None:
    """The kernel reports `exec` before it has written the variables; most reads at once find none."""
    attempt = "just-started"
    environment = {**os.environ, processes.ATTEMPT: attempt}
    for _ in range(100):
        with subprocess.Popen(["/bin/sleep", "600"], env=environment) as program:
            try:
                assert process_environment.has_mark(program.pid, processes.ATTEMPT, attempt)
            finally:
                program.kill()


def test_a_program_that_was_given_no_variables_is_not_waited_for() -> None:
    began = time.monotonic()
    with subprocess.Popen(["/bin/sleep", "600"], env={}) as program:
        try:
            assert processes.find_leftovers("no such attempt") == []
        finally:
            program.kill()
    assert time.monotonic() - began < process_environment.EXEC_TIMEOUT
