"""What a demo works on beside the panel: database servers, and the sandbox that uses them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from integrations.sandbox.world import SandboxProcess


class DemoServer(Protocol):
    """A database server with its data in ``folder``."""

    folder: Path
    process: subprocess.Popen[bytes] | None

    @property
    def log(self) -> Path:
        """What it says."""

    def start(self) -> object:
        """Starts it; returns when it answers."""

    def ended(self) -> bool:
        """Whether it was started and has ended by itself."""

    def stop(self) -> None:
        """Stops it; its data stays."""


class DemoSandbox(Protocol):
    """Simulated systems beside the database servers."""

    def prepare(self, say: Callable[[str], None]) -> None:
        """Makes what is not there yet; the database servers have to run."""

    def processes(self) -> list[SandboxProcess]:
        """What a supervisor runs."""


class DemoSystems:
    """The servers and the sandbox of one runbook's demo."""

    servers_title: str
    sandbox_title: str
    needs_prisma = False

    def __init__(
        self, servers: Sequence[DemoServer], sandbox: DemoSandbox, variables: Mapping[str, str]
    ) -> None:
        self.servers, self.sandbox = tuple(servers), sandbox
        self.variables = dict(variables)  # that the runbook takes its addresses from

    def pids(self) -> set[int]:
        """Process ids of the running servers."""
        return {server.process.pid for server in self.servers if server.process is not None}

    def restart_crashed(self, say: Callable[[str], None]) -> None:
        """Restarts a server that ended by itself."""
        for server in self.servers:
            if server.ended():
                name = type(server).__name__.removesuffix("Server")
                say(f"✗ {name} in {server.folder} ended by itself (log: {server.log}). Restarting it.")
                server.start()

    def stop(self) -> None:
        """Stops the servers; their data stays."""
        for server in reversed(self.servers):
            server.stop()
