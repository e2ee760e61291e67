"""One execution of a runbook, and its people."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from checklists.models.confirmation_triggers import two_people_move_the_window
from checklists.models.definition_rules import (
    begins_open,
    has_its_change,
    leaves_with_its_change,
    only_forward,
    written_once,
)
from checklists.models.read_rows import ReadRow
from checklists.models.record_rules import cutover_changes_with_its_entry, cutover_opens_with_its_entry
from checklists.models.story_rules import cutover_moves_on
from checklists.models.triggers import never_deleted
from checklists.runbook.document import DECISION_TIME
from checklists.states import CutoverKind, CutoverStatus, Direction, MemberPart


class CutoverQuerySet(models.QuerySet["Cutover"]):
    """Queries over cutovers."""

    def visible_to(self, person: AbstractBaseUser | AnonymousUser) -> CutoverQuerySet:
        """The cutovers in which the person has a part; a superuser sees all."""
        if getattr(person, "is_superuser", False):
            return self
        return self.filter(members__person_id=person.pk).distinct()

    def seen_by(self, people: Iterable[User]) -> set[tuple[int, int]]:
        """Who of these people sees which of the cutovers, by the rule of `visible_to`: (cutover, person)."""
        people = list(people)
        ids = [person.pk for person in people]  # not the rows: Django would take each apart
        pairs = set(self.filter(members__person__in=ids).values_list("pk", "members__person_id"))
        admins = [person.pk for person in people if person.is_superuser]
        every = list(self.values_list("pk", flat=True)) if admins else []  # once, not for each admin
        return pairs | {(pk, admin) for admin in admins for pk in every}

    def logs_seen_by(self, people: Iterable[User]) -> set[tuple[int, int]]:
        """Who of these people may read logs in which of the cutovers. People who only watch may where the
        runbook says so: programs print what they like."""
        people = list(people)
        ids = [person.pk for person in people]
        work = Member.objects.filter(cutover__in=self, person__in=ids).exclude(part=MemberPart.STAKEHOLDER)
        told = self.filter(logs_for_stakeholders=True).seen_by(people)
        return told | set(work.values_list("cutover_id", "person_id"))


class Cutover(ReadRow):
    """A rehearsal or the production cutover.

    ``epoch`` rises when a rollback is ordered: an attempt that was queued before can no longer begin.
    """

    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=CutoverKind)
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
    logs_for_stakeholders = models.BooleanField(
        default=False, help_text="The runbook lets people who only watch see the logs of attempts."
    )
    # both from the runbook; cutovers opened before migration 0026 measure no RTO
    rto_from = models.SlugField(max_length=80, blank=True, default="")
    rto_to = models.SlugField(max_length=80, blank=True, default="")
    decision_time = models.DurationField(default=DECISION_TIME)
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
        triggers = [
            two_people_move_the_window(),
            written_once("slug", "kind", "rehearsal_quorum", "title", "created_by_id", "created_at"),
            begins_open(),
            only_forward(),
            cutover_moves_on(),
            cutover_opens_with_its_entry(),
            cutover_changes_with_its_entry(),
            never_deleted(),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(rehearsal_quorum=None) | Q(kind=CutoverKind.REHEARSAL),
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
        """Is it a rehearsal?"""
        return self.kind == CutoverKind.REHEARSAL

    @property
    def is_open(self) -> bool:
        """Can its items still be done?"""
        return self.status == CutoverStatus.OPEN

    def seat_title(self, seat: str) -> str:
        """The title of a seat as the runbook has it."""
        return str(self.seat_titles.get(seat, seat.capitalize()))

    def role_titles(self) -> dict[str, str]:
        """Role → its title as the runbook has it, for the roles that own items; one query."""
        owners = self.items.current().exclude(owner="").order_by("owner")
        return {role: title or role for role, title in owners.values_list("owner", "owner_title").distinct()}

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which its pages show times."""
        return ZoneInfo(self.timezone)


class Member(ReadRow):
    """One person's part in one cutover, and the seats they may fill at its gates."""

    cutover = models.ForeignKey(Cutover, on_delete=models.CASCADE, related_name="members")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    part = models.CharField(max_length=12, choices=MemberPart)
    seats = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    roles = ArrayField(models.SlugField(max_length=40), default=list, blank=True)

    class Meta:
        ordering = ["cutover", "person"]
        triggers = [has_its_change(), leaves_with_its_change()]
        constraints = [
            models.UniqueConstraint(fields=["cutover", "person"], name="one_part_a_person"),
            models.CheckConstraint(
                condition=Q(part=MemberPart.APPROVER) | Q(seats=[]) | Q(part=MemberPart.LEAD),
                name="stakeholders_fill_no_seat",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} as {self.get_part_display()}"

    @property
    def may_act(self) -> bool:
        """May this person tick, start, cancel and reconcile?"""
        return self.part == MemberPart.LEAD

    @property
    def may_sign(self) -> bool:
        """May this person sign in at least one seat?"""
        return bool(self.seats)
