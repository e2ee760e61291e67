"""Packs a folder into one file with its SHA-256 beside it, and proves by reading back that all is in it."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from integrations.clients import archive, durable
from integrations.errors import Problem


@dataclass(frozen=True)
class Packed:
    """A packed folder: bytes, number of files, SHA-256 in hex."""

    path: Path
    bytes: int
    files: int
    sha256: str


def pack(source: Path, target: Path, check: Callable[[], None]) -> Packed:
    """Writes ``target`` (0600) and ``target.sha256``, whole or not at all. ``check`` may raise to stop it.

    Raises `Problem` for a folder that is not there, is empty, or changed while it was packed.
    """
    files = archive.files(source) if source.is_dir() else []
    if not files:
        raise Problem(
            f"The folder {source} is not there, or empty.",
            means="There is nothing to archive.",
            next="Correct path: of the system.",
        )
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(0o600)
    try:
        with tarfile.open(partial, "w:gz") as tar:
            for file in files:
                check()
                tar.add(file, arcname=f"{source.name}/{file.relative_to(source)}", recursive=False)
        known = _compared(source, partial, files, check)
        durable.sync(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    durable.write(_sum(target), f"{known}  {target.name}\n".encode())
    return Packed(target, target.stat().st_size, len(files), known)


def is_whole(target: Path) -> bool:
    """Whether the file is there, and is what the SHA-256 beside it says."""
    if not target.is_file() or not _sum(target).is_file():
        return False
    return _sum(target).read_text().split()[0] == archive.sha256(target)


def _sum(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _compared(source: Path, packed: Path, files: list[Path], check: Callable[[], None]) -> str:
    """SHA-256 of the packed file, after each file in it was held against the folder's."""
    with tarfile.open(packed) as tar:
        for member in tar:
            check()
            file = source.parent / member.name
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is None:
                continue
            if hashlib.file_digest(stream, "sha256").hexdigest() != archive.sha256(file):  # type: ignore[arg-type]
                raise _changed(file)
        if len(tar.getnames()) != len(files):
            raise _changed(source)
    return archive.sha256(packed)


def _changed(what: Path) -> Problem:
    return Problem(
        f"{what} is another in the archive than in the folder.",
        means="Something writes there while it is packed. Nothing was kept.",
        next="Find out what writes there and end it; then start this again.",
    )
