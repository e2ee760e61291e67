"""The latest simulation of when a cutover reaches its moments. It is a forecast and no evidence."""

from __future__ import annotations

from django.db import models

from checklists.models.cutover import Cutover
from checklists.states import Direction


class SimulatedForecast(models.Model):
    """One row for a cutover, overwritten by the dispatcher.

    ``moments`` holds by name of a moment its ``p50`` and ``p90``, seconds after ``at``. ``seed`` and
    ``runs`` repeat the simulation; ``revision`` is what it was computed from.
    """

    cutover = models.OneToOneField(Cutover, on_delete=models.CASCADE, related_name="simulated")
    at = models.DateTimeField()
    direction = models.CharField(max_length=8, choices=Direction)
    revision = models.CharField(max_length=60)
    seed = models.BigIntegerField()
    runs = models.PositiveIntegerField()
    moments = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.cutover_id} at {self.at:%H:%M:%S}, seed {self.seed}"
