"""A backup on disk: a private folder with pg_dump's archive and a manifest of every file's SHA-256.

It is written under a name that ends in ``.partial`` and gets its own name in one step, when all of it
is on the disk. The manifest's SHA-256 is the backup's: it stands for the files and for the fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.clients import durable
from integrations.errors import Problem

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Archive:
    """The place of one attempt's backup; ``path`` has its final name."""

    path: Path

    @property
    def partial(self) -> Path:
        return self.path.with_name(f"{self.path.name}.partial")

    @property
    def dump(self) -> Path:
        """What pg_dump wrote: a file (custom format) or a folder (directory format)."""
        return self.path / "dump"

    def begin(self) -> Path:
        """Makes the empty partial folder (0700) and returns where pg_dump has to write."""
        durable.private_folder(self.path.parent)
        self.partial.mkdir(mode=0o700)
        return self.partial / "dump"

    def finish(self, facts: Mapping[str, Any]) -> str:
        """Brings all to the disk, writes the manifest, gives the backup its name; the manifest's SHA-256."""
        hashes = {}
        for file in files(self.partial):
            file.chmod(0o600)
            durable.sync(file)
            hashes[str(file.relative_to(self.partial))] = sha256(file)
        for folder in [self.partial, *(f for f in self.partial.rglob("*") if f.is_dir())]:
            folder.chmod(0o700)
            durable.sync(folder)
        sizes = {name: (self.partial / name).stat().st_size for name in hashes}
        manifest = {**facts, "files": {n: {"bytes": sizes[n], "sha256": hashes[n]} for n in sorted(hashes)}}
        durable.write(self.partial / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
        digest = sha256(self.partial / MANIFEST)
        self.partial.rename(self.path)
        durable.sync(self.path.parent)
        return digest

    def discard(self) -> None:
        """Removes what was not finished."""
        if self.partial.exists():
            shutil.rmtree(self.partial)

    def manifest(self) -> tuple[dict[str, Any], str]:
        """The manifest and its SHA-256. Raises `Problem` when it is not there or not whole."""
        try:
            data = (self.path / MANIFEST).read_bytes()
            manifest = json.loads(data)
            assert isinstance(manifest["files"], dict)
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise Problem(
                f"The backup {self.path.name} cannot be read: {type(error).__name__}.",
                means="Its folder or its manifest is missing or damaged, or lies on another host.",
                next=f"Look for {self.path} on the host that took it, or take a new backup.",
            ) from None
        return manifest, hashlib.sha256(data).hexdigest()

    def damages(self, manifest: Mapping[str, Any]) -> list[str]:
        """What of the files is not as the manifest says, a sentence each."""
        there = {str(f.relative_to(self.path)): f for f in files(self.path)}
        there.pop(MANIFEST, None)
        expected = manifest["files"]
        found = [f"The file {name} is missing." for name in sorted(set(expected) - set(there))]
        found += [
            f"The file {name} does not belong to the backup." for name in sorted(set(there) - set(expected))
        ]
        for name in sorted(set(expected) & set(there)):
            size = there[name].stat().st_size
            if size != expected[name]["bytes"]:
                found.append(f"The file {name} has {size} bytes instead of {expected[name]['bytes']}.")
            elif sha256(there[name]) != expected[name]["sha256"]:
                found.append(f"The file {name} has another content than when it was written (SHA-256).")
        return found


def place(folder: Path, address: str, attempt: str) -> Archive:
    """Where the backup of this attempt belongs: no two attempts share a place."""
    if not re.fullmatch(r"[\w-]+", attempt):
        raise Problem("A backup needs the number of its attempt for its name.")
    return Archive(folder / "backups" / f"{_slug(address)}-{attempt}")


def stale(folder: Path, address: str) -> Iterator[Path]:
    """Unfinished backups of the same database, of attempts that died."""
    if (folder / "backups").is_dir():
        yield from sorted((folder / "backups").glob(f"{_slug(address)}-*.partial"))


def _slug(address: str) -> str:
    return re.sub(r"[^\w.]+", "_", address).strip("_.")


def files(folder: Path) -> list[Path]:
    """Every file below a folder, links not followed."""
    return sorted(f for f in folder.rglob("*") if f.is_file() or f.is_symlink())


def sha256(file: Path) -> str:
    """A file's SHA-256 in hex, read in pieces."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def room(folder: Path, needed: int) -> tuple[int, str]:
    """Bytes free where the folder is or will be, and the comparison in words."""
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    return free, f"needed at most {size(needed)}, free {size(free)} in {existing}"


def size(count: float) -> str:
    """Bytes for a person."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
