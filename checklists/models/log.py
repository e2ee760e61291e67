"""What an attempt wrote while it ran, line by line."""

from __future__ import annotations

from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.rules import append_only


class LogLine(models.Model):
    """One line, redacted and numbered by the executor; numbers of an attempt have no gaps."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["attempt", "number"]
        triggers = append_only()
        constraints = [models.UniqueConstraint(fields=["attempt", "number"], name="log_line_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.text[:80]}"
