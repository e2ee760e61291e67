"""What a backup or a restore reports while it runs."""

from __future__ import annotations

from typing import Protocol

from integrations.program_output import ProgramReport


class ProgressReport(ProgramReport, Protocol):
    """The part of an action's report that a backup or a restore needs."""

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Takes how far the work has come, and on what it is working."""
