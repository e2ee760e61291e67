"""What the panel consists of: its servers, its web process, its workers; used by `run` and by the demo."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cutover.data_folder import data_folder
from cutover.embedded import WillNotStart
from cutover.health_probe import status
from cutover.servers import OwnServers
from cutover.supervisor import Child, Job, Supervisor, seconds

#: manage.py commands that run beside the web process, in the order in which they are started.
#: When the panel stops, attempts are cancelled first: nothing is left half done that can be ended.
#: Looking has places of its own: steps that fill a worker must not keep anybody from finding out.
PARTS = {
    "worker": ("worker", "--cancel-on-stop", "--queues", "steps"),
    "prober": ("worker", "--queues", "probes,control", "--concurrency", "2"),
    "dispatcher": ("dispatcher",),
    "reaper": ("reaper",),
}
PATIENCE = 25.0  # seconds for a worker to see its attempts end
MANAGE = (sys.executable, "manage.py")


def first_free_port(host: str, wanted: int, tries: int = 50) -> int:
    """The wanted port, or the next one that nobody listens on. Raises `WillNotStart`."""
    for port in range(wanted, wanted + tries):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                return port
    raise WillNotStart(f"Ports {wanted} to {wanted + tries - 1} are all in use. Name another one: --port N")


@contextlib.contextmanager
def only_one(folder: Path, what: str) -> Iterator[IO[str]]:
    """Holds the data folder for one panel; a second one is told who has it."""
    data_folder(folder)
    with (folder / "panel.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise WillNotStart(
                f"A panel runs on {folder} already ({lock.read().strip() or 'it is just starting'}). "
                f"Use it, or stop it with Ctrl-C there, before you start {what}."
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield lock


@dataclass
class Panel:
    """The panel's own processes under a supervisor."""

    supervisor: Supervisor
    folder: Path
    environment: Mapping[str, str]
    servers: OwnServers
    host: str
    port: int
    asked: float = 0.0

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://{'localhost' if self.host == '127.0.0.1' else self.host}:{self.port}"

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Says in one line what was done and how long it took."""
        began = time.monotonic()
        yield
        self.supervisor.say(f"✓ {what} · {seconds(time.monotonic() - began)}")

    def start_servers(self) -> None:
        """PostgreSQL and Valkey, where the settings name none."""
        names = [type(s).__name__ for s in (self.servers.postgres, self.servers.valkey) if s is not None]
        if names:
            with self.step(f"{' and '.join(names)} of the panel"):
                self.servers.start()
                self.supervisor.spared |= set(self.servers.pids())

    def prepare(self) -> None:
        """Tables and static files, at the same time."""
        with self.step("Tables and static files of the panel"):
            migrate = self._manage("migrate", "migrate", "--no-input")
            static = self._manage("collectstatic", "collectstatic", "--no-input")
            self.supervisor.finish(migrate, static)

    def _manage(self, name: str, *arguments: str) -> Job:
        return self.supervisor.job(name, [*MANAGE, *arguments], self.environment)

    def start_web(self) -> None:
        """The web process; returns when it answers."""
        with self.step(f"Pages at {self.address}"):
            self.supervisor.start(Child("web", self._web(), self.environment, grace=8))
            if not self.supervisor.watch(self.answers, timeout=60):
                raise WillNotStart(f"The web process does not answer:\n{self.supervisor.tail('web', 20)}")

    def _web(self) -> list[str]:
        return [
            *(sys.executable, "-m", "uvicorn", "cutover.asgi:application"),
            *("--host", self.host, "--port", str(self.port), "--lifespan", "off"),
            *("--timeout-graceful-shutdown", "5", "--no-access-log"),
        ]

    def start_parts(self) -> None:
        """Worker, prober, dispatcher and reaper."""
        for name, command in PARTS.items():
            grace = PATIENCE if name == "worker" else 5.0
            self.supervisor.start(Child(name, [*MANAGE, *command], self.environment, grace=grace))

    def answers(self) -> bool:
        """Does the web process answer?"""
        return self._asks("live")

    def ready(self) -> bool:
        """Is everything there that the panel needs? Asked twice a second at most: each no is logged."""
        if time.monotonic() < self.asked + 0.5:
            return False
        self.asked = time.monotonic()
        return self._asks("ready")

    def _asks(self, what: str) -> bool:
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104
        url = f"http://{host}:{self.port}/health/{what}"
        return status(url, self.environment.get("ALLOWED_HOSTS", "")) == 200

    def watch(self, until: Callable[[], bool] = lambda: False, timeout: float | None = None) -> bool:
        """Keeps processes and embedded servers running."""

        def looked() -> bool:
            self.servers.restart_fallen(self.supervisor.say)
            self.supervisor.spared |= set(self.servers.pids())
            return until()

        return self.supervisor.watch(looked, timeout)

    def stop(self) -> None:
        """Processes first, then what they left, then the servers."""
        self.supervisor.stop()
        self.supervisor.sweep()
        self.servers.stop()
