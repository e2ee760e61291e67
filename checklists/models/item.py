"""What must be done: phases, items, the evidence that gates ask for, and notes."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse

from checklists.models.confirmation_triggers import irreversible_ticks_are_named
from checklists.models.cutover import Cutover
from checklists.models.decision_record_rules import note_has_its_entry
from checklists.models.definition_rules import settled_by_a_lead, written_now, written_once
from checklists.models.person_rules import noted_by_a_member
from checklists.models.read_rows import ReadRow
from checklists.models.record_rules import (
    changes_with_the_runbook,
    comes_with_the_runbook,
    evidence_comes_with_the_runbook,
    item_changes_with_its_entry,
)
from checklists.models.story_rules import item_begins_undone, item_changes_while_open
from checklists.models.triggers import append_only, never_deleted, tick_has_what_the_item_requires
from checklists.states import Direction, ItemKind, Requirement

PERSON = settings.AUTH_USER_MODEL
#: The columns that come from the runbook. An amendment moves an item (`position`) and renames its owner.
DEFINITION = (
    *("cutover_id", "phase_id", "key", "number", "title", "how", "original", "kind", "owner", "needs"),
    *("planned", "optional", "action", "params", "fresh_for", "deadline", "undo", "irreversible"),
    *("goes_with", "type_target", "requires", "seats", "quorum", "opens", "runbook_sha256"),
)
#: Those that an amendment changes in place.
AMENDED = ("position", "owner_title", "service_restored", "ends_window", "superseded_at")


class Phase(ReadRow):
    """One part of a cutover. ``note`` says where ``original``, the customer's text, was corrected."""

    cutover = models.ForeignKey(Cutover, on_delete=models.CASCADE, related_name="phases")
    position = models.PositiveSmallIntegerField()
    number = models.CharField(max_length=8)
    key = models.SlugField(max_length=60)
    title = models.CharField(max_length=200)
    direction = models.CharField(max_length=8, choices=Direction, default=Direction.FORWARD)
    # production may start its items before the window; no part of cutovers opened before migration 0015
    before_window = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    original = models.TextField(blank=True)

    class Meta:
        ordering = ["cutover", "position"]
        triggers = [
            written_once("cutover_id", "number", "key", "direction"),
            never_deleted(),
            comes_with_the_runbook(),
            changes_with_the_runbook("position", "title", "note", "original", "before_window"),
        ]
        constraints = [models.UniqueConstraint(fields=["cutover", "key"], name="phase_key_once")]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


@lru_cache(maxsize=8192)
def item_url(page: str, cutover: str, key: str) -> str:
    """The address of one of an item's pages. Kept: Django takes longer for it than a row of a list takes."""
    return reverse(page, args=[cutover, key])


class ItemQuerySet(models.QuerySet["Item"]):
    """Queries over definitions of items."""

    def current(self) -> ItemQuerySet:
        """The definitions that hold now; those that an amendment replaced or removed stay behind."""
        return self.filter(superseded_at=None)


class Item(ReadRow):
    """One item of a cutover: manual, an action or a gate.

    What comes from the runbook never changes; only tick, skip and claim do. Its state is computed by
    `checklists.board` and never stored. An amendment of the runbook writes a new row for a changed item:
    attempts and signatures keep pointing to the definition under which they were made.
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
    optional = models.BooleanField(default=False)  # may stay open when the cutover is completed
    # actions
    action = models.CharField(max_length=60, blank=True)
    params = models.JSONField(default=dict, blank=True)
    fresh_for = models.DurationField(null=True)
    deadline = models.DurationField(null=True)
    undo = models.SlugField(max_length=80, blank=True)
    irreversible = models.TextField(blank=True)
    goes_with = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    type_target = models.BooleanField(default=False)
    # manual items: what has to be handed in (`Requirement`); earlier cutovers ask for nothing
    requires = ArrayField(models.CharField(max_length=16, choices=Requirement), default=list, blank=True)
    # gates
    seats = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    quorum = models.PositiveSmallIntegerField(default=0)
    # what a pass allows; cutovers opened before migration 0006 have none
    opens = models.TextField(blank=True, default="")
    # marks that the forecast reads; an amendment sets them without a new definition of the item
    service_restored = models.BooleanField(default=False)
    ends_window = models.BooleanField(default=False)
    # which definition this is
    runbook_sha256 = models.CharField(max_length=64, help_text="The text of the runbook that defined it.")
    superseded_at = models.DateTimeField(null=True)  # when an amendment replaced or removed it
    # what people did with it
    claimed_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    claimed_at = models.DateTimeField(null=True)  # the start of a manual item; kept when it is ticked
    done_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    done_at = models.DateTimeField(null=True)
    skipped_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    skipped_at = models.DateTimeField(null=True)
    skip_reason = models.TextField(blank=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        ordering = ["cutover", "phase__position", "position"]
        triggers = [
            tick_has_what_the_item_requires(),
            irreversible_ticks_are_named(),
            written_once(*DEFINITION),
            settled_by_a_lead(),
            never_deleted(),
            item_begins_undone(),
            item_changes_while_open(),
            item_changes_with_its_entry(),
            comes_with_the_runbook(),
            changes_with_the_runbook(*AMENDED),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["cutover", "key"], condition=Q(superseded_at=None), name="item_key_once"
            ),
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
        return item_url("gate" if self.kind == ItemKind.GATE else "item", self.cutover.slug, self.key)

    @property
    def requirements(self) -> list[str]:
        """What has to be handed in with a tick, in words."""
        return [Requirement(word).label for word in self.requires]


class GateEvidence(ReadRow):
    """An item whose latest success a gate asks for, not older than ``fresh_for``."""

    gate = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="gate_evidence")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="asked_by")
    fresh_for = models.DurationField(null=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["gate", "position"]
        triggers = [*append_only(), evidence_comes_with_the_runbook()]
        constraints = [models.UniqueConstraint(fields=["gate", "item"], name="evidence_asked_once")]

    def __str__(self) -> str:
        return f"{self.gate_id} asks for {self.item_id}"


class Note(ReadRow):
    """A remark of a person on an item."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="notes")
    by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.TextField(max_length=4000)

    class Meta:
        ordering = ["item", "at"]
        triggers = [*append_only(), written_now(), noted_by_a_member(), note_has_its_entry()]

    def __str__(self) -> str:
        return self.text[:60]
