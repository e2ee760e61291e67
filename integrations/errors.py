"""The errors an action may raise, each saying what happened, what it means and what to do next."""

from __future__ import annotations


class Problem(Exception):
    """Something went wrong that a person has to read.

    ``what`` happened, what it ``means``, what to do ``next``: plain words, complete sentences,
    no secrets. Raised inside an action it makes the attempt end as ERRORED.
    """

    def __init__(self, what: str, *, means: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.means, self.next = what, means, next

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.means, self.next) if part)

    def as_facts(self) -> dict[str, str]:
        """The three sentences as JSON-ready facts, for the attempt's row and the page."""
        return {"what": self.what, "means": self.means, "next": self.next}


class MissingVariable(Problem):
    """An environment variable that the runbook's ``systems:`` or a parameter names is not set."""

    def __init__(self, variable: str, *, system: str = "") -> None:
        super().__init__(
            f"The variable {variable} is not set.",
            means=f"The system “{system}” of the runbook takes its address from it."
            if system
            else "A parameter in the runbook takes its value from it.",
            next=f"Set {variable} in the environment of the web and worker processes, then try again.",
        )
        self.variable = variable


class Unreachable(Problem):
    """A system did not answer: refused, timed out, unknown host."""


class Silent(Unreachable):
    """Nothing listens at an address, or its name is unknown: nothing runs there, as far as we see."""


class Cancelled(Exception):
    """A person asked this attempt to stop. Raised by ``report.raise_if_cancelled()`` and programs."""


class DeadlinePassed(Exception):
    """The attempt ran longer than its deadline allows."""
