"""The window of a cutover: moving it, and starting one item before it opens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from checklists.board import opens_later
from checklists.models import ChangeRequest, Cutover, Item
from checklists.models.audit import database_now
from checklists.services.change_rules import (
    LEADS,
    LEADS_AND_APPROVERS,
    RULES,
    ChangeRule,
    Details,
    append_change,
)
from checklists.services.changes import request_change, request_production_change
from checklists.services.refusal import CommandRefused
from checklists.states import ChangeKind, ItemKind


@transaction.atomic
def move_window(
    *, cutover: Cutover, start: datetime, end: datetime, reason: str, by: User
) -> ChangeRequest | None:
    """Moves the window: at once in a rehearsal, and by request in production. It is never taken away."""
    _check_window(start, end)
    return request_change(
        cutover=cutover,
        kind=ChangeKind.WINDOW,
        summary=f"the window is {format_window(cutover, start, end)}",
        payload={"start": start.isoformat(), "end": end.isoformat(), "before": _payload_of(cutover)},
        reason=reason,
        by=by,
    )


def apply_window(
    cutover: Cutover,
    payload: Mapping[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    """Writes the new window; confirmed earlier starts, which were given for the old one, end with it."""
    if _payload_of(cutover) != payload["before"]:
        raise CommandRefused("The window was moved since this was requested.", next="Request it again.")
    start, end = datetime.fromisoformat(payload["start"]), datetime.fromisoformat(payload["end"])
    _check_window(start, end)
    cutover.window_start, cutover.window_end = start, end
    cutover.save(update_fields=["window_start", "window_end"])
    append_change(
        cutover,
        "window.moved",
        reason=reason,
        requested_by=requested_by,
        confirmed_by=confirmed_by,
        before=payload["before"],
        start=start,
        end=end,
    )


def _check_window(start: datetime, end: datetime) -> None:
    if start >= end:
        raise CommandRefused("The window ends before it starts.", next="Check both times.")
    if end <= database_now():
        raise CommandRefused("This window is over already.", next="Give an end that is still to come.")


def _payload_of(cutover: Cutover) -> list[str]:
    return [at.isoformat() for at in (cutover.window_start, cutover.window_end) if at]


def format_window(cutover: Cutover, start: datetime, end: datetime) -> str:
    """“30 November 2026, 01:00 – 30 November 2026, 05:00 (Africa/Accra)”."""
    first, last = start.astimezone(cutover.zone), end.astimezone(cutover.zone)
    return f"{first.day} {first:%B %Y, %H:%M} – {last.day} {last:%B %Y, %H:%M} ({cutover.timezone})"


def describe_window(cutover: Cutover, payload: Mapping[str, Any]) -> Details:
    """The window before and after."""
    times = [datetime.fromisoformat(text) for text in payload["before"]]
    before = format_window(cutover, times[0], times[1]) if len(times) == 2 else "none"
    start, end = datetime.fromisoformat(payload["start"]), datetime.fromisoformat(payload["end"])
    return [("Window now", before), ("Window then", format_window(cutover, start, end))]


@transaction.atomic
def start_early(*, item: Item, reason: str, by: User) -> ChangeRequest:
    """Requests that production may start this item before its window; a second person confirms it.

    It names one item. It ends when the window is moved, and when an amendment changes the item.
    """
    cutover = item.cutover
    if cutover.is_rehearsal or item.kind != ItemKind.ACTION or not opens_later(cutover, database_now()):
        raise CommandRefused(
            f"{item} does not wait for a window.", means="Nothing was changed.", next="Reload the page."
        )
    assert cutover.window_start is not None
    return request_production_change(
        cutover=cutover,
        kind=ChangeKind.EARLY_START,
        summary=f"{item} may start before the window",
        payload={"item": item.key, "window_start": cutover.window_start.isoformat()},
        reason=reason,
        by=by,
        item=item,
    )


def apply_early_start(
    cutover: Cutover,
    payload: Mapping[str, Any],
    *,
    reason: str,
    requested_by: User,
    confirmed_by: User | None,
) -> None:
    """Records the override. The confirmed request is what the board and the database look for."""
    start = datetime.fromisoformat(payload["window_start"])
    item = cutover.items.current().filter(key=payload["item"]).first()
    if start != cutover.window_start or item is None:
        raise CommandRefused("The window or the runbook changed since.", next="Request it again, if needed.")
    append_change(
        cutover,
        "window.overridden",
        reason=reason,
        requested_by=requested_by,
        confirmed_by=confirmed_by,
        item=item.key,
        title=item.title,
        window_start=start,
    )


RULES[ChangeKind.WINDOW] = ChangeRule(
    right="move the window",
    may_request=LEADS,
    may_confirm=LEADS_AND_APPROVERS,
    apply=apply_window,
    done="Confirmed. The window is moved; the forecast and the checks use the new one.",
    describe=describe_window,
)
RULES[ChangeKind.EARLY_START] = ChangeRule(
    right="start an item before the window",
    may_request=LEADS,
    may_confirm=LEADS_AND_APPROVERS,
    apply=apply_early_start,
    done="Confirmed. This item may start before the window; nothing else may.",
    risk="Before the window nobody expects production to change: users were told another time.",
)
