"""Who gave a person a part or a seat, changed it or took it away, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from checklists.compiled_query import compiled_query
from checklists.models.cutover import Cutover
from checklists.models.decision_record_rules import member_change_has_its_entry
from checklists.models.person_rules import change_of_people_is_true, people_are_changed_by_who_may
from checklists.models.read_rows import ReadRow
from checklists.models.triggers import append_only

PERSON = settings.AUTH_USER_MODEL


@compiled_query
def _changes(cutover: int) -> models.QuerySet[MemberChange]:
    return MemberChange.objects.filter(cutover=cutover).order_by("id")


class MemberChangeQuerySet(models.QuerySet["MemberChange"]):
    """Queries over changes of people and seats."""

    def later_assigners(self, cutover: Cutover) -> Mapping[tuple[int, str], frozenset[int]]:
        """Person and seat → the people who assigned it last, where that was after work had begun.

        A seat that the person has had since the cutover was set up is not among them.
        """
        found: dict[tuple[int, str], frozenset[int]] = defaultdict(frozenset)
        for change in _changes(cutover.pk):
            by = {change.requested_by_id, change.confirmed_by_id} if change.is_later else set()
            for seat in change.seats_gained:
                found[change.person_id, seat] = frozenset(pk for pk in by if pk is not None)
        return {key: people for key, people in found.items() if people}


class MemberChange(ReadRow):
    """One change of a person's part, seats and roles in a cutover; ``after`` is empty for a removal.

    ``before`` and ``after`` have the keys ``part``, ``seats`` and ``roles``. ``is_later`` is False while the
    cutover was being set up: before its runbook was confirmed and before anything was done in it.
    """

    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="member_changes")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    seats_gained = ArrayField(models.SlugField(max_length=40), default=list, blank=True)
    is_later = models.BooleanField()
    requested_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    objects = MemberChangeQuerySet.as_manager()

    class Meta:
        ordering = ["cutover", "id"]
        triggers = [
            *append_only(),
            people_are_changed_by_who_may(),
            change_of_people_is_true(),
            member_change_has_its_entry(),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("requested_by")),
                name="another_person_confirms_people",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.before} → {self.after}"
