"""The refusal of a command, with the reason for a person."""

from __future__ import annotations


class CommandRefused(Exception):
    """Nothing was changed. Says ``what`` prevents it, what that ``means``, and what to do ``next``."""

    def __init__(self, what: str, *, means: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.means, self.next = what, means, next

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.means, self.next) if part)
