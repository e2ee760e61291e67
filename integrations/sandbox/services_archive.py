"""Tells what the sandbox's releases start with, and archives a service: two more words for its platform.

``python -m integrations.sandbox.services_archive FOLDER describe NAME@sha256:… | archive NAME…``.
``describe`` prints ``{"services": {name: {"image", "start"}}}``. ``archive`` stops services and keeps each
one's release and log under ``FOLDER/archive``: started again (`services_control`), they are as they were.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from integrations.sandbox import services_control
from integrations.sandbox.services import Release, read
from integrations.sandbox.services_control import Refused
from integrations.sandbox.state import write_private


def describe(folder: Path, images: Sequence[str]) -> dict[str, Any]:
    """What each image would start with. Raises `Refused` for one that no release has."""
    found = {}
    for image in images:
        name, _, digest = image.partition("@")
        try:
            release = Release.of(folder, digest)
        except (FileNotFoundError, ValueError):
            raise Refused(f"there is no release {image}") from None
        found[release.service] = {"image": f"{name}@{digest}", "start": release.argv}
    return {"services": found}


def archive(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Stops them and keeps release and log; where they are kept, by name. Raises `Refused`."""
    services_control.set_state(folder, names, "stopped")
    services_control.wait(folder)
    wanted, kept = read(folder / "wanted.json"), {}
    for name in names:
        digest = str(wanted[name]["digest"]).removeprefix("sha256:")
        place = folder / "archive" / f"{name}-{digest[:12]}"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(place / "release.json", Release.of(folder, digest).text)
        if (folder / f"{name}.log").exists():
            shutil.copy2(folder / f"{name}.log", place / "log")
        kept[name] = str(place)
    return {"archived": kept}


def main(argv: Sequence[str]) -> int:
    """Exit code 1 with a sentence when it was refused."""
    folder, verb, *names = Path(argv[0]), argv[1], *argv[2:]
    try:
        if verb not in ("describe", "archive"):
            raise Refused("say one of: describe, archive")
        print(json.dumps((describe if verb == "describe" else archive)(folder, names)))  # noqa: T201
    except Refused as refusal:
        print(f"services: {refusal}", file=sys.stderr)  # noqa: T201
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
