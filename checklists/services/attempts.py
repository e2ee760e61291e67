"""Commands on attempts: start, cancel, probe, reconcile."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User
from django.db import transaction

from checklists import executor, tasks
from checklists.action_context import build_context
from checklists.announcements import after_commit
from checklists.board import Board, ItemView
from checklists.earlier_parameters import built_in_for
from checklists.models import Attempt, Item
from checklists.models.audit import database_now
from checklists.record.attempts import evidence_as_recorded
from checklists.record.history import read_history
from checklists.redaction import list_secrets, mask_problem, refuse_short_secrets
from checklists.services.permission import append_entry, authorize, lock_cutover
from checklists.services.previews import get_previewed_target
from checklists.services.refusal import CommandRefused
from checklists.states import AttemptStatus, Reconciliation
from integrations.actions import ActionParams, AnyAction, ProbeStatus, registry
from integrations.errors import Problem
from integrations.redact import Redactor


def bind_action(item: Item, attempt: str = "") -> tuple[AnyAction, ActionParams]:
    """The item's action and its parameters. Raises `CommandRefused` with the wrong field or variable."""
    action = registry().get(item.action)
    if action is None:
        raise CommandRefused(
            f"The action {item.action} is not installed here.",
            means="The runbook was loaded by a panel that knows more actions.",
            next="Install the same version of the panel everywhere.",
        )
    history = read_history(item.cutover) if action.reads_history else None
    deadline = item.deadline or action.deadline
    context = build_context(item.cutover, attempt, history, deadline=deadline)
    params = built_in_for(item.cutover).complete_params(item.key, item.params)
    try:
        list_secrets(context, action, params)  # this process may log an error that quotes one
        refuse_short_secrets(context, action, params)
        return action, action.bind(params, context)
    except forms.ValidationError as error:
        redactor = Redactor(list_secrets(context, action, item.params))
        raise CommandRefused(
            f"The parameters of {item.number} {item.title} do not fit: "
            f"{redactor.mask_text('; '.join(_messages(error)))}",
            next="Amend the runbook (“Amend the runbook…” below the list of items).",
        ) from error
    except Problem as problem:  # a variable that a parameter takes its value from is not set
        shown = mask_problem(problem, Redactor(list_secrets(context, action, params)))
        raise CommandRefused(shown.what, means=shown.means, next=shown.next) from problem


def _messages(error: forms.ValidationError) -> list[str]:
    if hasattr(error, "error_dict"):
        return [f"{name}: {' '.join(e.messages)}" for name, es in error.error_dict.items() for e in es]
    return error.messages


def start_attempt(*, item: Item, by: User, typed_target: str = "", after: int | None = None) -> Attempt:
    """Queues a new attempt and wakes a worker once it is committed.

    ``after`` is the number of the latest attempt on the person's screen (0 for none). When there is a newer
    one, it is returned and nothing is started, so that a double click starts one attempt. In production an
    item with ``type_target``, and one that nothing takes back, needs the name of the target, typed by hand.
    """
    with transaction.atomic():
        latest = _lock_and_read_latest(item)
        if latest and (latest.is_live or (after is not None and latest.number > after)):
            return latest
        board, view = authorize(item, "start", by=by)
        action, resource = _resource_of(view.item)
        _check_typed_target(view, board, typed_target)
        attempt = Attempt.objects.create(
            cutover=board.cutover,
            item=view.item,
            number=(latest.number if latest else 0) + 1,
            action=action.key,
            effect=action.effect_of(view.item.params),
            params=view.item.params,
            resource=resource,
            epoch=board.cutover.epoch,
            direction=board.cutover.direction,  # an item of the rollback may run before it is ordered
            requested_by=by,
            deadline=view.item.deadline or action.deadline,
            queued_at=database_now(),
        )
        append_entry(
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
        after_commit(tasks.wake_worker, str(attempt.pk))
        return attempt


def _lock_and_read_latest(item: Item) -> Attempt | None:
    """The latest attempt, read under the locks: a second click waits, and then sees the first."""
    lock_cutover(item.cutover_id)
    Item.objects.select_for_update().get(pk=item.pk)
    of_item = Attempt.objects.filter(cutover=item.cutover_id, item__key=item.key)
    return of_item.order_by("-number").first()


def _resource_of(item: Item) -> tuple[AnyAction, str | None]:
    action, params = bind_action(item)
    try:
        return action, action.resource(params)
    except Problem as problem:
        shown = mask_problem(problem, Redactor(list_secrets(params.context, action, item.params)))
        raise CommandRefused(shown.what, means=shown.means, next=shown.next) from problem


def _check_typed_target(view: ItemView, board: Board, typed: str) -> None:
    if board.cutover.is_rehearsal or not (view.item.type_target or view.item.irreversible):
        return
    target = get_previewed_target(view.item)
    if typed.strip() != target:
        raise CommandRefused(
            f"The name of the target was not typed as it is: “{typed.strip()}” is not “{target}”.",
            means="This is production, and it cannot simply be undone.",
            next=f"Type {target} by hand, if that is where it should go.",
        )


@transaction.atomic
def cancel_attempt(*, attempt: Attempt, by: User) -> Attempt:
    """Asks an attempt to stop. A queued one is cancelled at once, a running one stops within its grace."""
    board, _ = authorize(attempt.item, "cancel", by=by)
    queued = Attempt.objects.filter(pk=attempt.pk, status=AttemptStatus.QUEUED)
    stopped = queued.transition(
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
    append_entry(
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
    """Asks a worker to probe what an UNKNOWN attempt did; the probe changes nothing."""
    board, _ = authorize(attempt.item, "probe", by=by)
    Attempt.objects.filter(pk=attempt.pk, status=AttemptStatus.UNKNOWN).update(woken_at=board.now)
    append_entry(board.cutover, "attempt.probe_asked", by=by, item=attempt.item.key, attempt=attempt.pk)
    after_commit(tasks.wake_prober, str(attempt.pk))
    return attempt


@transaction.atomic
def reconcile_attempt(*, attempt: Attempt, by: User, found: Reconciliation, note: str) -> Attempt:
    """Decides what an UNKNOWN attempt did, on the finding of a probe.

    Needs a finding that was made after proof that the old executor is dead. In production the person who
    started an action that may run at most once does not decide about it.
    """
    note = note.strip()
    if not note:
        raise CommandRefused("Say what you checked.", next="The note goes into the record.")
    board, _ = authorize(attempt.item, "reconcile", by=by)
    fresh = Attempt.objects.select_for_update().get(pk=attempt.pk)
    _check_decision(fresh)
    moved = Attempt.objects.filter(pk=fresh.pk).transition(
        AttemptStatus.RECONCILED,
        reconciliation=Reconciliation(found),
        reconciled_by=by,
        reconciled_at=board.now,
        ended_at=board.now,
        summary=f"{Reconciliation(found).label}, as {by} decided: {note}",
    )
    if not moved:
        raise CommandRefused(
            f"This attempt is {fresh.get_status_display().lower()} by now.", next="Reload the page."
        )
    if found == Reconciliation.DONE:
        _store_finding_as_evidence(fresh, board)
    append_entry(
        board.cutover,
        "attempt.reconciled",
        by=by,
        item=attempt.item.key,
        attempt=attempt.pk,
        found=found,
        note=note,
        finding=fresh.finding,
        **evidence_as_recorded(fresh),
    )
    return Attempt.objects.get(pk=attempt.pk)


def _store_finding_as_evidence(attempt: Attempt, board: Board) -> None:
    try:
        executor.store_evidence(attempt, ok=True, facts=attempt.finding.get("facts", {}), at=board.now)
    except Problem as problem:
        raise CommandRefused(
            problem.what,
            means="Nothing was decided: what the probe found cannot be kept as this item's evidence.",
            next="Probe again; if that does not help, tell the action's author.",
        ) from problem


def _check_decision(attempt: Attempt) -> None:
    if not attempt.finding.get("dead"):
        raise CommandRefused(
            "Nobody has proven yet that the old executor is dead.",
            means="It might still be working, so nothing may be decided.",
            next="Press Probe; it takes a few seconds and changes nothing.",
        )
    if attempt.finding.get("seen") == ProbeStatus.STILL_RUNNING:
        raise CommandRefused(
            "The probe saw it still running.", next="Wait for it to end, or stop it, then probe again."
        )
