"""The little platform of the sandbox: starts, stops and deploys its services by digest, as an engine would.

``python -m integrations.sandbox.services FOLDER`` supervises them until SIGTERM. What should run is in
``wanted.json``, what does run in ``status.json``; `services_control` writes the one and reads the other.
A release is a file ``releases/<sha256>.json`` whose name is the SHA-256 of its content: service,
argv, env, and start.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from integrations.sandbox import images
from integrations.sandbox.private_files import write_private

POLL = 0.1  # seconds between two looks at what is wanted
PATIENCE = 8.0  # seconds from SIGTERM to SIGKILL


@dataclass(frozen=True)
class Release:
    """One version of a service: what runs, and with which environment (in addition to ours).

    ``start``: the command of the image that it stands for; without one it is ``argv`` itself (`images`).
    """

    service: str
    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    start: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self), sort_keys=True, indent=1)

    @property
    def digest(self) -> str:
        """“sha256:…” of the file's content."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"

    def keep(self, folder: Path) -> str:
        """Writes it down for those who deploy it; its digest."""
        releases = folder / "releases"
        releases.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(releases / f"{self.digest.removeprefix('sha256:')}.json", self.text)
        return self.digest

    @classmethod
    def of(cls, folder: Path, digest: str) -> Release:
        """The release of that digest. Raises FileNotFoundError, and ValueError when it was changed."""
        name = digest.removeprefix("sha256:")
        text = (folder / "releases" / f"{Path(name).name}.json").read_text()
        if hashlib.sha256(text.encode()).hexdigest() != name:
            raise ValueError(f"the release {digest} is not what its digest says")
        return cls(**json.loads(text))


def read(path: Path) -> dict[str, Any]:
    """A JSON object of the platform; an empty one before it was first written."""
    return json.loads(path.read_text()) if path.exists() else {}


@dataclass
class Running:
    """A child of ours."""

    digest: str
    process: subprocess.Popen[bytes]
    stop_at: float | None = None  # when SIGTERM was sent


class SandboxPlatform:
    """Brings what runs to what is wanted, again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: dict[str, Running] = {}
        self.restarts: dict[str, int] = {}
        self.told: dict[str, Any] | None = None
        self.again_at: dict[str, float] = {}
        self.ends: dict[str, str] = {}

    def tend(self, wanted: Mapping[str, Any]) -> None:
        """One look: starts, stops, restarts, and says how it stands."""
        for name in {*wanted, *self.children}:
            self._tend(name, wanted.get(name, {}))
        self._tell(wanted)

    def _tend(self, name: str, wish: Mapping[str, Any]) -> None:
        child = self.children.get(name)
        runs = wish.get("state") == "running"
        if child is not None and child.process.poll() is not None:
            del self.children[name]
            self.ends[name] = f"ended with exit code {child.process.returncode}"
            if runs and child.stop_at is None:
                self.restarts[name] = self.restarts.get(name, 0) + 1
                self.again_at[name] = time.monotonic() + min(5.0, 0.5 * self.restarts[name])
            child = None
        if child is not None and (not runs or child.digest != wish["digest"]):
            self._stop(child)
        elif child is None and runs and time.monotonic() >= self.again_at.get(name, 0):
            self._start(name, wish["digest"])

    def _start(self, name: str, digest: str) -> None:
        release = Release.of(self.folder, digest)
        ends = images.why_it_ends(images.start_of(self.folder, name, release.start)) if release.start else ""
        file = self.folder / f"{name}.log"
        if file.exists():  # a container that is started again has a log of its own
            file.replace(file.with_suffix(".log.before"))
        with file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", f"raise SystemExit({ends!r})"] if ends else release.argv,
                env={**os.environ, **release.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.children[name] = Running(digest, process)

    def _stop(self, child: Running) -> None:
        if child.stop_at is None:
            child.stop_at = time.monotonic()
            child.process.terminate()
        elif time.monotonic() - child.stop_at > PATIENCE:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)

    def _tell(self, wanted: Mapping[str, Any]) -> None:
        services = {name: self._standing(name, wish) for name, wish in sorted(wanted.items())}
        if services != self.told:
            write_private(self.folder / "status.json", json.dumps({"services": services}, indent=1))
            self.told = services

    def _standing(self, name: str, wish: Mapping[str, Any]) -> dict[str, Any]:
        child = self.children.get(name)
        wants = int(wish.get("state") == "running")
        state = "stopped" if child is None else "stopping" if child.stop_at else "running"
        if child is None and wants:
            state = "crashed" if self.restarts.get(name) else "starting"
        return {
            "state": state,
            "replicas": wants,
            "ready": int(state == "running"),
            "image": f"{name}@{child.digest if child else wish.get('digest', '')}",
            "restarts": self.restarts.get(name, 0),
            "message": self.ends.get(name, "") if wants and child is None else "",
        }

    def end(self) -> None:
        """Ends every child, and returns when the last is gone. What is wanted stays for the next start."""
        for child in self.children.values():
            self._stop(child)
        until = time.monotonic() + PATIENCE + 2
        while any(c.process.poll() is None for c in self.children.values()) and time.monotonic() < until:
            for child in self.children.values():
                self._stop(child)
            time.sleep(POLL)


def main() -> None:
    """Tends until SIGTERM."""
    platform = SandboxPlatform(Path(sys.argv[1]))
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        while not stopped:
            platform.tend(read(platform.folder / "wanted.json"))
            time.sleep(POLL)
    finally:
        platform.end()


if __name__ == "__main__":
    main()
