"""Changes that one person requests and a second one confirms."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.urls import reverse

from checklists.models.confirmation_triggers import requests_begin_open
from checklists.models.cutover import Cutover
from checklists.models.decision_record_rules import decision_has_its_entry, request_has_its_entry
from checklists.models.item import Item
from checklists.models.person_rules import asked_by_who_may, decided_by_who_may
from checklists.models.read_rows import ReadRow
from checklists.models.triggers import decided_once, never_deleted
from checklists.states import ChangeDecision, ChangeKind

PERSON = settings.AUTH_USER_MODEL


class ChangeRequestQuerySet(models.QuerySet["ChangeRequest"]):
    """Queries over requested changes."""

    def waiting(self) -> ChangeRequestQuerySet:
        """Those that nobody has decided yet."""
        people = ("requested_by", "on_behalf_of")
        return self.filter(decision="").select_related(*people, "cutover", "item")

    def confirmed_texts(self, digests: Collection[str]) -> ChangeRequestQuerySet:
        """The confirmations by which one of these texts (SHA-256) may run in production."""
        kinds = (ChangeKind.RUNBOOK, ChangeKind.AMENDMENT)
        confirmed = self.filter(kind__in=kinds, decision=ChangeDecision.CONFIRMED)
        return confirmed.alias(text=KeyTextTransform("after", "payload")).filter(text__in=list(digests))


class ChangeRequest(ReadRow):
    """One requested change. ``payload`` is all that carrying it out needs; ``decision`` is empty while open.

    The database refuses a confirmation by the person who requested the change, and by the person on whose
    behalf it was requested.
    """

    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="change_requests")
    kind = models.CharField(max_length=20, choices=ChangeKind)
    summary = models.CharField(max_length=300)  # one line for people
    reason = models.TextField()
    payload = models.JSONField(default=dict)
    # the item that it is about, if it is about one; of a tick what was handed in, and whose work it was
    item = models.ForeignKey(Item, null=True, on_delete=models.PROTECT, related_name="change_requests")
    tick = models.OneToOneField(
        "checklists.Tick", null=True, on_delete=models.PROTECT, related_name="request"
    )
    on_behalf_of = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=ChangeDecision, blank=True)
    decided_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    objects = ChangeRequestQuerySet.as_manager()

    class Meta:
        ordering = ["cutover", "requested_at"]
        triggers = [
            never_deleted(),
            decided_once(),
            requests_begin_open(),
            asked_by_who_may(),
            decided_by_who_may(),
            request_has_its_entry(),
            decision_has_its_entry(),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["cutover", "kind"],
                condition=Q(decision="", item=None),
                name="one_open_request_of_a_kind",
            ),
            models.UniqueConstraint(
                fields=["item", "kind"], condition=Q(decision=""), name="one_open_request_about_an_item"
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_by=None, decided_at=None)
                | (~Q(decision="") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="decision_has_person_and_time",
            ),
            models.CheckConstraint(
                condition=~Q(decision=ChangeDecision.CONFIRMED) | ~Q(decided_by=F("requested_by")),
                name="a_second_person_confirms",
            ),
            models.CheckConstraint(
                condition=~Q(decision=ChangeDecision.CONFIRMED)
                | Q(on_behalf_of=None)
                | ~Q(decided_by=F("on_behalf_of")),
                name="who_did_it_does_not_confirm",
            ),
        ]

    def __str__(self) -> str:
        return self.summary

    def get_absolute_url(self) -> str:
        """The page on which it is confirmed, declined or withdrawn."""
        return reverse("change-request", args=[self.cutover.slug, self.pk])

    @property
    def is_open(self) -> bool:
        """Does it still wait for a second person?"""
        return not self.decision
