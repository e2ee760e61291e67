"""A file that grows line by line while a comparison runs, and can be trusted as far as it was written.

Each line is a JSON object behind a SHA-256 over it and over the digest of the line before. So a line that was
changed, left out or moved is noticed; of a file whose writer was killed, everything but a torn last line is
of use. The file has another name until the comparison has ended: an earlier one stays until then.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from integrations.parity.errors import ParityError

SYNC_SECONDS = 1.0  # between two waits for the disk: there may be thousands of small tables


def path_while_written(path: Path) -> Path:
    """Where a file is while it grows, and stays when its writer is killed."""
    return path.with_name(f"{path.name}.partial")


class PassJournal:
    """Writes such a file. ``failure`` is the error after which nothing more is written, as a full disk."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path, self.header = path, header
        self.failure: OSError | None = None
        self.lines = 0  # without the header
        self._file: BinaryIO | None = None
        self._whole, self._last, self._synced = hashlib.sha256(), "", 0.0

    def append(self, facts: dict[str, Any]) -> None:
        """Writes a line, unless an earlier one found no room. Raises nothing: findings matter more."""
        try:
            if self.failure is None:
                self._write(facts)
                self.lines += 1
        except OSError as error:
            self.failure = error

    def finish(self) -> str:
        """Gives the file its name; returns its SHA-256. Raises OSError when it is not complete."""
        self.append({"end": True})
        self._close()
        if self.failure:
            raise self.failure
        return self._whole.hexdigest()

    def abandon(self) -> None:
        """Keeps what was written of a comparison that ended before its time, if that is anything."""
        if self.lines:
            self._close()

    def _write(self, facts: dict[str, Any]) -> None:
        if self._file is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(path_while_written(self.path), flags, 0o600), "wb")
            self._write_line(self._file, self.header)
        self._write_line(self._file, facts)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def _write_line(self, file: BinaryIO, facts: dict[str, Any]) -> None:
        text = json.dumps(facts, ensure_ascii=False)
        self._last = _chain(self._last, text)
        line = f"{self._last} {text}\n".encode()
        file.write(line)
        file.flush()
        self._whole.update(line)

    def _close(self) -> None:
        if self._file is None:
            return
        try:
            with self._file as file:
                os.fsync(file.fileno())
            path_while_written(self.path).replace(self.path)
        except OSError as error:
            self.failure = self.failure or error


def _chain(last: str, text: str) -> str:
    return hashlib.sha256(f"{last} {text}".encode()).hexdigest()


def read_journal(path: Path, content: bytes, what: str) -> Iterator[dict[str, Any]]:
    """The objects of such a file, without a torn last line.

    Raises `ParityError` for a line that is not as it was written; ``what`` names the file (“kept pass”).
    """
    last = ""
    *lines, torn = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        digest, _, text = line.decode(errors="replace").partition(" ")
        last = _chain(last, text)
        if digest != last:
            raise ParityError(
                f"The {what} {path} is damaged: line {number} is not as it was written.",
                means="What it says about the state before cannot be trusted.",
                next="Compare in full and keep that pass.",
            )
        yield json.loads(text)
    if torn and not lines:
        raise ParityError(
            f"The {what} {path} is no {what}, or nothing of it was written to its end.",
            next="Compare in full and keep that pass.",
        )
