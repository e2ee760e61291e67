"""Runbooks are code: a second person confirms each text before anything of it runs in production."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from checklists.board import is_runbook_confirmed
from checklists.models import ChangeRequest, Cutover, Runbook
from checklists.runbook import (
    Document,
    list_commands,
    list_early_phases,
    list_irreversible,
    list_systems,
    list_variables,
    read_definitions,
)
from checklists.services.change_rules import (
    LEADS,
    LEADS_AND_APPROVERS,
    RULES,
    ChangeRule,
    Details,
    append_change,
)
from checklists.services.changes import request_production_change
from checklists.services.refusal import CommandRefused
from checklists.states import ChangeKind


@transaction.atomic
def request_runbook_confirmation(*, cutover: Cutover, reason: str, by: User) -> ChangeRequest:
    """Asks a second person to confirm the text of a production cutover; opening it does this by itself.

    One confirmation per text: that of an amendment is its own, and a text that was confirmed needs no other.
    """
    if cutover.is_rehearsal or is_runbook_confirmed(cutover):
        raise CommandRefused("This runbook needs no confirmation.", means="Nothing was changed.")
    last = last_confirmed(cutover.runbook)
    return request_production_change(
        cutover=cutover,
        kind=ChangeKind.RUNBOOK,
        summary=f"{cutover.runbook} may run in production",
        payload={"after": cutover.runbook.sha256, "before": last.sha256 if last else ""},
        reason=reason,
        by=by,
    )


def last_confirmed(runbook: Runbook) -> Runbook | None:
    """The text of the same name that was confirmed for production last."""
    names = Runbook.objects.filter(name=runbook.name).values_list("sha256", flat=True)
    latest = ChangeRequest.objects.confirmed_texts(list(names)).order_by("-decided_at").first()
    return Runbook.objects.get(sha256=latest.payload["after"]) if latest else None


def require_confirmed_runbook(cutover: Cutover) -> None:
    """Raises `CommandRefused` for a production cutover whose text nobody has confirmed."""
    if not cutover.is_rehearsal and not is_runbook_confirmed(cutover):
        raise CommandRefused(
            "The text of this runbook waits for a second person, who confirms it for production.",
            means="It may name commands, so nothing of it runs before that, not even a preview.",
            next="Have it confirmed: the overview has the request.",
        )


def apply_runbook(
    cutover: Cutover,
    payload: Mapping[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    """Records the confirmation. The confirmed request is what the board and the database look for."""
    if cutover.runbook.sha256 != payload["after"]:
        raise CommandRefused(
            "The runbook was amended since this was requested, and that has a confirmation of its own.",
            next="Withdraw this request.",
        )
    append_change(
        cutover,
        "runbook.confirmed",
        reason=reason,
        requested_by=requested_by,
        confirmed_by=confirmed_by,
        sha256=payload["after"],
        last_confirmed=payload["before"],
    )


def describe_runbook(cutover: Cutover, payload: Mapping[str, Any]) -> Details:
    """What the text can do, and with whom it was opened: the person who confirms it answers for both."""
    document = read_definitions(Runbook.objects.get(sha256=payload["after"]).text)
    people = [str(member) for member in cutover.members.select_related("person")]
    rows = [
        ("SHA-256", [payload["after"]]),
        ("Last confirmed text of this name", [payload["before"] or "none: this is the first"]),
        *_describe_contents(document),
        ("People", people),
    ]
    return [(name, "\n".join(lines) or "none") for name, lines in rows]


def _describe_contents(document: Document) -> list[tuple[str, list[str]]]:
    irreversible = [f"{item.number} {item.title}" for item in list_irreversible(document)]
    return [
        ("Systems", list_systems(document)),
        ("Commands", list_commands(document)),
        ("Variables", [", ".join(list_variables(document))]),
        ("Starts before the window", list_early_phases(document)),
        ("Who sees logs", [_who_sees_logs(document)]),
        ("Cannot be taken back", irreversible),
    ]


def _who_sees_logs(document: Document) -> str:
    return "everybody, stakeholders too" if document.logs_for_stakeholders else "who works on the cutover"


RULES[ChangeKind.RUNBOOK] = ChangeRule(
    right="confirm the runbook for production",
    may_request=LEADS,
    may_confirm=LEADS_AND_APPROVERS,
    apply=apply_runbook,
    done="Confirmed. This text may run in production.",
    risk=(
        "A runbook is code: its commands run on the hosts of the workers, with the values of the variables "
        "that it names. Confirm only what you have read."
    ),
    describe=describe_runbook,
)
