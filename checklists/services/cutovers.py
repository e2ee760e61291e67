"""Commands on a cutover: open, add people, order a rollback, close."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from checklists.board import Board, is_runbook_confirmed
from checklists.models import Attempt, AuditHead, Cutover, Runbook
from checklists.models.audit import database_now
from checklists.services.confirmed_runbooks import request_runbook_confirmation
from checklists.services.definitions import copy_items, read_document, time_settings
from checklists.services.members import write_member
from checklists.services.permission import append_entry, get_member, lock_cutover
from checklists.services.refusal import CommandRefused
from checklists.states import AttemptStatus, CutoverKind, CutoverStatus, Direction, MemberPart


@transaction.atomic
def open_cutover(
    *,
    runbook: Runbook,
    kind: CutoverKind,
    title: str,
    slug: str,
    by: User,
    window_start: datetime | None = None,
    window_end: datetime | None = None,
    rehearsal_quorum: int | None = None,
) -> Cutover:
    """Opens a cutover with all phases and items of the runbook; ``by`` becomes its lead."""
    document = read_document(runbook.text)
    _check_opening(kind, slug, rehearsal_quorum)
    cutover = Cutover.objects.create(
        slug=slug,
        title=title,
        kind=kind,
        runbook=runbook,
        window_start=window_start,
        window_end=window_end,
        timezone=document.timezone,
        rehearsal_quorum=rehearsal_quorum,
        systems={name: dict(section) for name, section in document.systems.items()},
        seat_titles=dict(document.seats),
        logs_for_stakeholders=document.logs_for_stakeholders,
        **time_settings(document),
        created_by=by,
    )
    copy_items(cutover, document)
    AuditHead.objects.create(cutover=cutover)
    _record_opening(cutover, by)
    return cutover


def _record_opening(cutover: Cutover, by: User) -> None:
    """Makes ``by`` the lead, begins the record, and asks for the confirmation that production needs."""
    write_member(cutover, by, {"part": MemberPart.LEAD, "seats": [], "roles": []}, requested_by=by)
    append_entry(
        cutover,
        "cutover.opened",
        by=by,
        cutover_kind=cutover.kind,
        title=cutover.title,
        runbook=cutover.runbook.sha256,
        rehearsal_quorum=cutover.rehearsal_quorum,
    )
    if not cutover.is_rehearsal and not is_runbook_confirmed(cutover):
        request_runbook_confirmation(cutover=cutover, reason="It was opened as production.", by=by)


def _check_opening(kind: CutoverKind, slug: str, rehearsal_quorum: int | None) -> None:
    if rehearsal_quorum is not None and kind != CutoverKind.REHEARSAL:
        raise CommandRefused(
            "Only a rehearsal may ask for fewer signatures.", next="Leave it to the runbook."
        )
    if Cutover.objects.filter(slug=slug).exists():
        raise CommandRefused(f"There is a cutover called {slug} already.", next="Choose another short name.")


@transaction.atomic
def order_rollback(*, cutover: Cutover, by: User, reason: str) -> list[Attempt]:
    """Orders the rollback of a cutover: after this commit no forward effect begins.

    Queued forward attempts are cancelled, running ones are asked to stop. Returns those that still hold a
    resource: rollback items on the same resource wait for them.
    """
    reason = reason.strip()
    if not reason:
        raise CommandRefused("Say why you order the rollback.", next="The reason goes into the record.")
    cutover = lock_cutover(cutover.pk, exclusively=True)
    member = get_member(cutover, by)
    if member.part == MemberPart.STAKEHOLDER:
        raise CommandRefused(
            "A stakeholder cannot order a rollback.", next="Call a migration lead or an approver."
        )
    if not cutover.is_open:
        raise CommandRefused(f"This cutover is closed: {cutover.get_status_display().lower()}.")
    if cutover.direction == Direction.ROLLBACK:
        return list(Attempt.objects.filter(cutover=cutover, direction=Direction.FORWARD).holding())
    cutover.direction, cutover.epoch = Direction.ROLLBACK, cutover.epoch + 1
    cutover.save(update_fields=["direction", "epoch"])
    now = database_now()
    forward = Attempt.objects.filter(cutover=cutover, direction=Direction.FORWARD)
    forward.filter(status=AttemptStatus.QUEUED).transition(
        AttemptStatus.CANCELLED, ended_at=now, summary="Cancelled: a rollback was ordered."
    )
    forward.leased().filter(cancel_requested_at=None).update(cancel_requested_at=now, cancel_requested_by=by)
    append_entry(cutover, "rollback.ordered", by=by, reason=reason, epoch=cutover.epoch)
    return list(forward.holding())


@transaction.atomic
def close_cutover(*, cutover: Cutover, status: CutoverStatus, by: User, reason: str = "") -> Cutover:
    """Closes a cutover as completed, rolled back or abandoned.

    Completed and rolled back need every item of that direction settled, except optional ones.
    """
    cutover = lock_cutover(cutover.pk, exclusively=True)
    if not get_member(cutover, by).may_act:
        raise CommandRefused("Only a migration lead closes a cutover.")
    if not cutover.is_open:
        return cutover
    if Attempt.objects.filter(cutover=cutover).live().exists():
        raise CommandRefused("Something is still running, or its ending is unknown.", next="Settle it first.")
    status = CutoverStatus(status)
    if status != CutoverStatus.ABANDONED:
        _check_everything_settled(Board.load(cutover), status)
    elif not reason.strip():
        raise CommandRefused("Say why it is abandoned.", next="The reason goes into the record.")
    cutover.status, cutover.closed_at = status, database_now()
    cutover.save(update_fields=["status", "closed_at"])
    append_entry(cutover, "cutover.closed", by=by, status=status, reason=reason.strip())
    return cutover


def _check_everything_settled(board: Board, status: CutoverStatus) -> None:
    direction = Direction.ROLLBACK if status == CutoverStatus.ROLLED_BACK else Direction.FORWARD
    if board.cutover.direction != direction:
        raise CommandRefused(f"The cutover goes {board.cutover.get_direction_display().lower()}.")
    of_direction = [v for v in board.items.values() if v.item.phase.direction == direction]
    open_items = [v for v in of_direction if not v.settled and not v.item.optional]
    if open_items:
        names = ", ".join(f"{v.item.number} {v.item.title}" for v in open_items[:5])
        raise CommandRefused(
            f"{len(open_items)} items are not settled: {names}.", next="Do them, or skip them with a reason."
        )
