"""Work that people do outside the panel while the autopilot plays, and the defects that they repair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Defect(Protocol):
    """A defect of the system that the new stack is made of."""

    @property
    def key(self) -> str:
        """Its name."""

    @property
    def wrong(self) -> str:
        """What is wrong, in a sentence."""

    @property
    def change(self) -> str:
        """The smallest change that repairs it."""


class OutsideWork(Protocol):
    """Work that people do outside the panel: sign in at a provider, pay, revoke an old key."""

    def do(self, key: str) -> None:
        """Does the work of a manual item before it is ticked. Raises `Problem` when that fails."""

    def note(self, key: str) -> str:
        """What a person writes in the note that this manual item requires."""

    def picture(self) -> tuple[str, bytes]:
        """Name and content of a file, for a manual item that requires one."""

    def checked_by(self, key: str) -> str:
        """The item whose check must fail until the work of this manual item is done; empty for none."""

    def seen_too_early(self) -> Sequence[str]:
        """Items that look at the whole work: they run once before any of it is done, and must be red."""

    def repair(self, key: str, verdict: str) -> Sequence[Defect]:
        """Repairs the defects that this verdict of an item names, and gives them."""

    def handle_log_line(self, line: str) -> None:
        """Receives a line of a running action's log, which may ask a person to open an address."""

    def break_new_stack(self) -> None:
        """Makes the new stack answer wrongly from now on."""


class NoOutsideWork:
    """For runbooks without work outside the panel."""

    def do(self, key: str) -> None:
        """Nothing."""

    def note(self, key: str) -> str:
        """The same for every item."""
        return "Done as the instructions say."

    def picture(self) -> tuple[str, bytes]:
        """A text instead."""
        return "what-was-done.txt", b"Done as the instructions say.\n"

    def checked_by(self, key: str) -> str:
        """No check sees anything."""
        return ""

    def seen_too_early(self) -> Sequence[str]:
        """None."""
        return ()

    def repair(self, key: str, verdict: str) -> Sequence[Defect]:
        """Nothing to repair."""
        return ()

    def handle_log_line(self, line: str) -> None:
        """Nothing."""

    def break_new_stack(self) -> None:
        """Nothing to break."""
