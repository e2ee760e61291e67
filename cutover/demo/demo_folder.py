"""The demo's own data folder; a marker file keeps it apart from the data of a real panel."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cutover.data_folder import data_folder, default_folder
from cutover.demo.demo_plan import COVENANT_CONNECT
from cutover.embedded import StartupError

MARKER = "cutover-demo"
MARKER_TEXT = "This folder belongs to `./panel demo`; `./panel demo --fresh` deletes everything in it.\n"

#: Settings of a real panel, which the demo must not use: it has servers and keys of its own.
PANEL_SETTINGS = (
    *(
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "CUTOVER_SECRET_KEYS",
        "ALLOWED_HOSTS",
    ),
    *("CSRF_TRUSTED_ORIGINS", "CUTOVER_HTTPS", "CUTOVER_BEHIND_PROXY", "STATIC_ROOT"),
    *("DEBUG", "CUTOVER_PROGRAMS", "CUTOVER_SSH_CONFIG", "CUTOVER_PROXIES", "CUTOVER_REQUIRE_SECOND_FACTOR"),
    *("EMAIL_URL", "DEFAULT_FROM_EMAIL", "OIDC_ISSUER"),
)


def demo_folder(runbook: str = COVENANT_CONNECT) -> Path:
    """CUTOVER_DATA when set, else a folder beside the data of `./panel run`; each runbook has its own."""
    named = os.environ.get("CUTOVER_DATA", "")
    own = "demo" if runbook == COVENANT_CONNECT else f"demo-{runbook}"
    return Path(named).absolute() if named else default_folder() / own


def environment(folder: Path, also: Mapping[str, str]) -> dict[str, str]:
    """The environment of the demo's processes: ours without a real panel's settings, plus ``also``."""
    kept = {name: value for name, value in os.environ.items() if name not in PANEL_SETTINGS}
    return {**kept, "CUTOVER_DATA": str(folder), **also}


def mark(folder: Path) -> None:
    """Marks an empty folder as the demo's. Raises `StartupError` when it holds other data."""
    if (folder / MARKER).exists():
        return
    if folder.exists() and any(folder.iterdir()):
        raise StartupError(
            f"{folder} holds data that is not the demo's. Set CUTOVER_DATA to a new folder, or unset it."
        )
    data_folder(folder)
    (folder / MARKER).write_text(MARKER_TEXT)


def clear(folder: Path, *, keep: frozenset[str] = frozenset({MARKER, "panel.lock"})) -> None:
    """Deletes the contents of a folder with the demo's marker. Raises `StartupError` without one."""
    if not (folder / MARKER).is_file() or (folder / MARKER).read_text() != MARKER_TEXT:
        raise StartupError(f"{folder} does not have the demo's marker file ({MARKER}); nothing was deleted.")
    for entry in folder.iterdir():
        if entry.name in keep:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
