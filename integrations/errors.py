"""The errors that an action may raise. A `Problem` says what happened, what it means and what to do next."""

from __future__ import annotations

import errno
from collections.abc import Iterator


class Problem(Exception):
    """An error for a person to read.

    ``what`` happened, what it ``means``, what to do ``next``: complete sentences without secrets. An attempt
    whose action raises it ends as ERRORED.
    """

    def __init__(self, what: str, *, means: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.means, self.next = what, means, next

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.means, self.next) if part)

    def as_facts(self) -> dict[str, str]:
        """The three sentences as JSON values, for the attempt's row and the page."""
        return {"what": self.what, "means": self.means, "next": self.next}


class MissingVariable(Problem):
    """A variable that the runbook names, in ``systems:`` or in a parameter, is not set."""

    def __init__(self, variable: str, *, system: str = "") -> None:
        super().__init__(
            f"The variable {variable} is not set.",
            means=f"The system “{system}” of the runbook takes its address from it."
            if system
            else "A parameter in the runbook takes its value from it.",
            next=f"Set {variable} in the environment of the web and worker processes, then try again.",
        )
        self.variable, self.system = variable, system


class UnreleasedVariable(MissingVariable):
    """A variable that the runbook names is not released, so the runbook may not use it."""

    def __init__(self, variable: str, *, is_own: bool, system: str = "") -> None:
        super().__init__(variable, system=system)
        self.what = f"The variable {variable} is not released for runbooks."
        self.means = (
            "It belongs to the panel itself, and no runbook may use it."
            if is_own
            else "A runbook may use only those variables of the environment that an admin released by name."
        )
        self.next = (
            "Use a variable of your own."
            if is_own
            else f"Ask an admin to release it: ./panel manage variables release {variable}"
        )
        self.args = (self.what,)


class Unreachable(Problem):
    """A system does not answer: connection refused, timeout, unknown host."""


class NotListening(Unreachable):
    """No connection can be made to an address, or its name is unknown: nothing runs there, seen from here."""


class Cancelled(Exception):
    """A person asked to stop this attempt. ``report.raise_if_cancelled()`` raises it."""


class DeadlinePassed(Exception):
    """The attempt ran longer than its deadline allows."""


#: Errors of the system that say that nothing can be written any more → what happened, what to do next.
_FULL_DISKS = {
    errno.ENOSPC: ("There is no space left on the disk", "Free space there (df -h shows how much there is)"),
    errno.EDQUOT: ("The quota of the disk is used up", "Delete files of this user there, or raise the quota"),
    errno.EROFS: (
        "The disk can only be read",
        "Find out why it was mounted read-only (dmesg names an error of the disk)",
    ),
    errno.EFBIG: ("The file is larger than the system allows", "Raise the limit of its size (ulimit -f)"),
}
_DATABASE_DISK_FULL = "53100"  # SQLSTATE of PostgreSQL


def explain_full_disk(error: BaseException | None) -> Problem | None:
    """The error in words, if it or what caused it says that a disk takes nothing more; else None."""
    for cause in _causes(error):
        if getattr(cause, "sqlstate", None) == _DATABASE_DISK_FULL:
            return Problem(
                "The disk of a database is full.",
                means="The database took nothing of what it was asked to write last.",
                next="Free space on the disk of that database, then try again.",
            )
        if isinstance(cause, OSError) and cause.errno in _FULL_DISKS:
            what, next_step = _FULL_DISKS[cause.errno]
            where = f": {cause.filename!s}" if cause.filename else ""
            return Problem(
                f"{what}{where}.",
                means="What was being written is not complete, and does not count.",
                next=f"{next_step}, then try again.",
            )
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
