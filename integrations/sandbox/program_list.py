"""The demo's own list of the programs that its runbook may start."""

from __future__ import annotations

import shlex
from pathlib import Path

from integrations.sandbox.private_files import write_private

NAME = "allowed-programs"
API_ON_COPY = "api-on-copy"  # the command by which the panel starts the new API on a copy
HEAD = """\
# The programs that a runbook may start in the demo: an absolute path, and the arguments that are fixed.
# docs/reference/allowed-programs.md explains this file.
"""


def write(folder: Path, project: Path) -> Path:
    """Writes the list of a sandbox in ``folder`` with the Prisma project ``project``; the file's path."""
    platform, staging = folder / "platform" / "bin", folder / "staging" / "bin"
    entries: list[list[Path | str]] = [
        [project / "bin" / "prisma"],
        *([platform / "services", verb] for verb in ("apply", "start", "stop", "status", "logs")),
        *([platform / "services-archive", verb] for verb in ("describe", "config")),
        [platform / API_ON_COPY],
        *([staging / "services", verb] for verb in ("start", "status", "logs")),
    ]
    lines = (shlex.join([str(word) for word in words]) for words in entries)
    write_private(folder / NAME, HEAD + "".join(f"{line}\n" for line in lines))
    return folder / NAME
