"""Processes of this host: which are alive, which descend from which, and how they are ended.

psutil reads /proc for the whole product. A `Process` is identified by its pid and its start time, so a pid
that the kernel gave to another process is noticed. Signals go through a pidfd, which cannot reach another
process than the one that it was opened for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from psutil import Process

from integrations.process_environment import has_mark

ATTEMPT, RUN = "CUTOVER_ATTEMPT", "CUTOVER_PROGRAM"  # marks in the environment of all that we start
KILL_TIMEOUT = 10.0  # seconds for the kernel to remove processes that were killed
FLAGS, START_TIME = 9, 22  # fields of /proc/PID/stat, counted from 1 (man 5 proc)
KERNEL_THREAD = 0x0020_0000  # the flag PF_KTHREAD of include/linux/sched.h


# ── one process ──────────────────────────────────────────────────────────────


def is_alive(process: Process) -> bool:
    """Whether exactly this process still runs. A zombie does not: it only waits to be collected."""
    try:
        return process.is_running() and not _is_zombie(process)
    except psutil.Error:
        return False


def _is_zombie(process: Process) -> bool:
    return process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def send_signal(process: Process, number: signal.Signals) -> None:
    """Sends a signal to exactly this process; does nothing when it is gone or may not be signalled."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        # The handle is open before the check. If the pid was reused before that, the check notices it; if
        # it is reused afterwards, the handle still means the old process.
        if is_alive(process):
            signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        pass
    finally:
        os.close(handle)


def start_ticks(pid: int) -> str:
    """When a process started, in clock ticks since the boot; "" when it is gone or a zombie.

    The rows of running attempts hold this value, those of earlier versions too. psutil's ``create_time`` is
    no substitute: it is in seconds since the epoch and moves when the clock of the host is set.
    """
    try:
        process = Process(pid)
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (psutil.Error, OSError):
        return ""
    after_name = stat.rpartition(")")[2].split()  # the name in field 2 may hold blanks and brackets
    return after_name[START_TIME - 3] if is_alive(process) else ""


def find_process(pid: int, started: str) -> Process | None:
    """The process with this pid and these `start_ticks`; None when it ended, whoever has the pid now."""
    try:
        process = Process(pid)
    except psutil.Error:
        return None
    return process if started and start_ticks(pid) == started else None


def find_folder(pid: int, words: Collection[str]) -> Path | None:
    """The working folder of a process of this host whose command line has all these words.

    None when there is no such process here, or when it may not be looked at.
    """
    try:
        process = Process(pid)
        line = " ".join(process.cmdline())
        return Path(process.cwd()) if all(word in line for word in words) else None
    except (psutil.Error, OSError):
        return None


# ── many processes ───────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Entry:
    """A process when the host's processes were listed, with the pid of its parent at that moment."""

    pid: int
    parent: int
    started: str  # `start_ticks`
    zombie: bool
    name: str  # as `ps` shows it; at most 15 characters

    def find(self) -> list[Process]:
        """This process, unless it has ended since."""
        process = find_process(self.pid, self.started)
        return [process] if process else []


def _list_processes() -> Iterator[_Entry]:
    """Every process that may be seen here; those that end meanwhile are left out, and the kernel's own.

    Every attempt and program does this several times, on hosts with hundreds of processes. To read the files
    here takes a tenth of the time that it takes to make a `Process` of each.
    """
    for pid in psutil.pids():
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            continue
        head, _, tail = stat.rpartition(b")")
        state, parent, *fields = tail.split()
        if not int(fields[FLAGS - 5]) & KERNEL_THREAD:
            name = head.partition(b"(")[2].decode(errors="replace")
            yield _Entry(pid, int(parent), fields[START_TIME - 5].decode(), state in b"ZX", name)


def _list_living() -> dict[int, _Entry]:
    return {entry.pid: entry for entry in _list_processes() if not entry.zombie}


def descendants(pid: int | None = None, *, without: Collection[int] = ()) -> list[Process]:
    """Every living process below ``pid`` (by default below this process), parents first.

    ``without``: pids to leave out, with everything below them. psutil's ``children()`` is not used: it
    compares times of the host's clock, and misses children when the clock is set at that moment.
    """
    children: dict[int, list[_Entry]] = defaultdict(list)
    for pid_of_child, entry in _list_living().items():
        if pid_of_child not in without:
            children[entry.parent].append(entry)
    found: list[Process] = []
    parents = [os.getpid() if pid is None else pid]
    while parents:
        level = [entry for parent in parents for entry in children[parent]]
        found += [process for entry in level for process in entry.find()]
        parents = [entry.pid for entry in level]
    return found


def children(pid: int, *, without_names: Collection[str] = ()) -> list[Process]:
    """Every living child of ``pid`` whose name is none of these."""
    found = [e for e in _list_living().values() if e.parent == pid and e.name not in without_names]
    return [process for entry in found for process in entry.find()]


def own_children() -> set[int] | None:
    """The pids of our children, zombies too, from the kernel's own list (proc(5)); None without one."""
    try:
        lists = [task / "children" for task in Path("/proc/self/task").iterdir()]
        return {int(pid) for file in lists for pid in file.read_text().split()}
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN, or a thread that has just ended
        return None


def collect_zombies(*, without: Collection[int] = ()) -> None:
    """Collects our ended children, except those that somebody else here waits for (``without``).

    A subreaper inherits orphans, and only their parent can remove a zombie.
    """
    for entry in _list_processes():
        if entry.zombie and entry.parent == os.getpid() and entry.pid not in without:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(entry.pid, os.WNOHANG)


def end_processes(find: Callable[[], list[Process]], grace: float) -> int:
    """Ends what ``find`` gives until it gives nothing; how many it gave at first.

    SIGTERM comes first, SIGKILL after ``grace`` seconds (0: at once), also when an exception ends the wait.
    ``find`` is called again and again, because a process may start others while it is being ended.
    """
    found = len(find())
    if not found:
        return 0
    try:
        if grace:
            _signal_until_gone(find, signal.SIGTERM, grace)
    finally:
        _signal_until_gone(find, signal.SIGKILL, KILL_TIMEOUT)
    return found


def _signal_until_gone(find: Callable[[], list[Process]], number: signal.Signals, seconds: float) -> None:
    """Sends the signal until nothing is left or the seconds are over. SIGTERM is sent once to each process:
    a second one makes some programs leave without cleaning up."""
    signalled: set[Process] = set()
    until = time.monotonic() + seconds
    while (left := find()) and time.monotonic() < until:
        for process in left:
            if number is signal.SIGKILL or process not in signalled:
                send_signal(process, number)
                signalled.add(process)
        time.sleep(0.02 if number is signal.SIGKILL else 0.05)


# ── what a program or an attempt started ─────────────────────────────────────


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _lineage(pid: int, living: dict[int, _Entry]) -> set[int]:
    """The pids of a process and its ancestors."""
    found: set[int] = set()
    while pid in living and pid not in found:
        found.add(pid)
        pid = living[pid].parent
    return found


class ProcessTree:
    """A program and everything that it started: its descendants, its session, and all with its mark.

    A process can leave its parent and its session, but hardly its environment.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.process: subprocess.Popen[bytes] | None = None

    def alive(self) -> list[Process]:
        """What of the program still runs, without ourselves and our ancestors."""
        root = self.process.pid if self.process else -1
        living = _list_living()
        own = _lineage(os.getpid(), living)
        return [
            process
            for pid, entry in living.items()
            if pid not in own
            and (root in _lineage(pid, living) or _session(pid) == root or has_mark(pid, RUN, self.mark))
            for process in entry.find()
        ]

    def end(self, grace: float) -> int:
        """Ends all of it (`end_processes`) and collects the program itself; how many were found."""
        try:
            return end_processes(self.alive, grace)
        finally:
            if self.process is not None:
                self.process.wait(timeout=KILL_TIMEOUT)


def _marked(attempt: str, spare_below: str = "") -> list[Process]:
    """Without ourselves and our ancestors, and without what descends from another process of that name."""
    living = _list_living()
    own = _lineage(os.getpid(), living)
    return [
        process
        for pid, entry in living.items()
        if attempt and pid not in own and has_mark(pid, ATTEMPT, attempt)
        if not any(living[above].name == spare_below for above in _lineage(pid, living) - own)
        for process in entry.find()
    ]


def find_leftovers(attempt: str) -> list[int]:
    """The pids of the processes that an attempt's programs left on this host, without ourselves."""
    return sorted(process.pid for process in _marked(attempt))


def kill_leftovers(attempt: str, *, grace: float = 0.0, spare_below: str = "") -> list[int]:
    """Ends what an attempt left on this host and gives the pids that are *still* there.

    An empty answer is proof of death on this host: nothing that the attempt started runs here. What descends
    from another process called ``spare_below`` is in its care: it is neither ended nor given.
    """
    end_processes(lambda: _marked(attempt, spare_below), grace)
    return sorted(process.pid for process in _marked(attempt, spare_below))
