"""Starting, cancelling, looking at and reconciling attempts of actions."""

from __future__ import annotations

from functools import partial

from django import forms
from django.contrib.auth.models import User
from django.db import transaction

from checklists import executor, tasks
from checklists.gates import Board, ItemView
from checklists.history import history_of
from checklists.models import Attempt, Item
from checklists.models.audit import database_now
from checklists.services.permission import locked, permitted, record
from checklists.services.refused import Refused
from checklists.states import AttemptStatus, Reconciliation
from checklists.surroundings import context_of
from integrations.actions import registry
from integrations.actions.base import Action, Effect, Preview, Seen, Values
from integrations.errors import Problem


def bound(item: Item, attempt: str = "") -> tuple[Action, Values]:
    """The item's action with its parameters filled in from our environment, or a refusal naming the field."""
    action = registry().get(item.action)
    if action is None:
        raise Refused(
            f"The action {item.action} is not installed here.",
            means="The runbook was loaded by a panel that knows more actions.",
            next="Install the same version of the panel everywhere.",
        )
    try:
        history = history_of(item.cutover) if action.reads_history else None
        return action, action.bind(item.params, context_of(item.cutover, attempt, history))
    except forms.ValidationError as error:
        raise Refused(
            f"The parameters of {item.number} {item.title} do not fit: {'; '.join(_messages(error))}",
            next="Correct the runbook, load it again and open a new cutover.",
        ) from error


def _messages(error: forms.ValidationError) -> list[str]:
    if hasattr(error, "error_dict"):
        return [f"{name}: {' '.join(e.messages)}" for name, es in error.error_dict.items() for e in es]
    return error.messages


def preview_item(*, item: Item) -> Preview:
    """Exactly what starting would do, secrets masked; changes nothing. Raises `Refused`."""
    action, params = bound(item)
    try:
        return action.preview(params)
    except Problem as problem:
        raise Refused(problem.what, means=problem.means, next=problem.next) from problem


def start_attempt(*, item: Item, by: User, typed_target: str = "", after: int | None = None) -> Attempt:
    """Queues a new attempt and wakes a worker once that is committed.

    ``after`` is the number of the latest attempt on the person's screen (0 for none): when another
    has begun since, that one is given back and nothing is started, so a double click does one thing.
    In production an item with ``type_target`` asks for the target's name typed by hand.
    """
    with transaction.atomic():
        latest = _latest(item)
        if latest and (latest.is_live or (after is not None and latest.number > after)):
            return latest
        board, view = permitted(item, "start", by=by)
        action, resource = _resource_of(view.item)
        _check_typed_target(view, board, typed_target)
        attempt = Attempt.objects.create(
            cutover=board.cutover,
            item=view.item,
            number=(latest.number if latest else 0) + 1,
            action=action.key,
            effect=action.effect,
            params=view.item.params,
            resource=resource,
            epoch=board.cutover.epoch,
            direction=view.item.phase.direction,
            requested_by=by,
            deadline=view.item.deadline or action.deadline,
            queued_at=database_now(),
        )
        record(
            board.cutover,
            "attempt.started",
            by=by,
            item=item.key,
            title=item.title,
            attempt=attempt.pk,
            number=attempt.number,
            action=action.key,
            resource=attempt.resource,
        )
        transaction.on_commit(partial(tasks.wake, str(attempt.pk)))
        return attempt


def _latest(item: Item) -> Attempt | None:
    """The latest attempt, with cutover and item locked so that two clicks come one after the other."""
    locked(item.cutover_id)
    Item.objects.select_for_update().get(pk=item.pk)
    return Attempt.objects.filter(item=item).order_by("-number").first()


def _resource_of(item: Item) -> tuple[Action, str | None]:
    action, params = bound(item)
    try:
        return action, action.resource(params)
    except Problem as problem:
        raise Refused(problem.what, means=problem.means, next=problem.next) from problem


def _check_typed_target(view: ItemView, board: Board, typed: str) -> None:
    if board.cutover.is_rehearsal or not view.item.type_target:
        return
    target = preview_item(item=view.item).where
    if typed.strip() != target:
        raise Refused(
            f"The name of the target was not typed as it is: “{typed.strip()}” is not “{target}”.",
            means="This is production, and it cannot simply be undone.",
            next=f"Type {target} by hand, if that is where it should go.",
        )


@transaction.atomic
def cancel_attempt(*, attempt: Attempt, by: User) -> Attempt:
    """Asks an attempt to stop. A queued one stops at once; a running one within its grace."""
    board, _ = permitted(attempt.item, "cancel", by=by)
    queued = Attempt.objects.filter(pk=attempt.pk, status=AttemptStatus.QUEUED)
    stopped = queued.move(
        AttemptStatus.CANCELLED,
        cancel_requested_at=board.now,
        cancel_requested_by=by,
        ended_at=board.now,
        summary="Cancelled before it began.",
    )
    if not stopped:
        Attempt.objects.filter(pk=attempt.pk, cancel_requested_at=None).leased().update(
            cancel_requested_at=board.now, cancel_requested_by=by
        )
    record(
        board.cutover,
        "attempt.cancelled",
        by=by,
        item=attempt.item.key,
        attempt=attempt.pk,
        at_once=bool(stopped),
    )
    return Attempt.objects.get(pk=attempt.pk)


@transaction.atomic
def ask_probe(*, attempt: Attempt, by: User) -> Attempt:
    """Has a worker look, without changing anything, at what an UNKNOWN attempt did."""
    board, _ = permitted(attempt.item, "probe", by=by)
    record(board.cutover, "attempt.probe_asked", by=by, item=attempt.item.key, attempt=attempt.pk)
    transaction.on_commit(partial(tasks.wake_probe, str(attempt.pk)))
    return attempt


@transaction.atomic
def reconcile_attempt(*, attempt: Attempt, by: User, found: Reconciliation, note: str) -> Attempt:
    """Decides what an UNKNOWN attempt has done, on a probe's finding.

    Needs a finding made after proof that the old executor is dead. In production, what may run at
    most once is decided by somebody else than who started it.
    """
    note = note.strip()
    if not note:
        raise Refused("Say what you looked at.", next="The note goes into the record.")
    board, _ = permitted(attempt.item, "reconcile", by=by)
    fresh = Attempt.objects.select_for_update().get(pk=attempt.pk)
    _may_decide(fresh, board, by)
    moved = Attempt.objects.filter(pk=fresh.pk).move(
        AttemptStatus.RECONCILED,
        reconciliation=Reconciliation(found),
        reconciled_by=by,
        reconciled_at=board.now,
        ended_at=board.now,
        summary=f"{Reconciliation(found).label}, as {by} decided: {note}",
    )
    if not moved:
        raise Refused(
            f"This attempt is {fresh.get_status_display().lower()} meanwhile.", next="Reload the page."
        )
    if found == Reconciliation.DONE:
        executor.keep_evidence(fresh, ok=True, facts=fresh.finding.get("facts", {}), at=board.now)
    record(
        board.cutover,
        "attempt.reconciled",
        by=by,
        item=attempt.item.key,
        attempt=attempt.pk,
        found=found,
        note=note,
        finding=fresh.finding,
    )
    return Attempt.objects.get(pk=attempt.pk)


def _may_decide(attempt: Attempt, board: Board, by: User) -> None:
    if not attempt.finding.get("dead"):
        raise Refused(
            "Nobody has proven yet that the old executor is dead.",
            means="It might still be working, so nothing may be decided.",
            next="Press Look; it takes a few seconds and changes nothing.",
        )
    if attempt.finding.get("seen") == Seen.STILL_RUNNING:
        raise Refused(
            "The probe saw it still running.", next="Wait for it to end, or stop it, then look again."
        )
    once = attempt.effect == Effect.AT_MOST_ONCE
    if once and not board.cutover.is_rehearsal and attempt.requested_by_id == by.pk:
        raise Refused("You started this, so in production somebody else decides what it did (four eyes).")
