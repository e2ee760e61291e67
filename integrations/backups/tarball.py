"""Packs a folder into a tarball with its SHA-256 beside it, and reads it back to prove that all is in it."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from integrations import atomic_files
from integrations.checksums import hash_file, list_files
from integrations.errors import Problem


@dataclass(frozen=True)
class Tarball:
    """A packed folder: bytes, number of files, SHA-256 in hex."""

    path: Path
    bytes: int
    files: int
    sha256: str


def pack_folder(source: Path, target: Path, check: Callable[[], None]) -> Tarball:
    """Writes ``target`` (0600) and ``target.sha256``, whole or not at all. ``check`` may raise to stop it.

    Raises `Problem` for a folder that does not exist, is empty, or changed while it was packed.
    """
    files = list_files(source) if source.is_dir() else []
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
        _compare_with_folder(source, partial, files, check)
        sha256 = hash_file(partial)
        atomic_files.sync_to_disk(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    atomic_files.write_file(_checksum_path(target), f"{sha256}  {target.name}\n".encode())
    return Tarball(target, target.stat().st_size, len(files), sha256)


def is_whole(target: Path) -> bool:
    """Whether the tarball exists and has the SHA-256 that the file beside it says."""
    if not target.is_file() or not _checksum_path(target).is_file():
        return False
    return _checksum_path(target).read_text().split()[0] == hash_file(target)


def _checksum_path(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _compare_with_folder(source: Path, packed: Path, files: list[Path], check: Callable[[], None]) -> None:
    """Raises `Problem` when a file in the tarball differs from the folder's, or one is missing."""
    with tarfile.open(packed) as tar:
        for member in tar:
            check()
            file = source.parent / member.name
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is None:
                continue
            if hashlib.file_digest(stream, "sha256").hexdigest() != hash_file(file):  # type: ignore[arg-type]  # the stubs miss a member as a file
                raise _changed(file)
        if len(tar.getnames()) != len(files):
            raise _changed(source)


def _changed(path: Path) -> Problem:
    return Problem(
        f"{path} is another in the archive than in the folder.",
        means="Something writes there while it is packed. Nothing was kept.",
        next="Find out what writes there and end it; then start this again.",
    )
