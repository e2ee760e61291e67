"""Runs of the preflight and their results."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from checklists.models.attempt import Attempt
from checklists.models.cutover import Cutover
from checklists.models.definition_rules import written_once
from checklists.models.masked_rows import MaskedRow, ReadFields, hide_words
from checklists.models.record_rules import preflight_has_its_entry
from checklists.models.story_rules import (
    preflight_begins_queued,
    preflight_has_its_digest,
    preflight_moves_on,
    result_comes_with_its_run,
)
from checklists.models.triggers import append_only, ended_run_is_final, never_deleted
from checklists.states import LIVE_PREFLIGHTS, PreflightSource, PreflightStatus, PreflightVerdict
from integrations.preflight import registered_checks
from integrations.row_values import HIDDEN_WORDS


class PreflightRunQuerySet(models.QuerySet["PreflightRun"]):
    """Queries over runs of the preflight."""

    def live(self) -> PreflightRunQuerySet:
        """Runs that are queued or running: at most one of a cutover."""
        return self.filter(status__in=LIVE_PREFLIGHTS)

    def done(self) -> PreflightRunQuerySet:
        """Runs that got to their end and have results, the latest first."""
        return self.filter(status=PreflightStatus.DONE).order_by("-ended_at")


class PreflightRun(models.Model):
    """One run of all checks over the systems of a cutover.

    It is claimed as an attempt is: ``fence`` and ``owner`` say who runs it, and a lease that ran out means
    that it is lost. A run that ended never changes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="preflight_runs")
    status = models.CharField(max_length=8, choices=PreflightStatus, default=PreflightStatus.QUEUED)
    source = models.CharField(max_length=8, choices=PreflightSource)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # the attempt of an item that ran it
    attempt = models.OneToOneField(Attempt, null=True, on_delete=models.PROTECT, related_name="preflight_run")
    requested_at = models.DateTimeField()
    woken_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    owner = models.JSONField(default=dict)
    lease_expires_at = models.DateTimeField(null=True)
    # how many checks have ended, of how many
    checks_done = models.PositiveSmallIntegerField(default=0)
    checks_total = models.PositiveSmallIntegerField(default=0)
    progress_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True, help_text="Why it failed or was lost, and what to do.")
    digest = models.CharField(max_length=64, blank=True, help_text="Of identities and verdicts.")

    objects = PreflightRunQuerySet.as_manager()

    class Meta:
        ordering = ["cutover", "-requested_at"]
        triggers = [
            never_deleted(),
            ended_run_is_final(),
            preflight_begins_queued(),
            preflight_moves_on(),
            preflight_has_its_digest(),
            *preflight_has_its_entry(),
            written_once("cutover_id", "source", "requested_by_id", "attempt_id", "requested_at"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["cutover"],
                condition=Q(status__in=sorted(LIVE_PREFLIGHTS)),
                name="one_live_preflight",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(LIVE_PREFLIGHTS)) ^ Q(ended_at__isnull=False),
                name="ended_preflight_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()}, asked by {self.get_source_display()}"

    @property
    def is_live(self) -> bool:
        """Is it queued or running?"""
        return self.status in LIVE_PREFLIGHTS

    @property
    def took(self) -> timedelta | None:
        """How long it ran; None while it runs."""
        return self.ended_at - self.started_at if self.ended_at and self.started_at else None


class PreflightResult(MaskedRow):
    """What one question of a run found. ``identity`` is the same for the same subject in every run."""

    run = models.ForeignKey(PreflightRun, on_delete=models.PROTECT, related_name="results")
    identity = models.CharField(max_length=16)
    check_key = models.CharField(max_length=80)
    title = models.CharField(max_length=200)  # of the check
    subject = models.TextField()
    verdict = models.CharField(max_length=8, choices=PreflightVerdict)
    asked = models.TextField()
    seen = models.TextField()
    change = models.TextField(blank=True)
    systems = ArrayField(models.CharField(max_length=100), default=list)
    items = ArrayField(models.SlugField(max_length=80), default=list)  # keys of the items affected

    class Meta:
        ordering = ["run", "check_key", "subject"]
        triggers = [*append_only(), result_comes_with_its_run()]
        constraints = [models.UniqueConstraint(fields=["run", "identity"], name="a_result_once")]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.subject}"

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """Its sentences, unless the check declares that they name no values; the check's title stays."""
        known = ReadFields(read)
        check = registered_checks().get(known.check_key)
        if check is None or not check.texts_shown:
            instead = {"subject": known.title or HIDDEN_WORDS, "change": ""}
            read.update((name, words) for name, words in instead.items() if name in read)
            hide_words(read, "seen")
