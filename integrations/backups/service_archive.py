"""Keeps configuration, image digests and logs of services, encrypted, before they are scaled to zero."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

from integrations import atomic_files
from integrations.clients.platform import Platform, ServiceStatus
from integrations.credentials import Credentials
from integrations.errors import Problem

MANIFEST = "manifest.json"
LOG_LINES = 100_000  # the last ones of each service


class KeptFile(TypedDict):
    """One encrypted file: its name, and size and SHA-256 of what is encrypted."""

    name: str
    bytes: int
    sha256: str


class KeptServices(TypedDict):
    """What was kept: images and their digests by service, and the services whose log could not be read, with
    the reason. A service without digests runs an image that the platform does not tell."""

    folder: str
    files: list[KeptFile]
    images: dict[str, str]
    digests: dict[str, list[str]]
    without_log: dict[str, str]


def keep_services(
    platform: Platform,
    services: Sequence[ServiceStatus],
    folder: Path,
    attempt: str,
    check: Callable[[], None],
) -> KeptServices:
    """Writes the files below ``folder`` (0700), the manifest last, and reads each back. ``check`` may raise.

    Raises `Problem` where the configuration cannot be read. A log that is gone is named, not an error:
    Kubernetes deletes it together with the pod.
    """
    atomic_files.make_private_folder(folder)
    names, files = [service.name for service in services], []
    images = {service.name: service.image for service in services}
    for name, command in platform.configuration_commands(names, images).items():
        check()
        files.append(_keep(folder, name, platform.read_output(command, attempt)))
    digests, without_log = platform.image_digests(services, attempt), {}
    for name in names:
        check()
        try:
            files += _keep_logs(platform, name, folder, attempt)
        except Problem as problem:
            without_log[name] = f"{problem.what} {problem.means}".strip()
    kept: KeptServices = {
        "folder": str(folder),
        "files": files,
        "images": images,
        "digests": digests,
        "without_log": without_log,
    }
    atomic_files.write_file(folder / MANIFEST, json.dumps(kept, indent=1).encode())
    return kept


def _keep_logs(platform: Platform, name: str, folder: Path, attempt: str) -> list[KeptFile]:
    commands = platform.kept_logs(name, LOG_LINES, attempt)
    if not commands:
        raise Problem("The platform has no command logs:.")
    return [_keep(folder, file, platform.read_output(words, attempt)) for file, words in commands.items()]


def is_kept(folder: Path) -> bool:
    """Whether all files of the manifest are there and can be decrypted."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return all(_sha256(_read(folder, one["name"])) == one["sha256"] for one in manifest["files"])
    except (OSError, ValueError, KeyError, Problem):
        return False


def _keep(folder: Path, name: str, text: str) -> KeptFile:
    data = text.encode()
    atomic_files.write_file(folder / f"{name}.fernet", Credentials().encrypt(data))
    if _read(folder, name) != data:
        raise Problem(f"{folder / name}.fernet does not read back as it was written.", next="Check the disk.")
    return {"name": name, "bytes": len(data), "sha256": _sha256(data)}


def _read(folder: Path, name: str) -> bytes:
    return Credentials().decrypt((folder / f"{name}.fernet").read_bytes())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
