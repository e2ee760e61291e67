"""Nothing outlives a run that is killed, and nothing of another run is ended with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from cutover.data_folder import PROJECT
from tests.belongings import processes_of
from tests.waiting import wait_for

#: Servers as a run of chaos starts them, and a program that went away from its session.
CHAOS = """
import os, subprocess, sys, time
from tests.chaos.surroundings import Surroundings
around = Surroundings(with_prisma=False)
around.start()
environment = {**os.environ, "CUTOVER_DATA": str(around.data)}
subprocess.Popen(["setsid", "sh", "-c", "trap '' TERM; sleep 600; true"], env=environment)
print(around.folder, flush=True)
time.sleep(600)
"""


def test_nothing_outlives_a_run_of_chaos_that_is_killed() -> None:
    run = subprocess.Popen([sys.executable, "-c", CHAOS], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        folder = run.stdout.readline().strip()
    assert len(processes_of(folder)) >= 4  # PostgreSQL, Valkey, the name server, the program
    run.kill()
    run.wait()
    wait_for(lambda: not processes_of(folder) and not Path(folder).exists())


@dataclass
class Told:
    """What a test of `tests/killed_run.py` told: its run, its keeper, and what it started."""

    folder: Path
    run: psutil.Process
    keeper: psutil.Process
    started: list[psutil.Process]

    @classmethod
    def read(cls, file: Path) -> Told:
        wait_for(file.exists, timeout=240)
        told = json.loads(file.read_text())
        started = [psutil.Process(pid) for pid in told["pids"]]
        return cls(Path(told["folder"]), psutil.Process(told["run"]), psutil.Process(told["keeper"]), started)

    def left(self) -> list[str]:
        """What is still there of it."""
        living = [process for process in [self.keeper, *self.started] if is_alive(process)]
        return [str(process) for process in living] + [str(self.folder)] * self.folder.exists()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def pytest_run(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """pytest in a process of its own, which is none of an outer run with several processes."""
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", f"--basetemp={folder}/files", *arguments],
            cwd=PROJECT,
            env={**environment, "KILLED_RUN": str(folder)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        print((folder / "output").read_text())


def gone(told: Told) -> Callable[[], bool]:
    return lambda: not told.left()


@pytest.mark.timeout(600)
def test_nothing_outlives_a_run_of_the_suite_that_is_killed(tmp_path: Path) -> None:
    with pytest_run(tmp_path, "tests/killed_run.py::test_that_is_killed") as run:
        told = Told.read(tmp_path / "alone")
        assert all(map(is_alive, told.started))
        assert told.run.pid == run.pid
        os.killpg(run.pid, signal.SIGINT)  # what Ctrl-C sends does not reach the keeper …
        told.keeper.terminate()  # … and this does not end it
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        wait_for(gone(told), message=told.left)


@pytest.mark.timeout(600)
def test_a_worker_that_is_killed_takes_only_its_own_things_along(tmp_path: Path) -> None:
    words = ["--numprocesses", "2", "tests/killed_run.py", "-k", "of_a_worker"]
    with pytest_run(tmp_path, *words) as run:
        first, second = Told.read(tmp_path / "gw0"), Told.read(tmp_path / "gw1")
        first.run.kill()
        wait_for(gone(first), message=first.left)
        assert all(map(is_alive, [second.run, second.keeper, *second.started]))
        assert second.folder.exists()
        run.terminate()  # the run as a whole, with the signal that pytest does not catch
        run.wait()
        wait_for(gone(second), message=second.left)
        assert not is_alive(second.run)
