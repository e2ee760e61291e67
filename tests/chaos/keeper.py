"""Ends what a run of chaos started and removes its folder, however the run ends: also when it is killed.

The run holds a pipe to this process. At its end we end every process that has the run's folder in its command
or its environment: servers, workers, guards, and programs that escaped from them.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

KEEP = b"keep"  # what the run writes when somebody wants to look at its folder


class Keeper:
    """The run's side of the pipe."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.chaos.keeper", str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def finish(self, *, keep: bool) -> None:
        """Returns when nothing runs any more."""
        self.process.communicate(KEEP if keep else b"")


def processes_of(folder: str) -> list[psutil.Process]:
    """What runs for the run with this folder, without the one who asks."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = [*process.cmdline(), *process.environ().values()]
            if process.pid != psutil.Process().pid and any(folder in word for word in words):
                found.append(process)
    return found


def main(folder: str) -> None:
    """Waits for the end of the run, then clears up after it."""
    keep = sys.stdin.buffer.read() == KEEP
    until = time.monotonic() + 20
    while (left := processes_of(folder)) and time.monotonic() < until:
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.1)
    if keep:
        return
    for disk in [
        one.mountpoint for one in psutil.disk_partitions(all=True) if one.mountpoint.startswith(folder)
    ]:
        subprocess.run(["umount", "--lazy", disk], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
