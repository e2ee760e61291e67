"""The demo's own data folder: never that of a panel somebody works with, emptied only when marked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cutover.data_folder import data_folder, default_folder
from cutover.embedded import WillNotStart

MARKER = "cutover-demo"
MEANING = "This folder belongs to `./panel demo`; `./panel demo --fresh` deletes everything in it.\n"

#: Settings of a real panel: the demo leaves that panel's servers and keys alone.
NOT_OURS = (
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "CUTOVER_SECRET_KEYS", "ALLOWED_HOSTS"),
    *("CSRF_TRUSTED_ORIGINS", "CUTOVER_HTTPS", "CUTOVER_BEHIND_PROXY", "STATIC_ROOT"),
    *("EMAIL_BACKEND", "DEBUG"),
)


def demo_folder() -> Path:
    """CUTOVER_DATA when set, else a folder beside the data of `./panel run`."""
    named = os.environ.get("CUTOVER_DATA", "")
    return Path(named).absolute() if named else default_folder() / "demo"


def environment(folder: Path, also: Mapping[str, str]) -> dict[str, str]:
    """What the demo's processes see."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return {**kept, "CUTOVER_DATA": str(folder), **also}


def claim(folder: Path) -> None:
    """Marks an empty folder as the demo's. Raises `WillNotStart` when it holds something else."""
    if (folder / MARKER).exists():
        return
    if folder.exists() and any(folder.iterdir()):
        raise WillNotStart(
            f"{folder} holds data that is not the demo's. Set CUTOVER_DATA to a new folder, or unset it."
        )
    data_folder(folder)
    (folder / MARKER).write_text(MEANING)


def empty(folder: Path, *, keep: frozenset[str] = frozenset({MARKER, "panel.lock"})) -> None:
    """Deletes the contents of a folder that carries the demo's marker, and of no other."""
    if not (folder / MARKER).is_file() or (folder / MARKER).read_text() != MEANING:
        raise WillNotStart(f"{folder} does not carry the demo's mark ({MARKER}); nothing was deleted.")
    for entry in folder.iterdir():
        if entry.name in keep:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
