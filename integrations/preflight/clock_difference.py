"""How far the clock of a system is from that of the panel's database, and what that means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.preflight.questions import Question
from integrations.preflight.result import CheckResult

NOTICED = timedelta(seconds=2)  # certain difference that a person has to know
TOO_FAR = timedelta(seconds=30)  # signatures, tokens and one-time passwords live for about that long
SYNCHRONIZE = "Synchronize the clock of that host (NTP: chronyc tracking, timedatectl), then check again."


@dataclass(frozen=True)
class ClockDifference:
    """How far another clock is ahead of ours (negative: behind): between ``least`` and ``most``."""

    least: timedelta
    most: timedelta

    @classmethod
    def of(
        cls, date: datetime, before: datetime, after: datetime, *, resolution: timedelta = timedelta()
    ) -> ClockDifference:
        """From the date in an answer that was made between two times of our clock.

        ``resolution``: by so much the date may be older than it says.
        """
        return cls(date - after, date + resolution - before)

    @property
    def certain(self) -> timedelta:
        """The smallest difference that the measurement allows; 0 when the clocks may agree."""
        if self.least > timedelta():
            return self.least
        return -self.most if self.most < timedelta() else timedelta()

    def __str__(self) -> str:
        middle = (self.least + self.most) / 2
        around = (self.most - self.least).total_seconds() / 2
        word = "ahead of" if middle > timedelta() else "behind"
        return f"{abs(middle.total_seconds()):.1f} s (± {around:.1f} s) {word} the panel's database"


def judge_clock(question: Question, found: ClockDifference) -> CheckResult:
    """Red, amber or green by the difference that is certain."""
    if found.certain > TOO_FAR:
        seen = f"Its clock is {found}. Tokens, signatures and times of rows would be wrong by that."
        return question.red(seen, SYNCHRONIZE)
    if found.certain > NOTICED:
        return question.amber(f"Its clock is {found}.", SYNCHRONIZE)
    return question.green(f"No difference can be seen: it is at most {_largest(found):.1f} s.")


def _largest(found: ClockDifference) -> float:
    return max(abs(found.least.total_seconds()), abs(found.most.total_seconds()))
