"""Whether the people whose pages are open may still watch, asked for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.http import HttpRequest

from checklists.models import Cutover

SIGNED_OUT = "You were signed out."
NO_PART = "You no longer have a part in this cutover."
NO_LOGS = "You no longer see the logs of this cutover."


@dataclass(frozen=True)
class ViewerAccess:
    """What let a person open a stream: their session, made with the password of then, and their part."""

    cutover: int
    person: int
    session: str
    password_mark: str
    reads_log: bool = False

    @classmethod
    def of(cls, request: HttpRequest, cutover: int, *, reads_log: bool = False) -> ViewerAccess:
        """The access of the signed-in person who sent this request to the cutover (by id)."""
        assert isinstance(request.user, User)
        key = request.session.session_key or ""
        return cls(cutover, request.user.pk, key, request.user.get_session_auth_hash(), reads_log)


def find_lost_access(viewers: Sequence[ViewerAccess]) -> list[str]:
    """For each the reason why they may no longer watch; empty when they may. Five queries for all at most."""
    sessions = set(
        Session.objects.filter(
            session_key__in={each.session for each in viewers}, expire_date__gt=Now()
        ).values_list("session_key", flat=True)
    )
    people = User.objects.in_bulk({each.person for each in viewers})
    cutovers = Cutover.objects.filter(pk__in={each.cutover for each in viewers})
    visible = cutovers.seen_by(people.values())
    logs = cutovers.logs_seen_by(people.values()) if any(each.reads_log for each in viewers) else set()

    def reason(each: ViewerAccess) -> str:
        person = people.get(each.person)
        if each.session not in sessions or person is None or not person.is_active:
            return SIGNED_OUT
        if person.get_session_auth_hash() != each.password_mark:
            return SIGNED_OUT
        if (each.cutover, each.person) not in visible:
            return NO_PART
        return NO_LOGS if each.reads_log and (each.cutover, each.person) not in logs else ""

    return [reason(each) for each in viewers]
