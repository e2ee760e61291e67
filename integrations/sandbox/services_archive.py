"""Tells what the sandbox's releases start with and how they are configured: two more words for its platform.

``python -m integrations.sandbox.services_archive FOLDER describe NAME@sha256:… | config NAME…``.
``describe`` prints ``{"services": {name: {"image", "start"}}}``, or ``why`` in place of ``start``; ``config``
prints the release of each service, with its environment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from integrations.sandbox import services_control
from integrations.sandbox.images import is_published, start_of
from integrations.sandbox.private_files import write_private
from integrations.sandbox.services import Release, read
from integrations.sandbox.services_control import Refused


def describe(folder: Path, images: Sequence[str]) -> dict[str, Any]:
    """What each image would start with. Raises `Refused` for one that no release has."""
    found = {}
    for image in images:
        name, _, digest = image.partition("@")
        try:
            release = Release.of(folder, digest)
        except (FileNotFoundError, ValueError):
            raise Refused(f"there is no release {image}") from None
        found[release.service] = {"image": f"{name}@{digest}", **_start(folder, release)}
    return {"services": found}


def _start(folder: Path, release: Release) -> dict[str, Any]:
    if not is_published(folder, release.service):
        return {"why": "not found: the registry has no such image"}
    return {"start": start_of(folder, release.service, release.start) if release.start else release.argv}


def config(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The release of each service: with it, the platform runs it as before. Raises `Refused`."""
    wanted = read(folder / "wanted.json")
    if unknown := [name for name in names if name not in wanted]:
        raise Refused(f"there is no service {', '.join(unknown)}")
    return {"releases": {name: asdict(Release.of(folder, wanted[name]["digest"])) for name in names}}


def main(argv: Sequence[str]) -> int:
    """Exit code 1 with a sentence when it was refused."""
    folder, verb, *names = Path(argv[0]), argv[1], *argv[2:]
    try:
        if verb not in ("describe", "config"):
            raise Refused("say one of: describe, config")
        print(json.dumps((describe if verb == "describe" else config)(folder, names)))  # noqa: T201  # a program prints
    except Refused as refusal:
        print(f"services: {refusal}", file=sys.stderr)  # noqa: T201  # a program prints
        return 1
    return 0


def lay_out(folder: Path) -> Path:
    """Writes the command ``bin/services-archive`` of this platform; its path."""
    command = services_control.lay_out(folder)
    other = command.with_name("services-archive")
    write_private(other, command.read_text().replace("services_control", "services_archive"))
    other.chmod(0o700)
    return other


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
