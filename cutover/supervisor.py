"""Starts processes, restarts those that crash, and stops everything that it started."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from psutil import Process

from checklists.durations import format_duration
from cutover.data_folder import PROJECT, ensure_folder
from integrations import processes

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STEADY_AFTER = 30.0  # seconds; when a child ran longer, its next restart waits as briefly as the first one
MAX_RESTART_WAIT = 30.0  # seconds


class Stopped(BaseException):
    """The process received Ctrl-C or SIGTERM; its caller stops everything in order."""


class JobFailed(Exception):
    """A job that later steps depend on failed; the message has the end of its log."""


@dataclass
class Child:
    """A process that should always run. When it stops, it gets ``stop_signal``, and is killed after ``grace``
    seconds. ``crashes`` counts its ends in a row; ``restart_at`` is on the monotonic clock."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path = PROJECT
    grace: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    crashes: int = 0
    restart_at: float | None = None


@dataclass
class Job:
    """A process that ends by itself; ``then`` is called with its exit code."""

    name: str
    process: subprocess.Popen[bytes]
    then: Callable[[int], None]


def _end_with_supervisor() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Supervisor:
    """The parent of all processes of the panel.

    Start processes from the main thread only: the kernel ends a child (PR_SET_PDEATHSIG) with the thread
    that started it, not with the process.
    """

    logs: Path
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    stopping: bool = False  # a stop signal came: `watch` and `finish` raise `Stopped`
    collected: float = 0.0  # when zombies were last collected
    spared: set[int] = field(default_factory=set)  # pids below us that others look after, such as servers

    def adopt_orphans(self) -> None:
        """Becomes the parent of orphaned descendants, so that none outlives the supervisor."""
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1)

    def catch_stop_signals(self) -> None:
        """Turns Ctrl-C, SIGTERM and SIGHUP into `Stopped`; `watch`, `finish` and `raise_if_stopped` raise it.

        The handler itself raises nothing: where Python ignores exceptions (a `__del__`) the signal would be
        lost, and between taking a lock and its `try` (as `Popen.poll` does) the lock would never be released.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_stop_signal)

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def raise_if_stopped(self) -> None:
        """Raises `Stopped` when a stop signal came."""
        if self.stopping:
            raise Stopped

    # ── starting ─────────────────────────────────────────────────────────────

    def log_of(self, name: str) -> Path:
        """The log file of a child or job."""
        return self.logs / f"{name}.log"

    def tail(self, name: str, lines: int = 8) -> str:
        """The last lines of a log, indented."""
        with contextlib.suppress(FileNotFoundError):
            text = self.log_of(name).read_text(errors="replace").strip().splitlines()[-lines:]
            return "\n".join(f"      {line}" for line in text)
        return ""

    def _launch(
        self, name: str, argv: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> subprocess.Popen[bytes]:
        ensure_folder(self.logs)
        with self.log_of(name).open("ab") as log:
            return subprocess.Popen(
                list(argv),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only the supervisor, which stops all in order
                preexec_fn=_end_with_supervisor,
            )

    def start(self, child: Child) -> None:
        """Starts a process and keeps it running from now on."""
        if child not in self.children:
            self.children.append(child)
        child.restart_at = None
        child.started = time.monotonic()
        child.process = self._launch(child.name, child.argv, child.environment, child.folder)

    def job(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        then: Callable[[int], None] = lambda code: None,
    ) -> Job:
        """Starts a process that ends by itself; `watch` calls ``then`` with its exit code."""
        job = Job(name, self._launch(name, argv, environment, PROJECT), then)
        self.jobs.append(job)
        return job

    def finish(self, *jobs: Job) -> None:
        """Waits for jobs that later steps depend on. Raises `Stopped`, and `JobFailed` with the log's end."""
        for job in jobs:
            while (code := job.process.poll()) is None:
                self.raise_if_stopped()
                time.sleep(0.05)
            self.jobs.remove(job)
            job.then(code)
            if code:
                raise JobFailed(f"{job.name} ended with code {code}:\n{self.tail(job.name, 20)}")

    def process_id(self, name: str) -> int | None:
        """The process id of a child that runs, else None."""
        for child in self.children:
            if child.name == name and child.process is not None and child.process.poll() is None:
                return child.process.pid
        return None

    # ── watching ─────────────────────────────────────────────────────────────

    def watch(self, until: Callable[[], bool] = lambda: False, timeout: float | None = None) -> bool:
        """Restarts children and finishes jobs until ``until()`` is true; False when the time is up before.

        Raises `Stopped`.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        while not until():
            self.raise_if_stopped()
            if limit is not None and time.monotonic() > limit:
                return False
            self.check_once()
            time.sleep(0.1)
        return True

    def check_once(self) -> None:
        """One round: handles children that ended, jobs that ended, and zombies that were left to us."""
        for job in [job for job in self.jobs if job.process.poll() is not None]:
            self.jobs.remove(job)
            job.then(job.process.returncode)
        for child in self.children:
            self._check_child(child)
        if time.monotonic() > self.collected + 10:
            self.collected = time.monotonic()
            processes.collect_zombies(without=self._waited_for())

    def _waited_for(self) -> set[int]:
        """The pids that somebody waits for: collecting them here would lose their exit codes."""
        owned = [child.process for child in self.children] + [job.process for job in self.jobs]
        return {process.pid for process in owned if process is not None} | self.spared

    def _check_child(self, child: Child) -> None:
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                self.start(child)
                self.say(f"✓ {child.name} was restarted: process {self.process_id(child.name)}")
            return
        if child.process is None or (code := child.process.poll()) is None:
            return
        lived = time.monotonic() - child.started
        child.crashes = 1 if lived > STEADY_AFTER else child.crashes + 1
        wait = min(MAX_RESTART_WAIT, 0.5 * 2 ** (child.crashes - 1))
        child.restart_at = time.monotonic() + wait
        self.say(
            f"✗ {child.name} ended by itself ({_describe_exit(code)}) after {format_duration(lived)}; "
            f"restarting it in {format_duration(wait)}. The end of {self.log_of(child.name)}:\n"
            f"{self.tail(child.name)}"
        )

    # ── stopping ─────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Ends the jobs, then the children in the opposite order of their start."""
        for job in self.jobs:
            job.process.terminate()
        for child in reversed(self.children):
            if child.process is not None:
                _end(child.process, child.stop_signal, child.grace)
                child.process = None
        for job in self.jobs:
            _end(job.process)
        self.children.clear()
        self.jobs.clear()

    def sweep(self) -> int:
        """Ends every descendant except ``spared`` and their descendants. Returns how many there were."""
        found = processes.end_processes(self._descendants_to_end, grace=5.0)
        processes.collect_zombies(without=self.spared)
        return found

    def _descendants_to_end(self) -> list[Process]:
        processes.collect_zombies(without=self.spared)
        return processes.descendants(without=self.spared)


def _describe_exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end(
    process: subprocess.Popen[bytes], stop_signal: signal.Signals = signal.SIGTERM, grace: float = 5.0
) -> None:
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
