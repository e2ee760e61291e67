"""What a comparison raises: what happened, what it means and what to do next, without secrets."""

from __future__ import annotations


class ParityError(Exception):
    """A comparison that cannot be made, in words for a person.

    ``what`` happened, what it ``means``, what to do ``next``: complete sentences without secrets.
    """

    def __init__(self, what: str, *, means: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.means, self.next = what, means, next

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.means, self.next) if part)


class ServerUnreachable(ParityError):
    """A server refused the connection, did not answer in time, or ended the session."""
