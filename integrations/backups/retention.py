"""Retention holds on backups: until which day one is kept, and why. Code that deletes backups checks here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from integrations import atomic_files
from integrations.errors import Problem

NOTE = "kept-until.json"  # beside the backup's folder, since the folder itself is closed to writing


@dataclass(frozen=True)
class RetentionHold:
    """What is held: the SHA-256 of the backup's manifest, until which day (ISO, inclusive), and why."""

    sha256: str
    until: str
    why: str
    cutover: str
    since: str


def place_hold(folder: Path, *, sha256: str, until: date, why: str, cutover: str) -> Path:
    """Writes the note beside the backup's folder and returns its path. An existing longer hold stays."""
    existing = read_hold(folder)
    if existing is not None and date.fromisoformat(existing.until) >= until:
        return _note_path(folder)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    hold = RetentionHold(sha256, until.isoformat(), why, cutover, since)
    atomic_files.write_file(_note_path(folder), json.dumps(asdict(hold), indent=1).encode())
    return _note_path(folder)


def read_hold(folder: Path) -> RetentionHold | None:
    """Returns the hold on this folder, also when its day has passed; None when there is none."""
    note = _note_path(folder)
    return RetentionHold(**json.loads(note.read_text())) if note.exists() else None


def refuse_if_held(folder: Path, today: date | None = None) -> None:
    """Raises `Problem` when this folder must not be deleted yet. ``today`` is in UTC."""
    hold = read_hold(folder)
    if hold is not None and date.fromisoformat(hold.until) >= (today or datetime.now(UTC).date()):
        raise Problem(
            f"{folder.name} is held until {hold.until}.",
            means=f"{hold.why} Nothing was deleted.",
            next="Wait for that day, or have the hold lifted by the person who set it.",
        )


def _note_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.{NOTE}")
