"""A guard that lost its claim ends what is its own, and nothing of the guard that runs the attempt by now."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from checklists.executor.process import cgroup, tree
from integrations import processes
from integrations.processes import ATTEMPT

#: Takes the name of a guard, or another one, starts a program with the attempt's mark, and waits.
PARENT = """
import ctypes, os, subprocess, sys, time
ctypes.CDLL(None).prctl(15, sys.argv[1].encode())  # PR_SET_NAME
words = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
program = subprocess.Popen(words, env={**os.environ, sys.argv[2]: sys.argv[3]})
print(program.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def attempt() -> Iterator[str]:
    """An attempt of which nothing is left after the test."""
    name = str(uuid.uuid4())
    yield name
    processes.kill_leftovers(name)


@pytest.fixture
def parents() -> Iterator[list[subprocess.Popen[str]]]:
    """The processes that `start` has started; ended after the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def start(parents: list[subprocess.Popen[str]], name: str, attempt: str) -> int:
    """A process of that name starts a program; the program's pid."""
    words = [sys.executable, "-S", "-c", PARENT, name, ATTEMPT, attempt]
    parents.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
    output = parents[-1].stdout
    assert output is not None
    return int(output.readline())


def has_ended(pid: int) -> bool:
    return not processes.start_ticks(pid)


def test_the_program_of_another_guard_is_left_alone(
    attempt: str, parents: list[subprocess.Popen[str]]
) -> None:
    program, orphan = (start(parents, name, attempt) for name in (tree.GUARD, "no-guard"))
    # Not `tree.kill_everything`, which ends the descendants of the test, too.
    assert processes.kill_leftovers(attempt, spare_below=tree.GUARD) == []
    assert has_ended(orphan)
    assert not has_ended(program)
    assert processes.kill_leftovers(attempt) == []  # proof of death spares nobody
    assert has_ended(program)


def test_only_own_and_abandoned_cgroups_are_ended(
    attempt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = os.getppid()
    names = {
        "own": f"{attempt}.{os.getpid()}.{processes.start_ticks(os.getpid())}",
        "another guard's": f"{attempt}.{other}.{processes.start_ticks(other)}",
        "abandoned": f"{attempt}.{other}.1",
    }
    for name in names.values():
        (tmp_path / name).mkdir()
    ended: list[str] = []
    monkeypatch.setattr(cgroup, "attempts_folder", lambda: tmp_path)
    monkeypatch.setattr(cgroup, "_end", lambda path: ended.append(path.name))
    cgroup.end_own(attempt)
    assert sorted(ended) == sorted([names["own"], names["abandoned"]])
    ended.clear()
    cgroup.end_attempt(attempt)
    assert sorted(ended) == sorted(names.values())
