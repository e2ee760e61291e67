"""The log of an attempt, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models.functions import Left, Length

from checklists.models.attempt import Attempt
from checklists.models.triggers import append_only, lines_have_their_attempt

SHOWN = 1000  # characters of a line that a page shows


class LogLine(models.Model):
    """One line, masked and numbered by the executor. The numbers of an attempt have no gaps."""

    # The unique (attempt, number) serves as its index, and a trigger asks once a statement whether it exists:
    # an index of its own and a lookup for each row were two thirds of what writing a line cost.
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, related_name="lines", db_index=False, db_constraint=False
    )
    number = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["attempt", "number"]
        triggers = [*append_only(), lines_have_their_attempt()]
        constraints = [models.UniqueConstraint(fields=["attempt", "number"], name="log_line_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.text[:80]}"


@dataclass(frozen=True)
class ShownLine:
    """A line as a page shows it: of a long one the beginning. ``length``: characters of the whole line."""

    number: int
    at: datetime
    text: str
    length: int

    @property
    def hidden(self) -> int:
        """How many characters are only in the whole log."""
        return max(0, self.length - SHOWN)

    @classmethod
    def read(cls, lines: models.QuerySet[LogLine], limit: int) -> list[ShownLine]:
        """The first of these lines; the database sends no more of a line than is shown."""
        rows = lines.annotate(beginning=Left("text", SHOWN), length=Length("text"))
        return [cls(*row) for row in rows.values_list("number", "at", "beginning", "length")[:limit]]
