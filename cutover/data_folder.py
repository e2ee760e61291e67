"""The one folder where a panel without external servers keeps everything it owns."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LONGEST = 70  # bytes of the folder's path: what PostgreSQL adds still has to fit into a socket's address


def default_folder() -> Path:
    """Where data goes when CUTOVER_DATA is not set; each checkout has a folder of its own.

    As root it cannot lie below the checkout: PostgreSQL runs as ``nobody`` there, who may not be
    able to pass through the folders above. Below a deep checkout, sockets would not work.
    """
    own = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]
    if os.geteuid() == 0:
        return Path("/var/lib/cutover") / own
    if len(os.fsencode(PROJECT / "var")) <= LONGEST - len("/postgres/s"):
        return PROJECT / "var"
    return Path.home() / ".local" / "share" / "cutover" / own


def made(folder: Path, mode: int = 0o700) -> Path:
    """The folder, made with its parents where missing, and closed to others."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    return folder


def data_folder(folder: Path) -> Path:
    """The data folder itself, made; as root others may pass through it (``nobody`` has to), not look."""
    return made(folder, 0o711 if os.geteuid() == 0 else 0o700)


def generated(folder: Path, name: str, make: Callable[[], str] | None = None) -> str:
    """A secret of this installation: made at first use, kept in a 0600 file, never in the code."""
    path = made(folder / "keys") / name
    if not path.exists():
        _write_once(path, make() if make else secrets.token_urlsafe(48))
    return path.read_text()


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all, and the first one wins: two processes of a panel may come here at once."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
