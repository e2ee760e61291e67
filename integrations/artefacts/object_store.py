"""Artefacts in a bucket: published when they are complete, and fetched with a check of every SHA-256."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from pathlib import Path

from integrations import atomic_files
from integrations.artefacts.bucket import Bucket
from integrations.artefacts.index import SUFFIX, ArtefactIndex, IndexedFile, describe, load_index
from integrations.artefacts.settings import BucketSettings
from integrations.artefacts.store import ArtefactStore, Check, ignore
from integrations.errors import Problem, Unreachable
from integrations.sizes import format_bytes

PARTIAL = ".fetching"


class ObjectArtefacts(ArtefactStore):
    """Each artefact is its files and, written last, an index of them; who finds no index finds nothing."""

    def __init__(self, root: Path, cutover: str, settings: BucketSettings) -> None:
        super().__init__(root, cutover)
        self.bucket = Bucket(settings)

    def publish(self, path: Path) -> None:
        """Uploads the files, then the index that makes them an artefact."""
        key, index = self._key(path), describe(path)
        try:
            before = None if index.is_folder else self._read_index(path)
            for file in index.files:
                self.bucket.upload(path / file.name if file.name else path, _file_key(key, file))
            self.bucket.write(key + SUFFIX, index.dump())
            for file in before.files if before else ():
                if file not in index.files:  # the content that this one replaces
                    self.bucket.remove(_file_key(key, file))
        except Problem as problem:
            here = f"{path.name} is complete on {index.host} as {path}, but no other host can have it."
            kind = Unreachable if isinstance(problem, Unreachable) else Problem
            raise kind(problem.what, means=here, next=problem.next) from None

    def fetch(self, recorded: str, *, host: str = "", sha256: str = "", check: Check = ignore) -> Path:
        """From this host where it is as the index says, else from the bucket.

        While the bucket does not answer, what is here is used: who reads it compares its SHA-256.
        """
        path = self.locate(recorded)
        try:
            index = self._read_index(recorded)
        except Unreachable:
            if path.exists():
                return path
            raise
        if index is None:
            for present in (path, Path(recorded)):  # of before the bucket was set
                if present.exists():
                    return present
            raise self._missing(recorded, host)
        if path.exists() and index.describes(path):
            return path
        _refuse_other(path.name, index, sha256)
        return self._download(path, index, check)

    def has(self, path: Path) -> bool:
        """Whether its index is in the bucket."""
        return self.bucket.has(self._key(path) + SUFFIX)

    def read(self, recorded: str, file: str = "") -> bytes | None:
        """From the bucket, compared with the index."""
        index = self._read_index(recorded)
        entry = index.find(file) if index else None
        if entry is None:
            return None
        data = self.bucket.read(_file_key(self._key(recorded), entry))
        if data is None or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise _changed(Path(recorded).name, file)
        return data

    def remove(self, path: Path) -> None:
        """The index first: without it the rest is no artefact."""
        key, index = self._key(path), self._read_index(path)
        self.bucket.remove(key + SUFFIX)
        for file in index.files if index else ():
            self.bucket.remove(_file_key(key, file))
        path.unlink(missing_ok=True)

    def discard_unfinished(self, prefix: str) -> list[str]:
        """Ends uploads that broke off, and removes objects of folders that have no index."""
        start = f"{self.cutover}/{prefix}"
        self.bucket.abort_uploads(start)
        names = self.bucket.list_names(start)
        complete = tuple(f"{name.removesuffix(SUFFIX)}/" for name in names if name.endswith(SUFFIX))
        left = [name for name in names if not name.endswith(SUFFIX) and not name.startswith(complete)]
        for name in left:
            self.bucket.remove(name)
        return left

    def list_files(self, suffix: str) -> list[Path]:
        """Those that are here, and those whose index is in the bucket."""
        start = f"{self.cutover}/"
        names = [
            name.removeprefix(start).removesuffix(SUFFIX)
            for name in self.bucket.list_names(start)
            if name.endswith(f"{suffix}{SUFFIX}")
        ]
        return sorted({*super().list_files(suffix), *(self.root / name for name in names)})

    def _key(self, path: str | Path) -> str:
        return f"{self.cutover}/{self.name_of(path)}"

    def _read_index(self, recorded: str | Path) -> ArtefactIndex | None:
        path = self.locate(str(recorded))
        if not path.is_relative_to(self.root):
            return None  # a file elsewhere on this host, which was never published
        data = self.bucket.read(self._key(path) + SUFFIX)
        return load_index(data, path.name) if data is not None else None

    def _missing(self, recorded: str, host: str) -> Problem:
        where = f"on {host} as {recorded}" if host else f"as {recorded}, nobody recorded on which host"
        return Problem(
            f"{Path(recorded).name} is not in {self.bucket.settings.where}, and not on this host.",
            means=f"It was written {where}, before the storage was set or before its upload was complete.",
            next="Carry the item out on that host, or carry out again the item that wrote it.",
        )

    def _download(self, path: Path, index: ArtefactIndex, check: Check) -> Path:
        atomic_files.make_private_folder(path.parent)
        _refuse_small_disk(path, index)
        partial = path.with_name(f"{path.name}{PARTIAL}-{secrets.token_hex(4)}")
        try:
            if index.is_folder:
                partial.mkdir(mode=0o700)
            for file in index.files:
                self._download_file(partial / file.name if file.name else partial, path, file, check)
            _take_place(partial, path)
        finally:
            _delete(partial)
        atomic_files.sync_to_disk(path.parent)
        return path

    def _download_file(self, target: Path, path: Path, file: IndexedFile, check: Check) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as output:  # noqa: PTH123  # of a descriptor

            def take(data: bytes) -> None:
                check()
                digest.update(data)
                if output.write(data) and output.tell() > file.bytes:
                    raise _changed(path.name, file.name)

            found = self.bucket.download(_file_key(self._key(path), file), take)
            output.flush()
            os.fsync(output.fileno())
        if not found or digest.hexdigest() != file.sha256:
            raise _changed(path.name, file.name)


def _file_key(key: str, file: IndexedFile) -> str:
    """The name of the object. A single file has a part of its SHA-256 in it: while it is replaced, the index
    leads to the earlier content or to the new one, whole in both cases. Folders are written once."""
    return f"{key}/{file.name}" if file.name else f"{key}.{file.sha256[:16]}"


def _changed(artefact: str, file: str) -> Problem:
    which = f"The file {file} of {artefact}" if file else artefact
    return Problem(
        f"{which} in the storage is not what was written: its SHA-256 is another, or it is gone.",
        means="Somebody changed the object, or the storage damaged it. Nothing of it was used.",
        next="Find out who writes to the bucket. Restore the object from the host that wrote it or from an "
        "earlier version, or carry out again the item that wrote it.",
    )


def _refuse_other(name: str, index: ArtefactIndex, sha256: str) -> None:
    """Raises `Problem` before the download of a file that is not the recorded one."""
    if sha256 and not index.is_folder and index.files[0].sha256 != sha256:
        raise _changed(name, "")


def _refuse_small_disk(path: Path, index: ArtefactIndex) -> None:
    free = shutil.disk_usage(path.parent).free
    if free <= index.size:
        raise Problem(
            f"{path.name} has {format_bytes(index.size)}; {format_bytes(free)} are free in {path.parent}.",
            means="It was not fetched from the storage; nothing was changed.",
            next="Make room there: copies that were fetched for earlier items may be deleted.",
        )


def _take_place(partial: Path, path: Path) -> None:
    """Gives the fetched copy its name. What another attempt fetched meanwhile is as good."""
    if partial.is_dir() and path.is_dir():
        old = path.with_name(f"{path.name}{PARTIAL}-old-{secrets.token_hex(4)}")
        path.rename(old)
        partial.rename(path)
        shutil.rmtree(old)
    else:
        partial.replace(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
