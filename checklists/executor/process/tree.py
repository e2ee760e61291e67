"""Everything that a guard has below it, and the end of that."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import time
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from integrations import programs

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
_libc = ctypes.CDLL(None, use_errno=True)


def inherit_orphans() -> None:
    """Processes below us whose parent dies become our children instead of init's."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def call_ourselves(name: str) -> None:
    """The name that ``ps`` and ``/proc/PID/comm`` show (15 characters)."""
    _libc.prctl(PR_SET_NAME, name.encode())


def die_with(parent: int) -> None:
    """The kernel kills us when our parent dies, of whatever; we leave at once if it has died already."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(125)


def below(pid: int) -> list[int]:
    """Every living process that descends from this one, parents first."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    children[int(fields[1])].append(int(entry.name))
    found, waiting = list[int](), [pid]
    while waiting:
        waiting = [child for parent in waiting for child in children[parent]]
        found += waiting
    return found


def kill_below() -> None:
    """One SIGKILL to everything below us."""
    for pid in below(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def end_below(attempt: str, seconds: float = 10.0) -> list[int]:
    """Kills everything below us and all that carries the attempt's mark; gives what is *still* there.

    An empty answer is proof that nothing of the attempt runs on this host any more.
    """
    until = time.monotonic() + seconds
    while below(os.getpid()) and time.monotonic() < until:
        kill_below()
        time.sleep(0.02)
    return sorted({*below(os.getpid()), *programs.kill_leftovers(attempt)})


def drop_sockets(keep: Collection[int] = ()) -> None:
    """Turns every inherited socket, pipe and poller but stdio into /dev/null.

    The numbers stay taken: an inherited object that closes its own later must not close one of ours.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if number <= 2 or number == nothing or number in keep:
            continue
        with contextlib.suppress(OSError):
            mode = os.fstat(number).st_mode
            anonymous = stat.S_IFMT(mode) == 0  # epoll, eventfd, pidfd
            if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode) or anonymous:
                os.dup2(nothing, number, inheritable=False)
    os.dup2(nothing, 0)


#: Signals that a Celery process handles in its own way.
HANDLED = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "CHLD", "TSTP")


def default_signals() -> None:
    """Puts every handler that was inherited back to what the system does."""
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for name in HANDLED:
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
