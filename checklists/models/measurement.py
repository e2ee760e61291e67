"""What an attempt measured while it ran: one point of its curves."""

from __future__ import annotations

from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.rules import append_only


class Measurement(models.Model):
    """Several values of one moment: name (the unit is its last word) → number."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="measurements")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    values = models.JSONField()

    class Meta:
        ordering = ["attempt", "number"]
        triggers = append_only()
        constraints = [models.UniqueConstraint(fields=["attempt", "number"], name="measurement_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.values}"
