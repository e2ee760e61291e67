"""The processes of the panel: servers, web process and services; used by `run` and by the demo."""

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

from checklists.durations import format_duration
from cutover.data_folder import data_folder
from cutover.embedded import StartupError
from cutover.health_probe import fetch_status
from cutover.servers import OwnServers
from cutover.supervisor import Child, Job, Supervisor

#: manage.py commands that run beside the web process, in the order in which they are started.
#: The worker stops first and cancels its attempts, so that they end in order.
#: Probes have a worker of their own: long steps must not delay them.
SERVICES = {
    "worker": ("worker", "--cancel-on-stop", "--queues", "steps"),
    "prober": ("worker", "--queues", "probes,control", "--concurrency", "2"),
    "dispatcher": ("dispatcher",),
    "reaper": ("reaper",),
}
WORKER_STOP_GRACE = 25.0  # seconds until a worker is killed; its attempts need time to be cancelled
MANAGE = (sys.executable, "manage.py")


def first_free_port(host: str, wanted: int, tries: int = 50) -> int:
    """The wanted port, or the next free one. Raises `StartupError`."""
    for port in range(wanted, wanted + tries):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                return port
    raise StartupError(f"Ports {wanted} to {wanted + tries - 1} are all in use. Name another one: --port N")


@contextlib.contextmanager
def lock_data_folder(folder: Path, what: str) -> Iterator[IO[str]]:
    """Locks the data folder for one panel. Raises `StartupError` when another panel has it."""
    data_folder(folder)
    with (folder / "panel.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartupError(
                f"A panel runs on {folder} already ({lock.read().strip() or 'it is just starting'}). "
                f"Use it, or stop it with Ctrl-C there, before you start {what}."
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield lock


@dataclass
class Panel:
    """The panel's own processes, run by a supervisor."""

    supervisor: Supervisor
    folder: Path
    environment: Mapping[str, str]
    servers: OwnServers
    host: str
    port: int
    last_ready_check: float = 0.0

    @property
    def address(self) -> str:
        """The address of the pages."""
        return f"http://{'localhost' if self.host == '127.0.0.1' else self.host}:{self.port}"

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Prints one line after the block: what was done, and how long it took. Raises `Stopped`."""
        self.supervisor.raise_if_stopped()
        began = time.monotonic()
        yield
        self.supervisor.say(f"✓ {what} · {format_duration(time.monotonic() - began)}")

    def start_servers(self) -> None:
        """Starts the embedded servers, if the settings use them."""
        names = [type(s).__name__ for s in (self.servers.postgres, self.servers.valkey) if s is not None]
        if names:
            with self.step(f"{' and '.join(names)} of the panel"):
                self.servers.start()
                self.supervisor.spared |= set(self.servers.pids())

    def prepare(self) -> None:
        """Migrates the database and collects static files, at the same time."""
        with self.step("Tables and static files of the panel"):
            migrate = self.supervisor.job("migrate", [*MANAGE, "migrate", "--no-input"], self.environment)
            static = self._manage("collectstatic", "collectstatic", "--no-input")
            self.supervisor.finish(migrate, static)

    def _manage(self, name: str, *arguments: str) -> Job:
        return self.supervisor.job(name, [*MANAGE, *arguments], self._without_owner)

    @property
    def _without_owner(self) -> Mapping[str, str]:
        """The environment of everything but `migrate`: only that needs the address of the owner role."""
        return {name: value for name, value in self.environment.items() if name != "DATABASE_OWNER_URL"}

    def start_web(self) -> None:
        """Starts the web process, and returns when it answers."""
        with self.step(f"Pages at {self.address}"):
            self.supervisor.start(Child("web", self._web(), self._without_owner, grace=8))
            if not self.supervisor.watch(self.answers, timeout=60):
                raise StartupError(f"The web process does not answer:\n{self.supervisor.tail('web', 20)}")

    def _web(self) -> list[str]:
        return [
            *(sys.executable, "-m", "uvicorn", "cutover.asgi:application"),
            *("--host", self.host, "--port", str(self.port), "--lifespan", "off"),
            # It must not read X-Forwarded-… by itself: accounts/clients.py knows how many proxies there are.
            *("--timeout-graceful-shutdown", "5", "--no-access-log", "--no-proxy-headers"),
        ]

    def start_services(self) -> None:
        """Starts worker, prober, dispatcher and reaper."""
        for name, command in SERVICES.items():
            grace = WORKER_STOP_GRACE if name == "worker" else 5.0
            self.supervisor.start(Child(name, [*MANAGE, *command], self._without_owner, grace=grace))

    def answers(self) -> bool:
        """Whether the web process answers."""
        return self._is_healthy("live")

    def ready(self) -> bool:
        """Whether everything runs that the panel needs. Asks at most twice a second."""
        if time.monotonic() < self.last_ready_check + 0.5:
            return False
        self.last_ready_check = time.monotonic()
        return self._is_healthy("ready")

    def _is_healthy(self, what: str) -> bool:
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104  # the word is compared, nothing is bound
        url = f"http://{host}:{self.port}/health/{what}"
        return fetch_status(url, self.environment.get("ALLOWED_HOSTS", "")) == 200

    def watch(self, until: Callable[[], bool] = lambda: False, timeout: float | None = None) -> bool:
        """Keeps processes and servers running until ``until()`` is true (True) or time is up (False)."""

        def check_servers() -> bool:
            self.servers.restart_crashed(self.supervisor.say)
            self.supervisor.spared |= set(self.servers.pids())
            return until()

        return self.supervisor.watch(check_servers, timeout)

    def stop(self) -> None:
        """Stops processes, then their descendants, then the servers."""
        self.supervisor.stop()
        self.supervisor.sweep()
        self.servers.stop()
