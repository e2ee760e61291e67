"""Writes files that are there for good, private and whole, or not there at all."""

from __future__ import annotations

import os
from pathlib import Path


def private_folder(path: Path) -> Path:
    """The folder, made 0700 with its parents where it is missing."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write(path: Path, data: bytes) -> None:
    """The file with exactly these bytes, 0600, on the disk when this returns; never half of it."""
    partial = path.with_name(f"{path.name}.partial")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(fd, "wb") as file:  # noqa: PTH123  # of a descriptor
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Brings a file, or the names in a folder, to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
