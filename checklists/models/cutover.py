"""One going-through of a runbook, and the people in it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from checklists.states import CutoverStatus, Direction, Kind, Part


class CutoverQuerySet(models.QuerySet["Cutover"]):
    """Questions about many cutovers."""

    def visible_to(self, person: AbstractBaseUser | AnonymousUser) -> CutoverQuerySet:
        """Those in which the person has a part; a superuser sees all."""
        if getattr(person, "is_superuser", False):
            return self
        return self.filter(members__person_id=person.pk).distinct()


class Cutover(models.Model):
    """A rehearsal, or the production one.

    ``epoch`` rises when a rollback is ordered: an attempt queued before it can no longer begin.
    """

    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=Kind)
    runbook = models.ForeignKey("checklists.Runbook", on_delete=models.PROTECT, related_name="cutovers")
    status = models.CharField(max_length=12, choices=CutoverStatus, default=CutoverStatus.OPEN)
    direction = models.CharField(max_length=8, choices=Direction, default=Direction.FORWARD)
    epoch = models.PositiveBigIntegerField(default=1)
    window_start = models.DateTimeField(null=True, blank=True)
    window_end = models.DateTimeField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA name; times are shown in it.")
    systems = models.JSONField(
        default=dict, help_text="The runbook's systems: as written; secrets stay in the environment."
    )
    seat_titles = models.JSONField(default=dict)  # seat key → title (jsonb keeps no order)
    rehearsal_quorum = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Signatures a gate asks for in this rehearsal, if not the runbook's."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = CutoverQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rehearsal_quorum=None) | Q(kind=Kind.REHEARSAL),
                name="only_rehearsals_lower_quorum",
            ),
            models.CheckConstraint(
                condition=Q(window_end=None) | Q(window_start__lt=F("window_end")),
                name="window_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(status=CutoverStatus.OPEN) ^ Q(closed_at__isnull=False), name="closed_has_a_time"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """The page of this cutover."""
        return reverse("cutover", args=[self.slug])

    @property
    def is_rehearsal(self) -> bool:
        """Is it practice?"""
        return self.kind == Kind.REHEARSAL

    @property
    def is_open(self) -> bool:
        """May things still be done in it?"""
        return self.status == CutoverStatus.OPEN

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which people of this cutover read the clock."""
        return ZoneInfo(self.timezone)


class Member(models.Model):
    """One person's part in one cutover, and the seats they may fill at its gates."""

    cutover = models.ForeignKey(Cutover, on_delete=models.CASCADE, related_name="members")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    part = models.CharField(max_length=12, choices=Part)
    seats = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    roles = ArrayField(models.SlugField(max_length=40), default=list, blank=True)

    class Meta:
        ordering = ["cutover", "person"]
        constraints = [
            models.UniqueConstraint(fields=["cutover", "person"], name="one_part_a_person"),
            models.CheckConstraint(
                condition=Q(part=Part.APPROVER) | Q(seats=[]) | Q(part=Part.LEAD),
                name="stakeholders_fill_no_seat",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} as {self.get_part_display()}"

    @property
    def may_act(self) -> bool:
        """May this person tick, start, cancel and reconcile?"""
        return self.part == Part.LEAD

    @property
    def may_sign(self) -> bool:
        """May this person sign in at least one seat?"""
        return bool(self.seats)
