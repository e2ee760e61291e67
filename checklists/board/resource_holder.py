"""Which attempt holds the resource for which a queued one waits, and whom to ask about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from checklists.models import Attempt, Member
from checklists.states import AttemptStatus, MemberPart


@dataclass(frozen=True)
class ResourceHolder:
    """The attempt that holds the resource, in whichever cutover, and the leads of that cutover."""

    attempt: Attempt
    leads: list[User]

    @property
    def is_unknown(self) -> bool:
        """Does nobody know what it did? It holds the resource until somebody decides."""
        return self.attempt.status == AttemptStatus.UNKNOWN


def find_resource_holder(waiting: Attempt | None) -> ResourceHolder | None:
    """None unless the attempt is queued and another one holds its resource."""
    if waiting is None or waiting.status != AttemptStatus.QUEUED or not waiting.resource:
        return None
    others = Attempt.objects.holding().filter(resource=waiting.resource).exclude(pk=waiting.pk)
    holder = others.select_related("cutover", "item").first()
    if holder is None:
        return None
    leads = Member.objects.filter(cutover=holder.cutover, part=MemberPart.LEAD).select_related("person")
    return ResourceHolder(holder, [member.person for member in leads])
