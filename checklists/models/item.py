"""What must be done: phases, items, what a gate is decided on, and what people noted."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from checklists.models.cutover import Cutover
from checklists.states import Direction, ItemKind

PERSON = settings.AUTH_USER_MODEL


class Phase(models.Model):
    """One part of a cutover's runbook, with a note where the customer's text was corrected."""

    cutover = models.ForeignKey(Cutover, on_delete=models.CASCADE, related_name="phases")
    position = models.PositiveSmallIntegerField()
    number = models.CharField(max_length=8)
    key = models.SlugField(max_length=60)
    title = models.CharField(max_length=200)
    direction = models.CharField(max_length=8, choices=Direction, default=Direction.FORWARD)
    note = models.TextField(blank=True)
    original = models.TextField(blank=True)

    class Meta:
        ordering = ["cutover", "position"]
        constraints = [models.UniqueConstraint(fields=["cutover", "key"], name="phase_key_once")]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


class Item(models.Model):
    """One thing to do in one cutover: a tick, an action or a gate.

    What the runbook says of it stays as it was read; only the tick, the skip and the claim move.
    How it stands is worked out (`checklists.gates`), never stored.
    """

    cutover = models.ForeignKey(Cutover, on_delete=models.CASCADE, related_name="items")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=80)
    number = models.CharField(max_length=12)
    title = models.CharField(max_length=200)
    how = models.TextField(blank=True)
    original = models.TextField(blank=True)
    kind = models.CharField(max_length=8, choices=ItemKind)
    owner = models.SlugField(max_length=40)
    owner_title = models.CharField(max_length=100, blank=True)
    needs = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    planned = models.DurationField(null=True)
    optional = models.BooleanField(default=False)
    # actions
    action = models.CharField(max_length=60, blank=True)
    params = models.JSONField(default=dict, blank=True)
    fresh_for = models.DurationField(null=True)
    deadline = models.DurationField(null=True)
    undo = models.SlugField(max_length=80, blank=True)
    irreversible = models.TextField(blank=True)
    goes_with = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    type_target = models.BooleanField(default=False)
    # gates
    seats = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    quorum = models.PositiveSmallIntegerField(default=0)
    # what people did with it
    claimed_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    done_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    done_at = models.DateTimeField(null=True)
    skipped_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    skipped_at = models.DateTimeField(null=True)
    skip_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["cutover", "phase__position", "position"]
        constraints = [
            models.UniqueConstraint(fields=["cutover", "key"], name="item_key_once"),
            models.CheckConstraint(
                condition=Q(done_at=None, done_by=None) | Q(done_at__isnull=False, done_by__isnull=False),
                name="tick_has_person_and_time",
            ),
            models.CheckConstraint(
                condition=Q(skipped_at=None, skipped_by=None, skip_reason="")
                | (Q(skipped_at__isnull=False, skipped_by__isnull=False) & ~Q(skip_reason="")),
                name="skip_has_person_time_and_reason",
            ),
            models.CheckConstraint(
                condition=Q(done_at=None) | Q(kind=ItemKind.MANUAL), name="only_manual_items_are_ticked"
            ),
            models.CheckConstraint(
                condition=Q(done_at=None) | Q(skipped_at=None), name="not_both_ticked_and_skipped"
            ),
            models.CheckConstraint(
                condition=~Q(kind=ItemKind.GATE) | Q(skipped_at=None), name="gates_are_not_skipped"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        """The page of this item: a gate's is its gate page."""
        view = "gate" if self.kind == ItemKind.GATE else "item"
        return reverse(view, args=[self.cutover.slug, self.key])


class GateEvidence(models.Model):
    """One fact that a gate is decided on: the latest success of an item, not older than ``fresh_for``."""

    gate = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="gate_evidence")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="asked_by")
    fresh_for = models.DurationField(null=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["gate", "position"]
        constraints = [models.UniqueConstraint(fields=["gate", "item"], name="evidence_asked_once")]

    def __str__(self) -> str:
        return f"{self.gate_id} asks for {self.item_id}"


class Note(models.Model):
    """A remark of a person on an item."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="notes")
    by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    text = models.TextField(max_length=4000)

    class Meta:
        ordering = ["item", "at"]

    def __str__(self) -> str:
        return self.text[:60]
