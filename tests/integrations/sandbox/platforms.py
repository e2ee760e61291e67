"""A platform of the sandbox for tests: its daemon, and services that answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integrations.sandbox import services_control
from integrations.sandbox.services import Release
from tests.allowed import allow
from tests.ports import free_port

ANSWERS = """
import sys
from integrations.sandbox.serving import Answer, serve
serve(int(sys.argv[1]), lambda asked: Answer(200, {"version": sys.argv[2]}), name="tiny")
"""


def answering(name: str, version: str, port: int) -> Release:
    """A release of a service that answers with its version."""
    return Release(name, [sys.executable, "-c", ANSWERS, str(port), version])


@contextmanager
def platform(folder: Path) -> Iterator[dict[str, str]]:
    """The settings of a system of kind ``platform``, while its daemon runs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = services_control.lay_out(folder)
    allow(command, command.with_name("services-archive"))
    daemon = subprocess.Popen([sys.executable, "-m", "integrations.sandbox.services", str(folder)])
    try:
        yield {
            "kind": "platform",
            "driver": "command",
            "apply": f"{command} apply {{images}}",
            "start": f"{command} start {{services}}",
            "stop": f"{command} stop {{services}}",
            "status": f"{command} status",
        }
    finally:
        daemon.terminate()
        assert daemon.wait(90) == 0


__all__ = ["answering", "free_port", "platform"]
