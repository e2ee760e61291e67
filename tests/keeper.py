"""Ends what a run of tests started and removes its folder, however the run ends: also when it is killed.

The run holds a pipe to this process, which has a session of its own and ignores what is sent to end the run.
It wakes when the pipe ends, or when it has another parent: a process that the run forked may hold the pipe.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import MutableMapping
from pathlib import Path

from tests.belongings import Belongings

KEEP = b"keep"  # what the run writes when somebody wants to look at its folder
#: In the environment of what a run starts: its folder, after those of the runs that it is part of.
MARK = "CUTOVER_TEST_RUNS"
LOOK = 2.0  # seconds between two looks at what the run has started
GRACE = 2.0  # seconds to end by itself
PROJECT = Path(__file__).parents[1]


class Keeper:
    """The run's side of the pipe."""

    def __init__(self, folder: Path) -> None:
        self.owner = os.getpid()
        command = [sys.executable, "-S", "-E", "-m", "tests.keeper", str(folder), str(self.owner)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT, start_new_session=True
        )

    def finish(self, *, keep: bool = False) -> list[str]:
        """Returns when nothing runs any more: pid and command of what the run had left running."""
        if os.getpid() != self.owner:  # in what the run forked
            return []
        return self.process.communicate(KEEP if keep else b"")[0].decode(errors="replace").splitlines()


def mark(environment: MutableMapping[str, str], folder: Path) -> None:
    """Adds the folder to an environment; what gets this environment belongs to the run."""
    around = environment.get(MARK, "")
    environment[MARK] = f"{around}:{folder}".removeprefix(":")


def _wait_for_the_end(run: Belongings) -> bytes:
    """Returns when the run has ended: the last that it wrote."""
    pipe, said = select.poll(), b""
    pipe.register(0, select.POLLIN)
    while os.getppid() == run.owner:
        run.look()
        if pipe.poll(LOOK * 1000):
            more = os.read(0, 4096)
            if not more:
                break
            said += more
    return said


def remove(folder: str) -> None:
    """Deletes the folder, and first takes off the disks that were mounted in it."""
    disks = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for disk in reversed(disks):
        if disk.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", disk], capture_output=True, check=False)
    until = time.monotonic() + 5
    while Path(folder).exists() and time.monotonic() < until:  # something may still write
        shutil.rmtree(folder, ignore_errors=True)


def main(folder: str, owner: int) -> None:
    """Waits for the end of the run, then clears up after it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    run = Belongings([folder], owner, str(Path("/proc/self/fd/0").readlink()))
    said = _wait_for_the_end(run)
    left = run.end(GRACE)
    if said != KEEP:
        remove(folder)
    with contextlib.suppress(OSError):  # nobody reads it after a kill
        os.write(1, "".join(f"{line}\n" for line in left).encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
