"""The one folder where a panel without external servers keeps everything it owns."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def default_folder() -> Path:
    """Where data goes when CUTOVER_DATA is not set.

    As root it cannot lie below the checkout: PostgreSQL runs as ``nobody`` there, who may not be
    able to pass through the folders above. Each checkout has a folder of its own.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/cutover") / hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]
    return PROJECT / "var"


def made(folder: Path, mode: int = 0o700) -> Path:
    """The folder, made with its parents where missing, and closed to others."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    return folder


def generated(folder: Path, name: str, make: object = None) -> str:
    """A secret of this installation: made at first use, kept in a 0600 file, never in the code."""
    path = folder / "keys" / name
    if not path.exists():
        made(path.parent)
        text = make() if callable(make) else secrets.token_urlsafe(48)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process of the same panel was quicker
            return path.read_text()
        with os.fdopen(handle, "w") as file:
            file.write(text)
    return path.read_text()
