"""Finds and ends the processes that a program started, also those that left its session."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ATTEMPT, RUN = "CUTOVER_ATTEMPT", "CUTOVER_PROGRAM"  # marks in the environment of all that we start


@dataclass(frozen=True)
class _Process:
    """One line of /proc. ``born`` (clock ticks since boot) tells a reused number from the old one."""

    pid: int
    parent: int
    session: int
    born: int
    marks: frozenset[bytes]

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to exactly this process; nothing happens when it is gone."""
        try:
            fd = os.pidfd_open(self.pid)
        except OSError:
            return
        try:
            now = _process(self.pid)
            if now is not None and now.born == self.born:
                signal.pidfd_send_signal(fd, number)
        except (ProcessLookupError, PermissionError):
            pass
        finally:
            os.close(fd)


def _process(pid: int) -> _Process | None:
    """The process of that number, None when it is gone, a zombie, or not ours to read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        if stat[0] in "ZX":
            return None
        try:
            block = Path(f"/proc/{pid}/environ").read_bytes()
        except PermissionError:
            block = b""
    except (OSError, IndexError):
        return None
    wanted = (ATTEMPT.encode() + b"=", RUN.encode() + b"=")
    marks = frozenset(entry for entry in block.split(b"\0") if entry.startswith(wanted))
    return _Process(pid, int(stat[1]), int(stat[3]), int(stat[19]), marks)


def _processes() -> dict[int, _Process]:
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {pid: process for pid in numbers if (process := _process(pid)) is not None}


def _lineage(pid: int, among: Mapping[int, _Process]) -> Iterator[int]:
    """The process itself and its ancestors."""
    while pid in among:
        yield pid
        pid = among[pid].parent


class Tree:
    """A program and everything that it started, found by descent, by session and by the mark."""

    def __init__(self, mark: str) -> None:
        self.mark = f"{RUN}={mark}".encode()
        self.process: subprocess.Popen[bytes] | None = None

    def alive(self) -> list[_Process]:
        root = self.process.pid if self.process else -1
        every = _processes()
        spared = set(_lineage(os.getpid(), every))
        return [
            p
            for p in every.values()
            if p.pid not in spared
            and (self.mark in p.marks or p.session == root or root in _lineage(p.pid, every))
        ]

    def end(self, grace: float) -> int:
        """Asks all of them to end, kills what is there after ``grace`` seconds; how many were found."""
        found = self.alive()
        try:
            if grace and found:
                _end(self.alive, signal.SIGTERM, grace)
        finally:
            _end(self.alive, signal.SIGKILL, 10.0)
            if self.process is not None:
                self.process.wait(timeout=10.0)
        return len(found)


def _end(alive: Callable[[], list[_Process]], number: signal.Signals, seconds: float) -> None:
    """Signals until none is left or the seconds are over. SIGTERM is sent once to each process:
    a second one tells some programs to leave without cleaning up."""
    told: set[tuple[int, int]] = set()
    until = time.monotonic() + seconds
    while (left := alive()) and time.monotonic() < until:
        for process in left:
            if number is signal.SIGKILL or (process.pid, process.born) not in told:
                process.signal(number)
                told.add((process.pid, process.born))
        time.sleep(0.02 if number is signal.SIGKILL else 0.05)


def _marked(attempt: str) -> list[_Process]:
    mark = f"{ATTEMPT}={attempt}".encode()
    every = _processes()
    spared = set(_lineage(os.getpid(), every))
    return [p for p in every.values() if attempt and mark in p.marks and p.pid not in spared]


def leftovers(attempt: str) -> list[int]:
    """Numbers of the processes on this host that an attempt's programs left; never ourselves."""
    return sorted(process.pid for process in _marked(attempt))


def kill_leftovers(attempt: str, *, grace: float = 0.0) -> list[int]:
    """Ends what an attempt left on this host and gives the numbers that are *still* there.

    An empty answer is proof of death on this host: nothing that the attempt started runs here.
    """
    try:
        if grace:
            _end(lambda: _marked(attempt), signal.SIGTERM, grace)
    finally:
        _end(lambda: _marked(attempt), signal.SIGKILL, 10.0)
    return leftovers(attempt)
