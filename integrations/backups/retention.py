"""Holds on backups: until when one is kept, and why. Whoever deletes files of ours asks here first."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from integrations.clients import durable
from integrations.errors import Problem

NOTE = "kept-until.json"  # beside the backup's folder, since the folder itself is closed to writing


@dataclass(frozen=True)
class Hold:
    """What is held, by the SHA-256 of its manifest, and until which day (inclusive)."""

    sha256: str
    until: str
    why: str
    cutover: str
    since: str


def hold(folder: Path, *, sha256: str, until: date, why: str, cutover: str) -> Path:
    """Writes the note beside the backup's folder; its path. A longer hold that is there stays."""
    known = held(folder)
    if known is not None and date.fromisoformat(known.until) >= until:
        return _note(folder)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    note = Hold(sha256, until.isoformat(), why, cutover, since)
    durable.write(_note(folder), json.dumps(asdict(note), indent=1).encode())
    return _note(folder)


def held(folder: Path) -> Hold | None:
    """The hold on this folder, also when its day has passed; None when nobody holds it."""
    note = _note(folder)
    return Hold(**json.loads(note.read_text())) if note.exists() else None


def refuse_held(folder: Path, today: date | None = None) -> None:
    """Raises `Problem` when this folder must not be deleted yet."""
    known = held(folder)
    if known is not None and date.fromisoformat(known.until) >= (today or datetime.now(UTC).date()):
        raise Problem(
            f"{folder.name} is held until {known.until}.",
            means=f"{known.why} Nothing was deleted.",
            next="Wait for that day, or have the hold lifted by whoever set it.",
        )


def _note(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.{NOTE}")
