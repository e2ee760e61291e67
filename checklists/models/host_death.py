"""Hosts that two people declared dead: an attempt that was lost there has no living executor any more."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from checklists.models.change_request import ChangeRequest
from checklists.models.confirmation_triggers import two_people_declared_it
from checklists.models.cutover import Cutover
from checklists.models.decision_record_rules import host_death_has_its_entry
from checklists.models.story_rules import host_is_silent
from checklists.models.triggers import append_only

PERSON = settings.AUTH_USER_MODEL


class HostDeathQuerySet(models.QuerySet["HostDeath"]):
    """Queries over declarations."""

    def covering(self, host: str, claimed_at: datetime) -> HostDeathQuerySet:
        """Declarations about the host that were made after an attempt was claimed there.

        A host that came back and claimed an attempt later is not covered: that executor may live.
        """
        return self.filter(host=host, at__gt=claimed_at)


class HostDeath(models.Model):
    """The declaration of a lead, confirmed by a second person, that a host and all its processes are gone.

    ``host`` is the name under which executors write themselves into an attempt's ``owner``; ``since`` is the
    last heartbeat of the attempts that were lost there.
    """

    host = models.CharField(max_length=200)
    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="host_deaths")
    since = models.DateTimeField(null=True)
    reason = models.TextField()
    request = models.OneToOneField(ChangeRequest, on_delete=models.PROTECT, related_name="host_death")
    declared_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = HostDeathQuerySet.as_manager()

    class Meta:
        ordering = ["host", "at"]
        triggers = [
            *append_only(),
            two_people_declared_it(),
            host_is_silent(),
            host_death_has_its_entry(),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(confirmed_by=F("declared_by")), name="another_person_confirms_the_death"
            )
        ]

    def __str__(self) -> str:
        return f"{self.host}, declared dead {self.at:%Y-%m-%d %H:%M}"
