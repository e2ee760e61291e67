"""Files that are written whole and private, or not at all, and that survive a power failure."""

from __future__ import annotations

import os
from pathlib import Path


def make_private_folder(path: Path) -> Path:
    """Creates the folder with its parents where it is missing, with mode 0700; gives it back."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Writes a file with exactly these bytes; it is on the disk when this returns.

    The data goes into another file first, which then takes the name: a reader sees the old content or the
    new one, also after a crash in between.
    """
    partial = path.with_name(f"{path.name}.partial")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:  # noqa: PTH123  # of a descriptor
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    partial.replace(path)
    sync_to_disk(path.parent)


def sync_to_disk(path: Path) -> None:
    """Makes the content of a file durable, or the names in a folder."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
