"""Starts processes, keeps them running, says when one fell over, and leaves nothing behind."""

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

from cutover.data_folder import PROJECT, made
from cutover.descendants import bury_orphans, descendants, end_descendants

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STEADY = 30.0  # seconds that a process must have run for its next fall to count as a first one
SLOWEST = 30.0  # seconds between two tries at most


class Stopped(BaseException):
    """Somebody pressed Ctrl-C or sent SIGTERM: everything is to be stopped in order."""


class JobFailed(Exception):
    """A job that the rest depends on ended badly; the message has the end of its log."""


@dataclass
class Child:
    """A process that should always run. ``grace`` seconds are left to it when it is to stop."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path = PROJECT
    grace: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    falls: int = 0
    again_at: float | None = None


@dataclass
class Job:
    """A process that ends by itself; ``then`` is called with its exit code."""

    name: str
    process: subprocess.Popen[bytes]
    then: Callable[[int], None]


def seconds(duration: float) -> str:
    """A duration as people read it: 0.4 s, 12 s, 3 min 12 s."""
    if duration < 9.95:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _dies_with_us() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Supervisor:
    """The parent of everything.

    Start things from the main thread only: a child dies with the thread that it came from.
    """

    logs: Path
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    stopping: bool = False
    buried: float = 0.0
    spared: set[int] = field(default_factory=set)  # processes of others below us, servers for instance

    def take_charge(self) -> None:
        """Becomes the parent of orphans below us, and turns Ctrl-C and SIGTERM into `Stopped`."""
        made(self.logs)
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        if not self.stopping:  # a second Ctrl-C must not break off the orderly stop
            self.stopping = True
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
        with self.log_of(name).open("ab") as log:
            return subprocess.Popen(
                list(argv),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal reaches us alone
                preexec_fn=_dies_with_us,
            )

    def start(self, child: Child) -> None:
        """Starts a process and keeps it running from now on."""
        if child not in self.children:
            self.children.append(child)
        child.again_at = None
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
        """Waits for jobs that the rest depends on; raises `JobFailed` with the end of the log."""
        for job in jobs:
            code = job.process.wait()
            self.jobs.remove(job)
            job.then(code)
            if code:
                raise JobFailed(f"{job.name} ended with code {code}:\n{self.tail(job.name, 20)}")

    # ── watching ─────────────────────────────────────────────────────────────

    def watch(self, until: Callable[[], bool] = lambda: False, timeout: float | None = None) -> bool:
        """Restarts what falls and ends jobs, until ``until`` says yes (True) or time is up (False)."""
        limit = None if timeout is None else time.monotonic() + timeout
        while not until():
            if limit is not None and time.monotonic() > limit:
                return False
            self.look()
            time.sleep(0.1)
        return True

    def look(self) -> None:
        """One round: which children fell, which jobs ended, which orphans are to be buried?"""
        for job in [job for job in self.jobs if job.process.poll() is not None]:
            self.jobs.remove(job)
            job.then(job.process.returncode)
        for child in self.children:
            self._look_at(child)
        if time.monotonic() > self.buried + 10:
            self.buried = time.monotonic()
            bury_orphans(self._known())

    def _known(self) -> set[int]:
        """Those that somebody here waits for; servers that are not children of ours look after themselves."""
        owned = [child.process for child in self.children] + [job.process for job in self.jobs]
        return {process.pid for process in owned if process is not None} | self.spared

    def _look_at(self, child: Child) -> None:
        if child.again_at is not None:
            if time.monotonic() >= child.again_at:
                self.start(child)
            return
        if child.process is None or (code := child.process.poll()) is None:
            return
        lived = time.monotonic() - child.started
        child.falls = 1 if lived > STEADY else child.falls + 1
        wait = min(SLOWEST, 0.5 * 2 ** (child.falls - 1))
        child.again_at = time.monotonic() + wait
        self.say(
            f"✗ {child.name} ended by itself ({_ending(code)}) after {seconds(lived)}; "
            f"again in {seconds(wait)}. The end of {self.log_of(child.name)}:\n{self.tail(child.name)}"
        )

    # ── stopping ─────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Ends jobs and children, the last started first; then whatever they left behind."""
        for job in self.jobs:
            job.process.terminate()
        for child in reversed(self.children):
            _end(child)
        self.children.clear()
        self.jobs.clear()

    def sweep(self) -> int:
        """Ends every process below us except ``spared`` (and theirs); how many there were."""
        return end_descendants(lambda: descendants(spared=self.spared))


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end(child: Child) -> None:
    process = child.process
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(child.stop_signal)
        try:
            process.wait(child.grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    child.process = None
