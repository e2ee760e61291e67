"""The index of an artefact in a bucket: its files with size and SHA-256.

Without an index there is no artefact. It is written last, so that an upload that broke off leaves
nothing that looks like an artefact.
"""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from integrations.checksums import hash_file, list_files
from integrations.errors import Problem

FORMAT = 1
SUFFIX = ".index.json"


@dataclass(frozen=True)
class IndexedFile:
    """One file; ``name`` is empty where the artefact is a single file."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ArtefactIndex:
    """What an artefact consists of, and which host wrote it."""

    host: str
    written_at: str
    files: tuple[IndexedFile, ...]

    @property
    def is_folder(self) -> bool:
        """Whether the artefact is a folder."""
        return not (len(self.files) == 1 and not self.files[0].name)

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(file.bytes for file in self.files)

    def find(self, name: str) -> IndexedFile | None:
        """One of its files."""
        return next((file for file in self.files if file.name == name), None)

    def describes(self, path: Path) -> bool:
        """Whether the files at ``path`` have these names and sizes; a single file also its SHA-256.

        The files of a folder are written once, and who uses them compares their SHA-256 anyway.
        """
        if not self.is_folder:
            return path.is_file() and hash_file(path) == self.files[0].sha256
        found = {str(file.relative_to(path)): file.stat().st_size for file in list_files(path)}
        return found == {file.name: file.bytes for file in self.files}

    def dump(self) -> bytes:
        """JSON; `load_index` reads it."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()


def describe(path: Path) -> ArtefactIndex:
    """The index of a file or folder of this host."""
    files = [path] if path.is_file() else list_files(path)
    return ArtefactIndex(
        socket.gethostname(),
        datetime.now(UTC).isoformat(timespec="seconds"),
        tuple(
            IndexedFile(
                "" if file == path else file.relative_to(path).as_posix(),
                file.stat().st_size,
                hash_file(file),
            )
            for file in files
        ),
    )


def load_index(data: bytes, name: str) -> ArtefactIndex:
    """The index in these bytes. Raises `Problem` for another format, and for names that lead elsewhere."""
    try:
        facts = json.loads(data)
        files = tuple(IndexedFile(str(f["name"]), int(f["bytes"]), str(f["sha256"])) for f in facts["files"])
        index = ArtefactIndex(str(facts["host"]), str(facts["written_at"]), files)
        safe = all(_is_safe(file.name) or (file.name == "" and not index.is_folder) for file in files)
        if facts["format"] != FORMAT or not files or not safe:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise Problem(
            f"The index of {name} in the storage cannot be read.",
            means="It was written by another version of the panel, or changed since. Nothing was read.",
            next="Use the same version on all hosts, or carry out again the item that wrote it.",
        ) from None
    return index


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
