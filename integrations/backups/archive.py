"""A backup on disk: a private folder with pg_dump's archive and a manifest of every file's SHA-256.

It is written under a name that ends in ``.partial`` and is renamed in one step when all of it is on the
disk. The SHA-256 of the manifest identifies the backup: the manifest covers the files and the fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from integrations import atomic_files
from integrations.backups import retention
from integrations.backups.fingerprint import BackupFingerprint
from integrations.backups.requirements import RestoreNeeds
from integrations.checksums import hash_file, list_files
from integrations.errors import Problem
from integrations.sizes import format_bytes

MANIFEST = "manifest.json"


class ArchivedFile(TypedDict):
    """One file of a backup."""

    bytes: int
    sha256: str


class SequenceBounds(TypedDict):
    """The last value of each sequence before and after the dump; None for one that was never used."""

    before: dict[str, int | None]
    after: dict[str, int | None]


class BackupContents(TypedDict):
    """What a manifest says about the dump. ``taken_at``: ISO 8601, of the snapshot, by the clock of the
    database; ``clock_ahead``: seconds by which that clock was ahead of the panel's. ``source`` is from
    `postgres.read_identity`, ``locale`` from `scratch_database.read_locale`; ``position`` in the log."""

    attempt: str
    format: str
    taken_at: str
    clock_ahead: NotRequired[float]  # manifests of before have none
    snapshot: str
    source: dict[str, Any]
    locale: dict[str, str | None]
    position: str
    pg_dump: str
    pg_dump_major: int
    seconds: float
    warnings: list[str]
    fingerprint: BackupFingerprint
    digest: str
    sequences: SequenceBounds
    needs: NotRequired[RestoreNeeds]  # manifests of before have none


class Manifest(BackupContents):
    """The whole manifest: also every file by its path in the backup."""

    files: dict[str, ArchivedFile]


#: An archive in the custom format, and the contents of one in the directory format.
DUMP_BEGINS = b"PGDMP"


@dataclass(frozen=True)
class Archive:
    """The folder of one attempt's backup; ``path`` has its final name."""

    path: Path

    @property
    def partial(self) -> Path:
        """The folder while the backup is being written."""
        return self.path.with_name(f"{self.path.name}.partial")

    @property
    def dump(self) -> Path:
        """What pg_dump wrote: a file (custom format) or a folder (directory format)."""
        return self.path / "dump"

    @property
    def partial_dump(self) -> Path:
        """Where pg_dump has to write."""
        return self.partial / "dump"

    def begin(self) -> None:
        """Creates the empty partial folder (0700). Raises `FileExistsError` when there is one."""
        atomic_files.make_private_folder(self.path.parent)
        self.partial.mkdir(mode=0o700)

    @property
    def has_partial_dump(self) -> bool:
        """Whether there is an archive of pg_dump: its file, or the table of contents of its folder."""
        dump = self.partial_dump
        file = dump / "toc.dat" if dump.is_dir() else dump
        if not file.is_file():
            return False
        with file.open("rb") as opened:
            return opened.read(len(DUMP_BEGINS)) == DUMP_BEGINS

    def finish(self, contents: BackupContents) -> str:
        """Flushes all files, writes the manifest, renames the folder. Returns the manifest's SHA-256."""
        files: dict[str, ArchivedFile] = {}
        for file in list_files(self.partial):
            file.chmod(0o600)
            atomic_files.sync_to_disk(file)
            name = str(file.relative_to(self.partial))
            files[name] = {"bytes": file.stat().st_size, "sha256": hash_file(file)}
        for folder in [self.partial, *(f for f in self.partial.rglob("*") if f.is_dir())]:
            folder.chmod(0o700)
            atomic_files.sync_to_disk(folder)
        manifest: Manifest = {**contents, "files": files}
        content = json.dumps(manifest, indent=1, sort_keys=True).encode()
        atomic_files.write_file(self.partial / MANIFEST, content)
        self.partial.rename(self.path)
        atomic_files.sync_to_disk(self.path.parent)
        return hashlib.sha256(content).hexdigest()

    def discard(self) -> None:
        """Removes the partial folder, if there is one."""
        if self.partial.exists():
            shutil.rmtree(self.partial)

    def measure_size(self) -> int:
        """Returns the bytes of all files, the manifest included."""
        return sum(file.stat().st_size for file in list_files(self.path))

    def read_manifest(self) -> tuple[Manifest, str]:
        """Returns the manifest and its SHA-256. Raises `Problem` when it is missing or damaged."""
        try:
            data = (self.path / MANIFEST).read_bytes()
            manifest: Manifest = json.loads(data)
            assert isinstance(manifest["files"], dict)
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise Problem(
                f"The backup {self.path.name} cannot be read: {type(error).__name__}.",
                means="Its folder or its manifest is missing or damaged.",
                next=f"Look for {self.path}, or take a new backup.",
            ) from None
        return manifest, hashlib.sha256(data).hexdigest()

    def find_damage(self, manifest: Manifest) -> list[str]:
        """Returns one sentence for each file that is not as the manifest says; empty for a whole backup."""
        present = {str(f.relative_to(self.path)): f for f in list_files(self.path)}
        present.pop(MANIFEST, None)
        expected = manifest["files"]
        damage = [f"The file {name} is missing." for name in sorted(set(expected) - set(present))]
        damage += [
            f"The file {name} does not belong to the backup." for name in sorted(set(present) - set(expected))
        ]
        for name in sorted(set(expected) & set(present)):
            size = present[name].stat().st_size
            if size != expected[name]["bytes"]:
                damage.append(f"The file {name} has {size} bytes instead of {expected[name]['bytes']}.")
            elif hash_file(present[name]) != expected[name]["sha256"]:
                damage.append(f"The file {name} has another content than when it was written (SHA-256).")
        return damage

    def check(self, sha256: str) -> tuple[Manifest, list[str]]:
        """Compares the manifest with the SHA-256 that the backup's evidence has, and all files with the
        manifest. Returns the manifest and the problems, one sentence each. Raises as `read_manifest` does."""
        manifest, found = self.read_manifest()
        damage = self.find_damage(manifest)
        if found != sha256:
            damage.insert(0, "The manifest is not the one that was written when the backup was taken.")
        return manifest, damage


def locate_archive(folder: Path, address: str, attempt: str) -> Archive:
    """Returns the archive of this attempt below ``folder``; no two attempts share one.

    ``address`` is the database's (`postgres.address`). Raises `Problem` for an attempt that is no name.
    """
    if not re.fullmatch(r"[\w-]+", attempt):
        raise Problem("A backup needs the number of its attempt for its name.")
    return Archive(folder / "backups" / f"{_slug(address)}-{attempt}")


def begin_of_names(address: str) -> str:
    """How the paths of all backups of a database begin, below the cutover's folder."""
    return f"backups/{_slug(address)}-"


def find_unfinished(folder: Path, address: str) -> Iterator[Path]:
    """Yields the partial folders of backups of the same database."""
    if (folder / "backups").is_dir():
        yield from sorted((folder / "backups").glob(f"{_slug(address)}-*.partial"))


def remove_unfinished(folder: Path, address: str, log: Callable[[str], None]) -> None:
    """Removes the partial folders of backups of the same database.

    Call it only while holding the backup resource of this database: then the attempts that wrote these
    folders are dead. Raises `Problem` for a folder under a retention hold.
    """
    for path in find_unfinished(folder, address):
        retention.refuse_if_held(path)
        log(f"Removing {path.name}, which an earlier attempt did not finish.")
        shutil.rmtree(path)


def _slug(address: str) -> str:
    return re.sub(r"[^\w.]+", "_", address).strip("_.")


@dataclass(frozen=True)
class DiskSpace:
    """Bytes that a backup needs at most, and bytes that are free in the existing folder it goes to."""

    needed: int
    free: int
    folder: Path

    @property
    def suffices(self) -> bool:
        """Whether the backup fits."""
        return self.free > self.needed

    def __str__(self) -> str:
        return f"needed at most {format_bytes(self.needed)}, free {format_bytes(self.free)} in {self.folder}"


def measure_disk_space(folder: Path, needed: int) -> DiskSpace:
    """Measures the disk on which ``folder`` is, or will be made."""
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    return DiskSpace(needed, shutil.disk_usage(existing).free, existing)
