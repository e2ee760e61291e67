"""Who may request each kind of change, who confirms it, and what carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from checklists.models import AuditEntry, Cutover
from checklists.services.permission import append_entry
from checklists.states import ChangeKind, MemberPart

#: Rows of “what would change”: a name and its value in words.
Details = list[tuple[str, str]]


def describe_nothing(cutover: Cutover, payload: Mapping[str, Any]) -> Details:
    """For kinds whose page shows what they change in another way."""
    return []


@dataclass(frozen=True)
class ChangeRule:
    """Who holds the right to a kind of change, and what carries it out.

    ``apply`` gets the cutover, locked exclusively, and the payload; it appends its own entry to the record
    with both people, and raises `CommandRefused` for what is no longer possible.
    """

    right: str  # as the record and refusals name it
    may_request: frozenset[MemberPart]
    may_confirm: frozenset[MemberPart]
    apply: Callable[..., None]
    permission: str = ""  # of Django, without which nobody requests it; an admin gives it. "": none is needed
    also_in_rehearsals: bool = False  # otherwise a rehearsal carries it out without a second person
    done: str = "Confirmed."  # shown to the person who confirmed it
    risk: str = ""  # shown to whoever requests or confirms it: what goes wrong if it is a mistake
    describe: Callable[[Cutover, Mapping[str, Any]], Details] = describe_nothing


def append_change(
    cutover: Cutover,
    kind: str,
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
    **facts: object,
) -> AuditEntry:
    """Appends what a change did, with its reason and both people; nobody confirms most of a rehearsal's."""
    return append_entry(
        cutover,
        kind,
        by=confirmed_by or requested_by,
        reason=reason,
        requested_by=requested_by.get_username(),
        confirmed_by=confirmed_by.get_username() if confirmed_by else None,
        **facts,
    )


#: Each kind's rule. The module of its noun adds it; a test fails for a kind without one.
RULES: dict[ChangeKind, ChangeRule] = {}

LEADS = frozenset({MemberPart.LEAD})
LEADS_AND_APPROVERS = frozenset({MemberPart.LEAD, MemberPart.APPROVER})
