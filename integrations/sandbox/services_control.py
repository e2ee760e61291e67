"""Tells the sandbox's platform what to run: the program behind the ``command`` driver of the demo.

``python -m integrations.sandbox.services_control FOLDER status | start NAME… | stop NAME… |
apply NAME@sha256:… | logs NAME…``. ``status`` prints the JSON that the driver reads, ``logs`` the last lines
of each service's log; the others wait until it is so.
"""

from __future__ import annotations

import fcntl
import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integrations.sandbox.private_files import write_private
from integrations.sandbox.services import Release, read

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 20.0  # seconds until it has to be so


LINES = 200  # of a log that are printed


class Refused(Exception):
    """It cannot be done; the message says why."""


def lay_out(folder: Path) -> Path:
    """Writes the command ``bin/services`` of this platform; its path."""
    return write_command(folder, "services", ["integrations.sandbox.services_control", str(folder)])


def write_command(
    folder: Path, name: str, module: Sequence[str], settings: Mapping[str, str] | None = None
) -> Path:
    """Writes ``bin/NAME``, which runs a module with its first arguments and these variables; its path."""
    command = folder / "bin" / name
    command.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = " ".join(map(shlex.quote, (sys.executable, "-m", *module)))
    known = {"PYTHONPATH": str(REPOSITORY), **(settings or {})}
    assigned = " ".join(f"{variable}={shlex.quote(value)}" for variable, value in known.items())
    write_private(command, f'#!/bin/sh\n{assigned} exec {words} "$@"\n')
    command.chmod(0o700)
    return command


@contextmanager
def wanted(folder: Path) -> Iterator[dict[str, Any]]:
    """What should run, to be changed in place; two who change it wait for each other."""
    with (folder / "wanted.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = read(folder / "wanted.json")
        yield known
        write_private(folder / "wanted.json", json.dumps(known, indent=1))


def know(folder: Path, name: str, digest: str, *, running: bool) -> None:
    """Makes a service known with its release; one that is known keeps its state."""
    with wanted(folder) as services:
        known = services.setdefault(name, {"state": "running" if running else "stopped"})
        known["digest"] = digest


def set_state(folder: Path, names: Sequence[str], state: str) -> None:
    """Starts or stops services that are known. Raises `Refused`."""
    with wanted(folder) as services:
        unknown = [name for name in names if name not in services]
        if unknown or not names:
            raise Refused(
                f"there is no service {', '.join(unknown) or 'named'}; known: {', '.join(services)}"
            )
        for name in names:
            services[name]["state"] = state


def apply(folder: Path, images: Sequence[str]) -> None:
    """Runs these releases, ``NAME@sha256:…``. Raises `Refused` for a digest that no release has."""
    for image in images:
        name, _, digest = image.partition("@")
        try:
            if Release.of(folder, digest).service != name:
                raise Refused(f"{digest} is no release of {name}")
        except (FileNotFoundError, ValueError):
            raise Refused(f"there is no release {image}")
    with wanted(folder) as services:
        for image in images:
            name, _, digest = image.partition("@")
            services[name] = {"state": "running", "digest": digest}


def wait(folder: Path) -> None:
    """Until everything stands as it is wanted. Raises `Refused` after PATIENCE."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        status, wishes = read(folder / "status.json").get("services", {}), read(folder / "wanted.json")
        if all(_is_so(status.get(name), wish) for name, wish in wishes.items()):
            return
        time.sleep(0.05)
    raise Refused(f"it did not come about within {PATIENCE:g} s; see `status` and the services' logs")


def _is_so(now: dict[str, Any] | None, wish: dict[str, Any]) -> bool:
    if now is None or now["state"] != wish["state"]:
        return False
    return bool(now["state"] == "stopped" or now["image"].endswith(wish["digest"]))


def _log_lines(folder: Path, names: Sequence[str]) -> list[str]:
    files = [folder / f"{Path(name).name}.log" for name in names]
    texts = [file.read_text(errors="replace") for file in files if file.exists()]
    return [line for text in texts for line in text.splitlines()[-LINES:]]


def main(argv: Sequence[str]) -> int:
    """Exit code 1 with a sentence when it was refused or did not come about."""
    folder, verb, *names = Path(argv[0]), argv[1], *argv[2:]
    if verb == "logs":
        print("\n".join(_log_lines(folder, names)))  # noqa: T201  # a program prints
        return 0
    try:
        if verb == "apply":
            apply(folder, names)
        elif verb in ("start", "stop"):
            set_state(folder, names, "running" if verb == "start" else "stopped")
        elif verb != "status":
            raise Refused("say one of: status, start, stop, apply, logs")
        if verb != "status":
            wait(folder)
    except Refused as refusal:
        print(f"services: {refusal}", file=sys.stderr)  # noqa: T201  # a program prints
        return 1
    print(json.dumps(read(folder / "status.json") or {"services": {}}))  # noqa: T201  # a program prints
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
