"""Everything that a guard has started: how it is inherited, named, killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import time
from collections.abc import Collection
from pathlib import Path

from checklists.executor.process import cgroup
from integrations import processes

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
GUARD = "cutover-guard"  # as `ps` shows it
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Makes us inherit processes below us whose parent dies; otherwise they would become children of init."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def set_process_name(name: str) -> None:
    """Sets the name that ``ps`` and ``/proc/PID/comm`` show (at most 15 characters)."""
    _libc.prctl(PR_SET_NAME, name.encode())


def process_name(pid: int) -> str:
    """The name that ``ps`` shows; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill us when our parent dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call. Then no signal will come, and we leave at once.
    if os.getppid() != parent:
        os._exit(125)


def descendant_pids(pid: int) -> list[int]:
    """The pids of all living descendants of a process, parents first."""
    return [process.pid for process in processes.descendants(pid)]


def kill_descendants() -> None:
    """Sends one SIGKILL to each of our descendants."""
    for process in processes.descendants():
        processes.send_signal(process, signal.SIGKILL)


def kill_everything(attempt: str, seconds: float = 10.0) -> list[int]:
    """Kills our descendants and every process with the attempt's mark; gives the pids of those that survive.

    An empty list proves that nothing of ours runs on this host any more. What another guard has started is
    left alone: when we lost our claim before the effect began, that one runs the attempt by now.
    """
    cgroup.end_own(attempt)
    until = time.monotonic() + seconds
    while (left := processes.descendants()) and time.monotonic() < until:
        kill_descendants()
        time.sleep(0.02)
    return sorted({*(process.pid for process in left), *processes.kill_leftovers(attempt, spare_below=GUARD)})


def redirect_inherited_sockets(keep: Collection[int] = ()) -> None:
    """Points every inherited socket, pipe and poller except stdio at /dev/null.

    They are not closed, because their numbers must stay taken: an inherited Python object that closes its
    descriptor later would close a file of ours that got the same number.
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


#: Signals for which a Celery process installs handlers.
CELERY_SIGNALS = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "ALRM", "CHLD", "TSTP")


def reset_signal_handlers() -> None:
    """Replaces inherited signal handlers by the system's defaults."""
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for name in CELERY_SIGNALS:
        signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
