"""What actions know of the artefact storage, and the local folder, which is the default."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from integrations.artefacts.settings import STORAGE
from integrations.atomic_files import sync_to_disk
from integrations.errors import Problem

Check = Callable[[], None]  # raises to stop a long transfer


def ignore() -> None:
    """A `Check` that never stops anything."""


class ArtefactStore(ABC):
    """The artefacts of one cutover.

    Actions write into ``root``, a folder of this host, and publish what is complete. A path that an earlier
    attempt recorded is fetched: it may have been written on another host, whose data folder has another name.
    """

    def __init__(self, root: Path, cutover: str) -> None:
        self.root, self.cutover = root, cutover

    @abstractmethod
    def publish(self, path: Path) -> None:
        """Gives all hosts a finished file or folder below ``root``. Raises `Problem`; then nobody sees it."""

    @abstractmethod
    def fetch(self, recorded: str, *, host: str = "", sha256: str = "", check: Check = ignore) -> Path:
        """The artefact on this host, by the path that evidence has.

        ``host`` is where it was written; ``sha256`` that of the file. Raises `Problem` for one that is out of
        reach or is not what was written.
        """

    @abstractmethod
    def has(self, path: Path) -> bool:
        """Whether all hosts can have it."""

    @abstractmethod
    def read(self, recorded: str, file: str = "") -> bytes | None:
        """The content of a small artefact, or of a small file in one; None when there is none."""

    @abstractmethod
    def remove(self, path: Path) -> None:
        """Removes a file, here and for all hosts."""

    def discard_unfinished(self, prefix: str) -> list[str]:
        """Removes what attempts that ended left of a publication, by the start of their path; gives names."""
        return []

    def list_files(self, suffix: str) -> list[Path]:
        """Where the artefacts whose names end so are, or would be, on this host."""
        return sorted(self.root.rglob(f"*{suffix}"))

    def locate(self, recorded: str) -> Path:
        """Where an artefact is, or would be, on this host."""
        path = Path(recorded)
        if path.is_relative_to(self.root):
            return path
        parts = path.parts
        for number in range(len(parts) - 2, 0, -1):  # the last “artefacts/CUTOVER”, whatever is before it
            if parts[number - 1 : number + 1] == ("artefacts", self.cutover) and ".." not in parts:
                return self.root.joinpath(*parts[number + 1 :])
        return path

    def name_of(self, recorded: str | Path) -> str:
        """The name in the storage. Raises `Problem` for a path outside of the cutover's artefacts."""
        path = self.locate(str(recorded))
        if not path.is_relative_to(self.root) or path == self.root:
            raise Problem(
                f"{recorded} is no artefact of this cutover.",
                means="It lies outside of the folder that the panel shares between hosts.",
                next="Carry the item out on the host that has this file.",
            )
        return path.relative_to(self.root).as_posix()


class LocalArtefacts(ArtefactStore):
    """A folder of this host. Several hosts share it only if it is mounted on all of them."""

    def publish(self, path: Path) -> None:
        """Nothing is left to do: who sees the folder sees the file."""

    def fetch(self, recorded: str, *, host: str = "", sha256: str = "", check: Check = ignore) -> Path:
        """The same path, or the one that belongs to it on this host."""
        for path in (Path(recorded), self.locate(recorded)):
            if path.exists():
                return path
        raise self._missing(recorded, host)

    def _missing(self, recorded: str, host: str) -> Problem:
        here = socket.gethostname()
        if host in ("", here):
            return Problem(
                f"{Path(recorded).name} is no longer on {here}.",
                means=f"It was written there as {recorded}, and nobody else has a copy."
                if host
                else f"It was recorded as {recorded}, and the record does not say on which host.",
                next="Bring the file back to that path, or carry out again the item that wrote it.",
            )
        return Problem(
            f"{Path(recorded).name} is on the host {host}, and this item runs on {here}.",
            means=f"There it is {recorded}. Each of these hosts keeps artefacts in a folder of its own.",
            next=f"Stop the worker for steps on {here} and start the item again, so that {host} takes it; or "
            f"copy the file to {self.locate(recorded)} here. For good, mount one folder on all hosts, or set "
            f"{STORAGE} (docs/how-to/production.md).",
        )

    def has(self, path: Path) -> bool:
        """Whether it is in the folder."""
        return path.exists()

    def read(self, recorded: str, file: str = "") -> bytes | None:
        """From the folder."""
        path = self.locate(recorded) / file if file else self.locate(recorded)
        return path.read_bytes() if path.is_file() else None

    def remove(self, path: Path) -> None:
        """From the folder."""
        if path.exists():
            path.unlink()
            sync_to_disk(path.parent)
