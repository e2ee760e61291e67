"""SHA-256 of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_file(file: Path) -> str:
    """Returns the SHA-256 of a file in hex. The file is read in pieces, so its size does not matter."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_files(folder: Path) -> list[Path]:
    """Returns every file below a folder, sorted. A link counts as a file and is not followed."""
    return sorted(f for f in folder.rglob("*") if f.is_file() or f.is_symlink())
