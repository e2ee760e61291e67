"""The processes below this one, as /proc has them; ended one by one, each known by its number and birth."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A line of /proc; ``born`` (clock ticks since boot) tells a reused number from the old one."""

    pid: int
    parent: int
    born: int
    zombie: bool


def _read(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return Process(pid, int(stat[1]), int(stat[19]), stat[0] in "ZX")


def bury_orphans(known: Collection[int]) -> None:
    """Collects the ended processes that fell to us as subreaper; ``known`` ones have somebody who waits."""
    for process in descendants():
        if process.zombie and process.pid not in known:
            _collect(process)


def descendants(*, spared: Collection[int] = ()) -> list[Process]:
    """Everything that descends from this process, without ``spared`` and what descends from those."""
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    every = [process for pid in numbers if (process := _read(pid)) is not None]
    below: list[Process] = []
    parents = {os.getpid()}
    while parents:
        found = [p for p in every if p.parent in parents and p.pid not in spared]
        below += found
        parents = {p.pid for p in found}
    return below


def end_descendants(alive: Callable[[], list[Process]], grace: float = 5.0) -> int:
    """Asks them to end, kills those that are there after ``grace`` seconds, collects all; how many lived."""
    found = [p for p in alive() if not p.zombie]
    told: set[int] = set()
    until = time.monotonic() + grace
    while left := alive():
        late = time.monotonic() > until
        if time.monotonic() > until + 10:  # in the kernel's hands: nobody can do more
            break
        for process in left:
            if process.zombie:
                _collect(process)
            elif late or process.pid not in told:
                _signal(process, signal.SIGKILL if late else signal.SIGTERM)
                told.add(process.pid)
        time.sleep(0.05)
    return len(found)


def _collect(process: Process) -> None:
    if process.parent == os.getpid():
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


def _signal(process: Process, number: signal.Signals) -> None:
    """To exactly this process; nothing happens when it is gone."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        now = _read(process.pid)
        if now is not None and now.born == process.born:
            signal.pidfd_send_signal(fd, number)
    except (ProcessLookupError, PermissionError):
        pass
    finally:
        os.close(fd)
