"""A backup, and the restores that verified it, or failed to."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from checklists.compiled_query import compiled_query
from checklists.models.attempt import Attempt
from checklists.models.cutover import Cutover
from checklists.models.definition_rules import written_once
from checklists.models.masked_rows import MaskedRow, hide_words
from checklists.models.story_rules import comes_with_evidence
from checklists.models.triggers import (
    append_only,
    latest_verification_decides,
    never_deleted,
    only_verifications_verify,
)
from integrations.row_values import mask_facts

CLOCKS_AGREE = 2.0  # seconds; the answer takes its way, too


class Backup(MaskedRow):
    """An archive on disk. It counts as verified while its latest verification says so.

    ``verified_by``, ``verified_at`` and ``restore_seconds`` are written by the database itself for each row
    of `BackupVerification`; a failed one empties them. Nothing else can write them.

    ``taken_at`` is by the clock of the database that was backed up, which may not be the panel's: backups
    are ordered by the panel's own record of them.
    """

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
        ordering = ["-pk"]
        triggers = [
            never_deleted(),
            *only_verifications_verify(),
            comes_with_evidence(),
            written_once("cutover_id", "attempt_id", "path", "bytes", "sha256", "taken_at", "facts"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(verified_at=None, verified_by=None)
                | Q(verified_at__isnull=False, verified_by__isnull=False, restore_seconds__isnull=False),
                name="verified_by_a_timed_restore",
            )
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:8]}, {self.bytes} bytes"

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """The same as of the evidence that recorded it."""
        if read.get("facts"):
            read["facts"] = mask_facts(read["facts"], "backup", shown=True)

    @property
    def clock_note(self) -> str:
        """That the database's clock, by which it is dated, is not the panel's; empty when they agree."""
        ahead = float(self.facts.get("clock_ahead") or 0)
        if abs(ahead) < CLOCKS_AGREE:
            return ""
        way = "ahead of" if ahead > 0 else "behind"
        return f"It is dated by the database's clock, which was {abs(ahead):.0f} s {way} the panel's."

    @property
    def failure(self) -> BackupVerification | None:
        """Its latest verification, if that failed: the backup is not to be relied on."""
        latest = max(self.verifications.all(), key=lambda verification: verification.pk, default=None)
        return latest if latest and not latest.equal else None


class BackupVerificationQuerySet(models.QuerySet["BackupVerification"]):
    """Queries over verifications."""

    def latest_by_backup(self) -> BackupVerificationQuerySet:
        """The latest verification of each backup: the only one that decides."""
        return self.order_by("backup_id", "-pk").distinct("backup_id")

    def failed_in(self, cutover: Cutover) -> list[BackupVerification]:
        """The latest verifications that failed, of the backups of a cutover."""
        return [verification for verification in _latest_verifications(cutover.pk) if not verification.equal]


@compiled_query
def _latest_verifications(cutover: int) -> BackupVerificationQuerySet:
    latest = BackupVerification.objects.filter(backup__cutover=cutover).latest_by_backup()
    return latest.select_related("backup", "attempt__item")


class BackupVerification(MaskedRow):
    """One restore of a backup that was compared with it; ``equal`` is the verdict, ``reason`` why not."""

    backup = models.ForeignKey(Backup, on_delete=models.PROTECT, related_name="verifications")
    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="verification")
    equal = models.BooleanField()
    at = models.DateTimeField()
    seconds = models.FloatField(null=True)  # of the restore
    reason = models.TextField(blank=True)

    objects = BackupVerificationQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        triggers = [*append_only(), latest_verification_decides(), comes_with_evidence()]

    def __str__(self) -> str:
        return f"{self.backup_id}: {'equal' if self.equal else 'failed'}"

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """Why the restored copy differs."""
        hide_words(read, "reason")

    @property
    def source(self) -> str:
        """The item and the attempt, for a sentence."""
        return f"{self.attempt.item.number} {self.attempt.item.title} (#{self.attempt.number})"

    @property
    def sentence(self) -> str:
        """What a failed verification said, with the item that said it."""
        return f"{self.source} says of this backup: {self.reason}"
