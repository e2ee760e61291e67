"""Declaring a host dead, when no worker can prove it: one person requests it, a second one confirms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from checklists import tasks
from checklists.announcements import after_commit
from checklists.models import Attempt, ChangeRequest, Cutover, HostDeath
from checklists.models.audit import database_now
from checklists.services.change_rules import LEADS_AND_APPROVERS, RULES, ChangeRule, Details
from checklists.services.changes import request_change
from checklists.services.permission import append_entry
from checklists.services.refusal import CommandRefused
from checklists.states import LEASED, AttemptStatus, ChangeKind

RISK = (
    "If the host still lives, what it had started may still be working, and an action that may run at most "
    "once can run twice. Before you declare it dead, switch the machine off, or cut it off from the network "
    "and from every system that it can reach."
)


def lost_hosts(cutover: Cutover) -> dict[str, datetime | None]:
    """Hosts on which attempts of this cutover were lost → the last heartbeat that came from there."""
    unknown = Attempt.objects.filter(cutover=cutover, status=AttemptStatus.UNKNOWN)
    found: dict[str, datetime | None] = {}
    for attempt in unknown.order_by("heartbeat_at"):
        host = str(attempt.owner.get("host", ""))
        if host:
            found[host] = attempt.heartbeat_at or found.get(host)
    return found


@transaction.atomic
def declare_host_dead(*, cutover: Cutover, host: str, reason: str, by: User) -> ChangeRequest:
    """Requests that a host counts as dead; a second person confirms it, also in a rehearsal.

    Raises `CommandRefused` when nothing was lost there, or when an attempt runs there at this moment.
    """
    since = _check_host(cutover, host)
    requested = request_change(
        cutover=cutover,
        kind=ChangeKind.HOST_DEAD,
        summary=f"the host {host} and everything that ran there is gone",
        payload={"host": host, "since": since.isoformat() if since else ""},
        reason=reason,
        by=by,
    )
    assert requested is not None  # also in rehearsals
    return requested


def apply_host_death(
    cutover: Cutover,
    payload: Mapping[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    """Writes the declaration and asks for a probe of everything that was lost on the host.

    ``payload``: ``host`` and ``since``, the last heartbeat from there (ISO 8601, may be empty).
    """
    assert confirmed_by is not None  # also in rehearsals
    host = str(payload["host"])
    since = _check_host(cutover, host)
    request = cutover.change_requests.get(kind=ChangeKind.HOST_DEAD, decision="CONFIRMED", host_death=None)
    HostDeath.objects.create(
        host=host,
        cutover=cutover,
        since=since,
        reason=reason,
        request=request,
        declared_by=requested_by,
        confirmed_by=confirmed_by,
        at=database_now(),
    )
    append_entry(
        cutover,
        "host.declared_dead",
        by=confirmed_by,
        host=host,
        since=since,
        reason=reason,
        requested_by=requested_by.get_username(),
        confirmed_by=confirmed_by.get_username(),
    )
    unknown = Attempt.objects.filter(status=AttemptStatus.UNKNOWN, owner__host=host)
    for key in unknown.values_list("pk", flat=True):
        after_commit(tasks.wake_prober, str(key))


def _check_host(cutover: Cutover, host: str) -> datetime | None:
    """The last heartbeat from the host. Raises `CommandRefused` when it cannot be declared dead now."""
    found = lost_hosts(cutover)
    if host not in found:
        names = ", ".join(found) or "none"
        raise CommandRefused(
            f"No attempt of this cutover was lost on a host called “{host}”.",
            next=f"Hosts with a lost attempt: {names}.",
        )
    here = Attempt.objects.filter(status__in=LEASED, owner__host=host, lease_expires_at__gt=database_now())
    if living := here.select_related("item", "cutover").first():
        raise CommandRefused(
            f"{host} is not dead: {living.item} of {living.cutover} runs there at this moment.",
            means="Nothing was changed.",
            next="Probe the lost attempt from there. Or end that worker, and wait until its attempt is lost.",
        )
    return found[host]


def describe_host(cutover: Cutover, payload: Mapping[str, Any]) -> Details:
    """The host, its last heartbeat and the attempts that were lost there."""
    lost = Attempt.objects.filter(status=AttemptStatus.UNKNOWN, owner__host=payload["host"])
    rows = [("Host", str(payload["host"])), ("Last heartbeat", _format_time(cutover, payload["since"]))]
    for one in lost.select_related("item", "cutover").order_by("queued_at"):
        effect = one.effect.replace("_", " ").lower()
        rows.append(("Lost there", f"{one.item} (try {one.number}, {effect}) of {one.cutover}"))
    return rows


def _format_time(cutover: Cutover, iso: str) -> str:
    if not iso:
        return "never"
    return f"{datetime.fromisoformat(iso).astimezone(cutover.zone):%d %B %Y, %H:%M:%S} ({cutover.timezone})"


RULES[ChangeKind.HOST_DEAD] = ChangeRule(
    right="declare a host dead",
    may_request=LEADS_AND_APPROVERS,
    may_confirm=LEADS_AND_APPROVERS,
    apply=apply_host_death,
    also_in_rehearsals=True,  # workers and the systems that they reach are the same as in production
    done="Confirmed. The host counts as dead, and what was lost there is probed again.",
    risk=RISK,
    describe=describe_host,
)
