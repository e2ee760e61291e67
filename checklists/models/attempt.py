"""One try of an action: who started it, who runs it, how far it is and how it ended."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from checklists.models.attempt_triggers import (
    is_started_with_its_entry,
    leaves_its_entry,
    legal_transitions,
    moves_under_a_lease,
    reconciled_on_a_finding,
)
from checklists.models.confirmation_triggers import (
    irreversible_work_is_named,
    production_keeps_to_its_window,
    production_runs_confirmed_texts,
)
from checklists.models.cutover import Cutover
from checklists.models.definition_rules import begins_queued, written_once
from checklists.models.item import Item
from checklists.models.masked_rows import (
    MaskedRow,
    ReadFields,
    are_texts_shown,
    hide_facts,
    hide_finding,
    hide_words,
    is_summary_shown,
)
from checklists.models.record_rules import cancel_has_its_entry, finding_has_its_entry
from checklists.models.story_rules import attempt_is_cancelled_once, attempt_keeps_its_story
from checklists.models.triggers import never_deleted
from checklists.states import (
    EFFECT_BEGUN,
    HOLDING,
    LEASED,
    LIVE,
    TRANSITIONS,
    AttemptStatus,
    Direction,
    Reconciliation,
)
from integrations.row_values import HIDDEN_WORDS

PERSON = settings.AUTH_USER_MODEL
#: The columns that say what was requested, by whom and when.
REQUESTED = (
    *("id", "cutover_id", "item_id", "number", "action", "effect", "params", "resource", "epoch"),
    *("direction", "requested_by_id", "deadline", "queued_at"),
)


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """Queries over attempts, and the one way to change their status."""

    def live(self) -> AttemptQuerySet:
        """Attempts that keep their item from being started again."""
        return self.filter(status__in=LIVE)

    def holding(self) -> AttemptQuerySet:
        """Attempts that hold their resource."""
        return self.filter(status__in=HOLDING)

    def leased(self) -> AttemptQuerySet:
        """Attempts that an executor owns."""
        return self.filter(status__in=LEASED)

    def transition(self, to: AttemptStatus, **changes: object) -> int:
        """Changes the status of those that may legally change to ``to``; gives their number.

        One conditional UPDATE: an attempt that has moved on since it was read is left alone.
        """
        allowed = [old for old, targets in TRANSITIONS.items() if to in targets]
        return self.filter(status__in=allowed).update(status=to, **changes)


class Attempt(MaskedRow):
    """The row that an executor claims and finishes. All times come from the database's clock.

    ``fence`` is the number that the executor carries in each write; 0 means that it was never claimed.
    ``owner`` identifies the executing process: host, boot id, pid and its start time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="attempts")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    action = models.CharField(max_length=60)
    effect = models.CharField(max_length=12)
    params = models.JSONField(default=dict)
    resource = models.CharField(max_length=300, null=True)
    epoch = models.PositiveBigIntegerField()
    direction = models.CharField(max_length=8, choices=Direction)
    status = models.CharField(max_length=10, choices=AttemptStatus, default=AttemptStatus.QUEUED)
    requested_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    deadline = models.DurationField(default=timedelta(minutes=30))

    fence = models.BigIntegerField(default=0)
    owner = models.JSONField(default=dict)  # see `executor.launch`
    queued_at = models.DateTimeField()
    woken_at = models.DateTimeField(null=True)  # last asked for: a run or, once unknown, a probe
    claimed_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    effect_started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")

    before = models.JSONField(default=dict)  # what the action observed just before its effect, for the probe
    progress_done = models.FloatField(default=0)
    progress_total = models.FloatField(default=0)
    progress_what = models.CharField(max_length=300, blank=True)
    progress_at = models.DateTimeField(null=True)
    log_next = models.PositiveBigIntegerField(default=1)  # the number of the next log line

    summary = models.TextField(blank=True)  # one line for people
    problem = models.JSONField(default=dict)  # {"what", "means", "next"} when it errored
    unknown_reason = models.TextField(blank=True)
    finding = models.JSONField(default=dict)  # the latest probe: {"seen", "saw", "facts", "at", "dead"}
    reconciliation = models.CharField(max_length=8, choices=Reconciliation, blank=True)
    reconciled_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    reconciled_at = models.DateTimeField(null=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["item", "number"]
        triggers = [
            legal_transitions(),
            moves_under_a_lease(),
            reconciled_on_a_finding(),
            leaves_its_entry(),
            is_started_with_its_entry(),
            never_deleted(),
            production_keeps_to_its_window(),
            production_runs_confirmed_texts(),
            irreversible_work_is_named(),
            begins_queued(),
            written_once(*REQUESTED),
            attempt_keeps_its_story(),
            attempt_is_cancelled_once(),
            cancel_has_its_entry(),
            finding_has_its_entry(),
        ]
        indexes = [models.Index(fields=["cutover", "status"])]
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["item"], condition=Q(status__in=sorted(LIVE)), name="one_live_attempt_an_item"
            ),
            models.UniqueConstraint(
                fields=["resource"],
                condition=Q(status__in=sorted(HOLDING), resource__isnull=False),
                name="one_holder_a_resource",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=EFFECT_BEGUN) | Q(effect_started_at__isnull=False),
                name="no_ending_without_a_beginning",
            ),
            models.CheckConstraint(
                condition=Q(status=AttemptStatus.RECONCILED) ^ Q(reconciliation=""),
                name="reconciled_says_what_was_found",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} #{self.number}"

    def get_absolute_url(self) -> str:
        """The item's page, opened at this attempt."""
        return f"{reverse('item', args=[self.cutover.slug, self.item.key])}?attempt={self.number}"

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """Its sentences, unless the action declares that they name no values; what a person wrote stays."""
        known = ReadFields(read)
        hide_facts(read, "before")
        if read.get("finding"):
            read["finding"] = hide_finding(read["finding"], words=not are_texts_shown(known.action))
        if are_texts_shown(known.action):
            return
        by_person = known.status == AttemptStatus.RECONCILED and known.reconciled_by_id
        if not by_person and not is_summary_shown(known.action, known.status):
            hide_words(read, "summary")
        hide_words(read, "progress_what", "unknown_reason")
        if read.get("problem"):
            read["problem"] = {"what": HIDDEN_WORDS}

    @property
    def is_live(self) -> bool:
        """Does it keep its item from being started again?"""
        return self.status in LIVE

    @property
    def succeeded(self) -> bool:
        """Did the action succeed, or was it reconciled as done?"""
        return self.status == AttemptStatus.SUCCEEDED or self.reconciliation == Reconciliation.DONE

    @property
    def took(self) -> timedelta | None:
        """The time from the beginning of the effect to the end; None while it is not over."""
        if self.effect_started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.effect_started_at
