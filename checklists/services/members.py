"""The people of a cutover: their parts, seats and roles.

While a cutover is being set up, a migration lead names its people. Later an admin changes them, or two leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from checklists.models import Attempt, ChangeRequest, Cutover, Member, MemberChange
from checklists.models.audit import database_now
from checklists.models.person_rules import WORK
from checklists.services.change_rules import LEADS, RULES, ChangeRule, Details
from checklists.services.changes import request_change
from checklists.services.permission import append_entry, get_member, lock_cutover
from checklists.services.refusal import CommandRefused
from checklists.states import ChangeKind, MemberPart


@transaction.atomic
def add_member(
    *,
    cutover: Cutover,
    person: User,
    part: MemberPart,
    seats: Sequence[str] = (),
    roles: Sequence[str] = (),
    by: User,
    reason: str = "",
) -> Member | ChangeRequest:
    """Gives a person a part, seats and roles in a cutover. A second call replaces the first.

    A lead does so while the cutover is being set up, an admin at any time. Later a lead requests it, with a
    reason, and another lead confirms it.
    """
    after = {"part": MemberPart(part).value, "seats": list(seats), "roles": list(roles)}
    asked = _change(cutover, person, after, reason=reason, by=by)
    return asked or Member.objects.get(cutover=cutover, person=person)


@transaction.atomic
def remove_member(*, cutover: Cutover, person: User, by: User, reason: str = "") -> ChangeRequest | None:
    """Takes a person out of a cutover, as `add_member` puts one in. What they did stays."""
    return _change(cutover, person, {}, reason=reason, by=by)


def _change(
    cutover: Cutover, person: User, after: dict[str, Any], *, reason: str, by: User
) -> ChangeRequest | None:
    cutover = lock_cutover(cutover.pk, exclusively=True)
    if not by.is_superuser and not get_member(cutover, by).may_act:
        raise CommandRefused("Only a migration lead adds people.")
    before = describe_member(Member.objects.filter(cutover=cutover, person=person).first())
    _check_change(cutover, person, before, after)
    if by.is_superuser or not is_set_up(cutover):
        _carry_out(cutover, person, before, after, reason=reason.strip(), requested_by=by, confirmed_by=None)
        return None
    if not cutover.members.filter(part=MemberPart.LEAD).exclude(person=by).exists():
        raise CommandRefused(
            "Work has begun, so people are changed by an admin of the panel or by two migration leads.",
            means="Nothing was changed: you are the only lead here.",
            next="Ask an admin.",
        )
    return request_change(
        cutover=cutover,
        kind=ChangeKind.MEMBER,
        summary=_summarize(cutover, person, before, after),
        payload={"person": person.get_username(), "before": before, "after": after},
        reason=reason,
        by=by,
    )


def _check_change(cutover: Cutover, person: User, before: dict[str, Any], after: dict[str, Any]) -> None:
    unknown = sorted(set(after.get("seats", [])) - set(cutover.seat_titles))
    if unknown:
        raise CommandRefused(
            f"The runbook has no seat called {', '.join(unknown)}.",
            next=f"It has: {', '.join(cutover.seat_titles)}.",
        )
    if before == after:
        raise CommandRefused(f"Nothing about {person} would change.", next="Reload the page.")
    leads = cutover.members.filter(part=MemberPart.LEAD).exclude(person=person)
    was_lead, is_lead = (one.get("part") == MemberPart.LEAD for one in (before, after))
    if was_lead and not is_lead and not leads.exists():
        raise CommandRefused(
            f"{person} is the only migration lead: nobody could start or tick anything any more.",
            next="Make somebody else a lead first.",
        )


def apply_member(
    cutover: Cutover,
    payload: Mapping[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    """Carries out a confirmed change of a person; an empty ``after`` removes them."""
    person = User.objects.get(username=payload["person"])
    before, after = dict(payload["before"]), dict(payload["after"])
    if describe_member(Member.objects.filter(cutover=cutover, person=person).first()) != before:
        raise CommandRefused(f"{person} was changed since this was requested.", next="Request it again.")
    _check_change(cutover, person, before, after)
    _carry_out(
        cutover, person, before, after, reason=reason, requested_by=requested_by, confirmed_by=confirmed_by
    )


def _carry_out(
    cutover: Cutover,
    person: User,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    write_member(cutover, person, after, requested_by=requested_by, confirmed_by=confirmed_by, reason=reason)
    released = [] if after else _release_items(cutover, person)
    kind = "member.added" if not before else "member.changed" if after else "member.removed"
    append_entry(
        cutover,
        kind,
        by=confirmed_by or requested_by,
        person=person.get_username(),
        **after,
        before=before,
        reason=reason,
        released=released,
        requested_by=requested_by.get_username(),
        confirmed_by=confirmed_by.get_username() if confirmed_by else None,
    )


def write_member(
    cutover: Cutover,
    person: User,
    after: dict[str, Any],
    *,
    requested_by: User,
    confirmed_by: User | None = None,
    reason: str = "",
) -> None:
    """Writes the change first, then the membership that results from it; without ``after`` there is none."""
    rows = Member.objects.filter(cutover=cutover, person=person)
    before = describe_member(rows.first())
    MemberChange.objects.create(
        cutover=cutover,
        person=person,
        before=before,
        after=after,
        seats_gained=sorted(set(after.get("seats", [])) - set(before.get("seats", []))),
        is_later=is_set_up(cutover),
        requested_by=requested_by,
        confirmed_by=confirmed_by,
        reason=reason,
        at=database_now(),
    )
    if after:
        Member.objects.update_or_create(cutover=cutover, person=person, defaults=after)
    else:
        rows.delete()


def _release_items(cutover: Cutover, person: User) -> list[str]:
    """Gives items that a removed person had taken on back to everybody."""
    claimed = cutover.items.current().filter(claimed_by=person)
    keys = list(claimed.values_list("key", flat=True))
    claimed.update(claimed_by=None)
    return keys


def describe_member(member: Member | None) -> dict[str, Any]:
    """Part, seats and roles of a person, as the record has them; empty for somebody without a part."""
    if member is None:
        return {}
    return {"part": member.part, "seats": list(member.seats), "roles": list(member.roles)}


def is_set_up(cutover: Cutover) -> bool:
    """Was anything started, ticked, skipped, signed or confirmed? Before that, a lead names the people."""
    return Attempt.objects.filter(cutover=cutover).exists() or cutover.record.filter(kind__in=WORK).exists()


def _summarize(cutover: Cutover, person: User, before: dict[str, Any], after: dict[str, Any]) -> str:
    if not after:
        return f"{person} no longer takes part"
    return f"{person} is {_in_words(cutover, after)}, and was {_in_words(cutover, before)}"[:300]


def _in_words(cutover: Cutover, values: Mapping[str, Any]) -> str:
    if not values:
        return "nobody here"
    titles = cutover.role_titles()
    held = ", ".join(map(cutover.seat_title, values["seats"]))
    owned = ", ".join(titles.get(role, role) for role in values["roles"])
    seats = f" with the seats {held}" if held else " without a seat"
    roles = f", owns the items of {owned}" if owned else ""
    return f"{MemberPart(values['part']).label.lower()}{seats}{roles}"


def describe_change_of_person(cutover: Cutover, payload: Mapping[str, Any]) -> Details:
    """The person before and after, and what a lost seat voids."""
    lost = sorted(set(payload["before"].get("seats", [])) - set(payload["after"].get("seats", [])))
    rows = [
        ("Person", str(payload["person"])),
        ("Now", _in_words(cutover, payload["before"])),
        ("Then", _in_words(cutover, payload["after"])),
    ]
    return rows + (
        [("Voided", f"their signatures as {', '.join(map(cutover.seat_title, lost))}")] if lost else []
    )


RULES[ChangeKind.MEMBER] = ChangeRule(
    right="change people and seats",
    may_request=LEADS,
    may_confirm=LEADS,
    apply=apply_member,
    also_in_rehearsals=True,  # a rehearsal uses the same gates
    done="Confirmed. Signatures in seats that were taken away no longer count.",
    describe=describe_change_of_person,
)
