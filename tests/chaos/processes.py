"""The panel's processes under chaos: started, kept running, found by their parts, stopped."""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil
from psutil import Process

from integrations import processes
from integrations.processes import ATTEMPT
from tests.chaos.surroundings import PROJECT, Surroundings, end_with_parent

GUARD, PROBER, WORKER = "cutover-guard", "cutover-prober", "cutover-worker"  # as `ps` shows them
STEPS = ("worker", "--queues", "steps,probes,control", "--cancel-on-stop", "--concurrency")
#: The second worker is a host of its own where that is allowed: another name, and pids that nobody else sees.
APART = ("unshare", "--uts", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")
#: name → host, command
SERVICES = {
    "worker-1": ("worker-1", (*STEPS, "3")),
    "worker-2": ("worker-2", (*STEPS, "2")),
    "dispatcher": ("own", ("dispatcher",)),
    "reaper": ("own", ("reaper",)),
    "web": ("own", ("web",)),
}
LAST = "worker-2"  # the host that disappears


@dataclass
class Service:
    """One process that should always run; it is started again a moment after its end."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    start_at: float = 0.0
    starts: int = 0
    held: bool = False  # it stays away until this is taken back

    @property
    def runs(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Processes:
    """All of them, and what they have started. Use it from the main thread only."""

    around: Surroundings
    without: str
    names: Sequence[str] = tuple(SERVICES)
    services: dict[str, Service] = field(init=False)
    has_hosts: bool = False

    def __post_init__(self) -> None:
        self.services = {name: Service(name) for name in self.names}
        if os.geteuid() == 0 or self.around.network is not None:
            words = [*self.around.inside(LAST), *APART, "hostname", "tried"]
            self.has_hosts = subprocess.run(words, capture_output=True, check=False).returncode == 0

    def keep_running(self) -> None:
        """Starts what does not run, the servers too, and collects what has ended."""
        for server in (self.around.postgres, self.around.valkey):
            if server.process is None or server.ended():  # None: it did not start in an earlier round
                with contextlib.suppress(Exception):  # its old processes may not have ended yet: next round
                    server.start()
        if self.around.name_server is None or self.around.name_server.poll() is not None:
            self.around.start_name_server()
        for service in self.services.values():
            if service.process is not None and service.process.poll() is not None:
                service.process, service.start_at = None, time.monotonic() + 0.5
            if service.process is None and time.monotonic() >= service.start_at and not service.held:
                self._start(service)
        processes.collect_zombies(without=self.own_pids())

    def own_pids(self) -> set[int]:
        """The processes that somebody here waits for."""
        servers = [self.around.postgres.process, self.around.valkey.process, self.around.name_server]
        started = [*servers, *(service.process for service in self.services.values())]
        return {process.pid for process in started if process is not None}

    def _start(self, service: Service) -> None:
        host, command = SERVICES[service.name]
        handles = [self.around.web.fileno()] if service.name == "web" else []
        words = [
            sys.executable,
            "-m",
            "tests.chaos.panel_process",
            self.without,
            *command,
            *map(str, handles),
        ]
        if self._is_apart(service.name):
            words = [*APART, "sh", "-c", f"{self._settle_in(host)} && exec {shlex.join(words)}"]
        service.starts += 1
        with (self.around.logs / f"{service.name}.log").open("ab") as log:
            service.process = subprocess.Popen(
                [*self.around.inside(host), *words], cwd=PROJECT, env=self.around.environment_of(host),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=handles,
                start_new_session=True, preexec_fn=end_with_parent,
            )  # fmt: skip

    def _settle_in(self, host: str) -> str:
        """Its name, and a disk of its own for the locks of its containers: another host sees none of them."""
        own, seen = self.around.folder / f"locks-{host}", self.around.data / "containers"
        for folder in (own, seen):
            folder.mkdir(mode=0o700, exist_ok=True)
        return f"hostname {host} && mount --bind {own} {seen}"

    def hold(self, name: str) -> None:
        """Stops a service in order, and does not start it again until `release`."""
        self.services[name].held = True
        if (first := self.first_of(name)) is not None:
            send(signal.SIGTERM, first)

    def release(self, name: str) -> None:
        """Starts a service again that was held."""
        self.services[name].held = False

    def vanish(self, name: str) -> bool:
        """Kills every process of a host at once, and keeps it away; whether it was there."""
        first = self.first_of(name)
        if first is None or not self._is_apart(name):
            return False
        self.services[name].held = True
        send(signal.SIGKILL, first)  # the kernel ends all others of the pid namespace with it
        return True

    # ── finding ──────────────────────────────────────────────────────────────
    def first_of(self, name: str) -> Process | None:
        """The process that was started as this service: on a host of its own the first one of that."""
        service = self.services.get(name)
        if service is None or service.process is None or not service.runs:
            return None
        if self._is_apart(name):
            return next(iter(processes.children(service.process.pid)), None)
        return Process(service.process.pid)

    def _is_apart(self, name: str) -> bool:
        return name == LAST and self.has_hosts

    def guards_on(self, host: str) -> list[Process]:
        """The guards of the attempts that run on a host."""
        process = self.services[host].process if host in self.services else None
        below = {found.pid for found in processes.descendants(process.pid)} if process else set()
        return [guard for guard in self.guards() if guard.pid in below]

    def parts(self, name: str) -> list[Process]:
        """Processes below a worker that have this name; the workers' and those that lost their worker."""
        return [process for process in processes.descendants() if _name(process) == name]

    def guards(self) -> list[Process]:
        """The guards of attempts, each once: in a pid namespace its parent has the same name."""
        guards = self.parts(GUARD)
        parents = {_parent(guard) for guard in guards}
        return [guard for guard in guards if guard.pid not in parents]

    def programs(self) -> list[Process]:
        """What attempts have started: actions, programs, and what escaped."""
        return [below for guard in self.guards() for below in processes.descendants(guard.pid)]

    def left_by_attempts(self) -> list[str]:
        """Command lines of what still runs of any attempt, wherever it hides below us."""
        own = str(self.around.program)
        found = []
        for process in processes.descendants(without=self.own_pids()):
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if own in words or process.environ().get(ATTEMPT):
                    found.append(f"{process.pid}: {' '.join(words)[:120]}")
        return found

    def stop(self) -> None:
        """Stops the services in order, then ends whatever is left."""
        for name in self.services:
            if (first := self.first_of(name)) is not None:
                send(signal.SIGTERM, first)
        until = time.monotonic() + 15
        for service in self.services.values():
            if service.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    service.process.wait(max(0.1, until - time.monotonic()))

    def end_all(self) -> None:
        """Ends every process below us except the servers, and the keeper, which clears up after us."""
        lasting = [self.around.postgres.process, self.around.valkey.process, self.around.keeper.process]
        spared = {process.pid for process in lasting if process is not None}
        processes.end_processes(lambda: processes.descendants(without=spared), grace=0.0)
        processes.collect_zombies(without=spared)


def attempts_below(guard: Process) -> set[str]:
    """The attempts of what a guard has started, by the marks in their environments."""
    found = set()
    for process in processes.descendants(guard.pid):
        with contextlib.suppress(psutil.Error):
            found.add(process.environ().get(ATTEMPT, ""))
    return found - {""}


def send(number: signal.Signals, *targets: Process) -> None:
    """Sends a signal to exactly these processes; those that have ended meanwhile are left out."""
    for target in targets:
        processes.send_signal(target, number)


def choose(draw: random.Random, found: list[Process]) -> Process | None:
    """One of them; by pid, so that the same draw means the same place in the list."""
    return draw.choice(sorted(found, key=lambda process: process.pid)) if found else None


def _name(process: Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def _parent(process: Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return 0
