"""Heartbeats of the panel's own long-running processes."""

from __future__ import annotations

from django.db import models


class ServiceBeat(models.Model):
    """The last heartbeat of a dispatcher, reaper or worker. Without a reaper no effect begins."""

    name = models.CharField(max_length=40)  # dispatcher · reaper · worker
    instance = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering = ["name", "instance"]
        constraints = [models.UniqueConstraint(fields=["name", "instance"], name="one_beat_an_instance")]

    def __str__(self) -> str:
        return f"{self.name} {self.instance}"
