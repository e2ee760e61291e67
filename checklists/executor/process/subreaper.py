"""The first process of a worker: it starts the others, and ends what the guard of an attempt left behind.

A program can leave its parent, its session and its process group, but the kernel hands it to the nearest
subreaper above it. While its guard lives that is the guard. When the guard has died it is this process, whose
only other children are parts of the panel: everything else below it is an orphan.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping
from multiprocessing.util import get_temp_dir
from types import FrameType
from typing import Any

from django.db import connections
from psutil import Process

from checklists.executor.process import cgroup, tree
from checklists.executor.process.container_lock import hold_container_lock
from checklists.executor.process.containment import choose_containment
from checklists.executor.process.identity import identity
from integrations import processes

log = logging.getLogger(__name__)
WORKER, PROBER = "worker", "prober"  # the parts of a worker
PARTS = (f"cutover-{WORKER}", f"cutover-{PROBER}")  # as `ps` shows them
ROUND = 0.5  # seconds between two looks for orphans
FULL_ROUND = 10.0  # seconds between two looks at every process of the host, whatever the kernel's list says
RESTART = 1.0  # seconds before a part that ended is started again
_above: dict[str, Any] = {}  # the identity of the subreaper, in itself and in all that was forked from it


def subreaper_above() -> dict[str, Any]:
    """The identity of the worker's first process, below which this one runs; empty outside a worker."""
    return _above


def find_orphans(parent: int) -> list[Process]:
    """What attempts left behind below this subreaper, and everything below that."""
    left = processes.children(parent, without_names=(tree.GUARD, *PARTS))
    return [*left, *(below for process in left for below in processes.descendants(process.pid))]


class Subreaper:
    """Runs the parts of a worker, each in a process of its own, until the first of them ends.

    The first part is the worker proper. SIGTERM asks it to take no new work; the others are stopped after it.
    """

    def __init__(self, parts: Mapping[str, Callable[[], int]], *, cancel_on_stop: bool) -> None:
        self.parts, self.cancel_on_stop = parts, cancel_on_stop
        self.main = next(iter(parts))
        self.running: dict[int, str] = {}  # pid → part
        self.due: dict[str, float] = {}  # part → when to start it again
        self.stop_signals: list[signal.Signals] = []  # not yet passed on
        self.stopping = False
        self.exit_code = 0  # of the worker proper
        self.looked_at = 0.0  # when every process of the host was looked at, on the monotonic clock
        self._woken, self._wake = os.pipe()

    def run(self) -> int:
        """Gives the exit code of the worker proper, which is started again while guards live below us."""
        tree.become_subreaper()
        _above.update(identity())
        # Celery's pool keeps files in this folder. Whoever makes it removes it at a regular end, and a part
        # has none: it ends by `os._exit`.
        get_temp_dir()
        hold_container_lock()
        log.info("what an attempt starts is kept together by: %s", choose_containment())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._on_stop)
        for part in self.parts:
            self._start(part)
        while not self._is_over():
            if select.select([self._woken], [], [], ROUND)[0]:
                os.read(self._woken, 1)
            self._pass_on_stop()
            cgroup.end_abandoned()
            if self._may_have_orphans():
                self.end_orphans()
            self._collect()
            self._start_due()
        self._stop_parts()
        return self.exit_code

    def _may_have_orphans(self) -> bool:
        """Whether the kernel lists a child that is no part of ours; then, and now and then, we look closely.

        An orphan becomes our child at the moment when its parent ends. The kernel's list is inexact while a
        child leaves it, and ours leave it only when we collect them, in this thread. To look at all processes
        of a host twice a second, only to find none, kept a worker without work busy.
        """
        pids = processes.own_children()
        is_due = time.monotonic() > self.looked_at + FULL_ROUND
        return is_due or pids is None or not pids <= self.running.keys()

    def end_orphans(self) -> int:
        """Kills what attempts left behind and collects all zombies; how many were found."""
        self.looked_at = time.monotonic()
        cgroup.end_abandoned()
        found = [process for process in find_orphans(os.getpid()) if process.pid not in self.running]
        for process in found:
            log.warning("process %s outlived the guard of its attempt; it is ended", process.pid)
            processes.send_signal(process, signal.SIGKILL)
        processes.collect_zombies(without=self.running)
        return len(found)

    def _is_over(self) -> bool:
        """Not while attempts run below us: as the first process of a container we would end them with us."""
        return self.main not in self.running.values() and not guards_below()

    def _start(self, part: str) -> None:
        connections.close_all()  # two processes cannot share one connection
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _run_part(part, self.parts[part], parent)
        self.running[pid] = part

    def _start_due(self) -> None:
        for part, at in list(self.due.items()):
            if time.monotonic() >= at and not (self.stopping and part == self.main):
                del self.due[part]
                self._start(part)

    def _collect(self) -> None:
        """Notes which parts have ended, and when to start them again."""
        for pid, part in list(self.running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done:
                continue
            del self.running[pid]
            self.due[part] = time.monotonic() + RESTART
            code = os.waitstatus_to_exitcode(status)
            if part == self.main:
                self.exit_code = code
            if not self.stopping:
                log.warning("the part “%s” of this worker ended (%s)", part, code)

    def _stop_parts(self) -> None:
        self.stopping = True
        self._signal_parts(self.running.values(), signal.SIGTERM)
        until = time.monotonic() + 5
        while self.running and time.monotonic() < until:
            self._collect()
            time.sleep(0.05)
        self._signal_parts(self.running.values(), signal.SIGKILL)
        self.end_orphans()
        cgroup.remove_empty_folder()

    def _signal_parts(self, parts: Collection[str], number: signal.Signals) -> None:
        for pid in [pid for pid, part in self.running.items() if part in parts]:
            os.kill(pid, number)  # a child of ours that we have not collected: nobody else has its pid

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_signals.append(signal.Signals(number))
        os.write(self._wake, b"x")

    def _pass_on_stop(self) -> None:
        while self.stop_signals:
            number = self.stop_signals.pop(0)
            self.stopping = True
            quick = number == signal.SIGQUIT
            self._signal_parts([self.main], signal.SIGQUIT if quick else signal.SIGTERM)
            if self.cancel_on_stop:
                for process in guards_below():
                    processes.send_signal(process, signal.SIGTERM)


def guards_below() -> list[Process]:
    """The guards that descend from this process."""
    return [p for p in processes.descendants() if tree.process_name(p.pid) == tree.GUARD]


def _run_part(part: str, work: Callable[[], int], parent: int) -> None:
    """The whole life of a part's process. It never returns into the code that forked it."""
    code = 1
    try:
        tree.reset_signal_handlers()
        tree.die_with_parent(parent)
        tree.set_process_name(f"cutover-{part}")
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # a forked process never returns into the code above it
        log.exception("a part of this worker failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
