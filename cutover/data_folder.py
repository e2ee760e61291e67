"""The data folder of a panel without external servers."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MAX_PATH_BYTES = 70  # PostgreSQL appends its socket name, and an address has room for 107 bytes


def default_folder() -> Path:
    """The data folder when CUTOVER_DATA is not set; each checkout has its own.

    As root it is not below the checkout: PostgreSQL then runs as ``nobody``, who may have no access to
    the folders above. Below a deep checkout it would make socket paths too long.
    """
    own = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]
    if os.geteuid() == 0:
        return Path("/var/lib/cutover") / own
    if len(os.fsencode(PROJECT / "var")) <= MAX_PATH_BYTES - len("/postgres/s"):
        return PROJECT / "var"
    return Path.home() / ".local" / "share" / "cutover" / own


def ensure_folder(folder: Path, mode: int = 0o700) -> Path:
    """Creates the folder and its parents where missing, sets its mode, and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    return folder


def data_folder(folder: Path) -> Path:
    """Creates the data folder. As root its mode is 0711, so that ``nobody`` reaches the folders inside."""
    return ensure_folder(folder, 0o711 if os.geteuid() == 0 else 0o700)


def load_or_create_secret(folder: Path, name: str, make: Callable[[], str] | None = None) -> str:
    """A secret of this installation: created at first use and kept in a file (0600)."""
    path = ensure_folder(folder / "keys") / name
    if not path.exists():
        _write_once(path, make() if make else secrets.token_urlsafe(48))
    return path.read_text()


def _write_once(path: Path, text: str) -> None:
    """Writes the file whole or not at all; an existing file stays.

    Two processes of a panel may create the secret at the same time. A hard link to an existing name
    fails, so the first one wins and both read the same secret afterwards.
    """
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
