"""A backup, and whether a restore has proven it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from checklists.models.attempt import Attempt
from checklists.models.cutover import Cutover
from checklists.models.rules import never_deleted


class Backup(models.Model):
    """An archive on disk. Only a restore that was compared with its source makes it *verified*."""

    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="backups")
    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="backup")
    path = models.CharField(max_length=500)
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    taken_at = models.DateTimeField()
    facts = models.JSONField(default=dict)
    verified_by = models.ForeignKey(Attempt, null=True, on_delete=models.PROTECT, related_name="+")
    verified_at = models.DateTimeField(null=True)
    restore_seconds = models.FloatField(null=True)

    class Meta:
        ordering = ["-taken_at"]
        triggers = [never_deleted()]
        constraints = [
            models.CheckConstraint(
                condition=Q(verified_at=None, verified_by=None)
                | Q(verified_at__isnull=False, verified_by__isnull=False, restore_seconds__isnull=False),
                name="verified_by_a_timed_restore",
            )
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:8]}, {self.bytes} bytes"
