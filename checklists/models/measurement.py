"""The measurements of an attempt while it ran, as points of curves."""

from __future__ import annotations

from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.triggers import append_only


class Measurement(models.Model):
    """The values of one moment: name (whose last word is the unit) → number."""

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
