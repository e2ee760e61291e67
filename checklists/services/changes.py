"""Changes that one person requests and, in production, a second one confirms."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from checklists.models import ChangeRequest, Cutover, Item, Member, Tick
from checklists.models.audit import database_now
from checklists.services.amendments import apply_amendment
from checklists.services.change_rules import LEADS, LEADS_AND_APPROVERS, RULES, ChangeRule, Details
from checklists.services.permission import append_entry, get_member, lock_cutover
from checklists.services.refusal import CommandRefused
from checklists.services.ticks import apply_tick, describe_tick
from checklists.states import ChangeDecision, ChangeKind, MemberPart

RULES[ChangeKind.AMENDMENT] = ChangeRule(
    right="amend the runbook",
    permission="checklists.add_cutover",  # a text may name commands, whoever brings it in
    may_request=LEADS,
    may_confirm=LEADS_AND_APPROVERS,
    apply=apply_amendment,
    done="Confirmed. The runbook is amended.",
)
RULES[ChangeKind.TICK] = ChangeRule(
    right="confirm a manual item",
    may_request=LEADS,
    may_confirm=LEADS_AND_APPROVERS,
    apply=apply_tick,
    also_in_rehearsals=True,
)


@transaction.atomic
def request_change(
    *,
    cutover: Cutover,
    kind: ChangeKind,
    summary: str,
    payload: dict[str, Any],
    reason: str,
    by: User,
    tick: Tick | None = None,
    item: Item | None = None,
) -> ChangeRequest | None:
    """Requests a change that a second person confirms.

    A rehearsal carries it out at once and returns None, unless the kind's rule wants the second person there,
    too. ``item``: the one that the change is about; ``tick``: what was handed in, when it is the tick of one.
    """
    reason = _require(reason, "Say why.")
    cutover, rule = lock_cutover(cutover.pk, exclusively=True), RULES[kind]
    _require_right(cutover, kind, by, rule.may_request)
    _require_permission(rule, by)
    if cutover.is_rehearsal and not rule.also_in_rehearsals:
        rule.apply(cutover, payload, reason=reason, requested_by=by, confirmed_by=None)
        return None
    item = tick.item if tick else item
    waiting = cutover.change_requests.waiting().filter(kind=kind, item=item)
    if waiting.exists():
        raise CommandRefused(
            f"A request to {rule.right} is waiting already.",
            next="Have it confirmed, declined or withdrawn first.",
        )
    requested = _create_request(cutover, kind, summary, payload, reason, by, tick, item)
    about = {**({"item": item.key} if item else {}), **(describe_tick(tick) if tick else {})}
    append_entry(
        cutover, "change.requested", by=by, right=rule.right, summary=summary, reason=reason, **about
    )
    return requested


def request_production_change(
    *,
    cutover: Cutover,
    kind: ChangeKind,
    summary: str,
    payload: dict[str, Any],
    reason: str,
    by: User,
    item: Item | None = None,
) -> ChangeRequest:
    """Requests a change that a rehearsal does not have: there is always a request to confirm.

    The caller refuses rehearsals first.
    """
    requested = request_change(
        cutover=cutover, kind=kind, summary=summary, payload=payload, reason=reason, by=by, item=item
    )
    if requested is None:
        raise RuntimeError(f"{cutover.slug} is a rehearsal, which carries out a {kind} without a request")
    return requested


def _create_request(
    cutover: Cutover,
    kind: ChangeKind,
    summary: str,
    payload: dict[str, Any],
    reason: str,
    by: User,
    tick: Tick | None,
    item: Item | None,
) -> ChangeRequest:
    return ChangeRequest.objects.create(
        cutover=cutover,
        kind=kind,
        summary=summary,
        payload=payload,
        reason=reason,
        item=item,
        tick=tick,
        on_behalf_of=tick.on_behalf_of if tick else None,
        requested_by=by,
        requested_at=database_now(),
    )


@transaction.atomic
def confirm_change(*, request: ChangeRequest, by: User) -> ChangeRequest:
    """Confirms a requested change as a second person, and carries it out in the same transaction.

    The decision is written first: a tick's trigger in the database looks for it.
    """
    cutover, fresh = _lock_open(request)
    rule = RULES[ChangeKind(fresh.kind)]
    _require_right(cutover, ChangeKind(fresh.kind), by, rule.may_confirm)
    if fresh.requested_by_id == by.pk:
        raise CommandRefused(
            "You requested this, so someone else has to confirm it (four eyes).",
            next="Ask another migration lead or an approver.",
        )
    if fresh.on_behalf_of_id == by.pk:
        raise CommandRefused(
            "This was ticked on your behalf: you did it, so someone else has to confirm it (four eyes).",
            next="Ask another migration lead or an approver.",
        )
    # Somebody who lost the right since then asks for nothing any more.
    _require_right(cutover, ChangeKind(fresh.kind), fresh.requested_by, rule.may_request)
    decided = _decide(fresh, ChangeDecision.CONFIRMED, by, "")
    rule.apply(cutover, fresh.payload, reason=fresh.reason, requested_by=fresh.requested_by, confirmed_by=by)
    return decided


@transaction.atomic
def reject_change(*, request: ChangeRequest, by: User, reason: str) -> ChangeRequest:
    """Declines a requested change or, by the person who requested it, withdraws it; nothing is changed."""
    reason = _require(reason, "Say why.")
    cutover, fresh = _lock_open(request)
    rule = RULES[ChangeKind(fresh.kind)]
    if fresh.requested_by_id == by.pk:
        decision = ChangeDecision.WITHDRAWN
    else:
        _require_right(cutover, ChangeKind(fresh.kind), by, rule.may_confirm)
        decision = ChangeDecision.DECLINED
    append_entry(
        cutover,
        "change.withdrawn" if decision == ChangeDecision.WITHDRAWN else "change.declined",
        by=by,
        right=rule.right,
        summary=fresh.summary,
        requested_by=fresh.requested_by.get_username(),
        reason=reason,
    )
    return _decide(fresh, decision, by, reason)


def may_decide(request: ChangeRequest, member: Member | None) -> str:
    """What this person may do with an open request: “confirm”, “withdraw”, or nothing (“”)."""
    if member is None or not request.is_open:
        return ""
    if request.requested_by_id == member.person_id:
        return "withdraw"
    if request.on_behalf_of_id == member.person_id:
        return ""
    return "confirm" if member.part in RULES[ChangeKind(request.kind)].may_confirm else ""


def describe_change(request: ChangeRequest) -> Details:
    """What a requested change would do, row by row."""
    return RULES[ChangeKind(request.kind)].describe(request.cutover, request.payload)


def get_rule(kind: str) -> ChangeRule:
    """The rule of a kind of change."""
    return RULES[ChangeKind(kind)]


def _require(reason: str, what: str) -> str:
    reason = reason.strip()
    if not reason:
        raise CommandRefused(what, next="The reason goes into the record.")
    return reason


def _require_right(cutover: Cutover, kind: ChangeKind, by: User, parts: frozenset[MemberPart]) -> None:
    member = get_member(cutover, by)
    if member.part not in parts:
        raise CommandRefused(
            f"You are {member.get_part_display().lower()} here and may not {RULES[kind].right}.",
            means="Nothing was changed.",
            next="Ask a migration lead.",
        )
    if not cutover.is_open:
        raise CommandRefused(f"This cutover is closed: {cutover.get_status_display().lower()}.")


def _require_permission(rule: ChangeRule, by: User) -> None:
    if rule.permission and not by.has_perm(rule.permission):
        raise CommandRefused(
            f"You lead this cutover, but you may not {rule.right}: its text can name commands.",
            means="Nothing was changed.",
            next="An admin of the panel can give you the permission “Can add cutover”.",
        )


def _lock_open(request: ChangeRequest) -> tuple[Cutover, ChangeRequest]:
    cutover = lock_cutover(request.cutover_id, exclusively=True)
    fresh = ChangeRequest.objects.select_related("requested_by", "on_behalf_of").get(pk=request.pk)
    if not fresh.is_open:
        raise CommandRefused(
            f"This request was {fresh.get_decision_display().lower()} already.", next="Reload the page."
        )
    return cutover, fresh


def _decide(request: ChangeRequest, decision: ChangeDecision, by: User, reason: str) -> ChangeRequest:
    request.decision, request.decided_by, request.decision_reason = decision, by, reason
    request.decided_at = database_now()
    request.save(update_fields=["decision", "decided_by", "decided_at", "decision_reason"])
    return request
