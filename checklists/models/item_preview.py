"""What a start of an item would do, as a worker found out when somebody asked."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from checklists.models.cutover import Cutover
from checklists.models.definition_rules import written_once
from checklists.models.item import Item
from checklists.models.person_rules import preview_is_asked_by_a_lead
from checklists.models.story_rules import preview_moves_on
from checklists.models.triggers import ended_preview_is_final, never_deleted
from checklists.states import LIVE_PREVIEWS, PreviewStatus

TIMEOUT = 60  # seconds; a preview that takes longer is ended
#: Of a preview that names the target of an irreversible item: older than this, it is asked for again.
COUNTS_FOR = timedelta(minutes=15)


class ItemPreviewQuerySet(models.QuerySet["ItemPreview"]):
    """Queries over previews."""

    def live(self) -> ItemPreviewQuerySet:
        """Previews that are queued or running: at most one of an item."""
        return self.filter(status__in=LIVE_PREVIEWS)

    def ended(self) -> ItemPreviewQuerySet:
        """Previews with an answer, the latest first."""
        return self.filter(ended_at__isnull=False).order_by("-ended_at")


class ItemPreview(models.Model):
    """One preview of one definition of an item.

    ``shown`` is ``{"lines", "where", "warnings"}`` and ``problem`` is ``{"what", "means", "next"}``; secrets
    are masked in both before they are stored. An ended preview never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="previews")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="previews")
    status = models.CharField(max_length=8, choices=PreviewStatus, default=PreviewStatus.QUEUED)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    woken_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    shown = models.JSONField(default=dict)
    problem = models.JSONField(default=dict)

    objects = ItemPreviewQuerySet.as_manager()

    class Meta:
        ordering = ["cutover", "-requested_at"]
        triggers = [
            never_deleted(),
            ended_preview_is_final(),
            preview_is_asked_by_a_lead(),
            preview_moves_on(),
            written_once("cutover_id", "item_id", "requested_by_id", "requested_at"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["item"],
                condition=Q(status__in=sorted(LIVE_PREVIEWS)),
                name="one_live_preview",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(LIVE_PREVIEWS)) ^ Q(ended_at__isnull=False),
                name="ended_preview_has_a_time",
            ),
        ]
        indexes = [models.Index(fields=["cutover", "-requested_at"], name="latest_preview")]

    def __str__(self) -> str:
        return f"{self.get_status_display()}, of {self.item_id}"

    @property
    def is_live(self) -> bool:
        """Is it queued or running?"""
        return self.status in LIVE_PREVIEWS

    @property
    def where(self) -> str:
        """The target that it names; "" for one without an answer."""
        return str(self.shown.get("where", "")) if self.status == PreviewStatus.DONE else ""

    @property
    def lines(self) -> list[Any]:
        """What a start would do, line by line."""
        return list(self.shown.get("lines", []))
