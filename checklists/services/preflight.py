"""The command that asks for a preflight."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from checklists import tasks
from checklists.announcements import after_commit
from checklists.models import Cutover, PreflightRun
from checklists.models.audit import database_now
from checklists.services.confirmed_runbooks import require_confirmed_runbook
from checklists.services.permission import append_entry, get_member, lock_cutover
from checklists.services.refusal import CommandRefused
from checklists.states import MemberPart, PreflightSource


def request_preflight(*, cutover: Cutover, by: User | None, wake: bool = True) -> PreflightRun:
    """Queues a preflight and wakes a worker once it is committed; gives the live run when there is one.

    ``by`` is None for the command line. Without ``wake`` the caller runs it. Raises `CommandRefused` for a
    closed cutover and for a person who only watches.
    """
    with transaction.atomic():
        locked = lock_cutover(cutover.pk)
        _check(locked, by)
        source = PreflightSource.COMMAND if by is None else PreflightSource.PERSON
        wanted = PreflightRun(cutover=locked, source=source, requested_by=by, requested_at=database_now())
        # Two people may ask at once: the constraint lets one run through, and both watch that one.
        PreflightRun.objects.bulk_create([wanted], ignore_conflicts=True)
        live = PreflightRun.objects.live().filter(cutover=locked).first()
        if live is None:  # the other run ended between the two statements: its results are fresh
            return PreflightRun.objects.filter(cutover=locked).order_by("-requested_at")[0]
        if live.pk == wanted.pk:
            append_entry(locked, "preflight.asked", by=by, run=live.pk, source=source)
            if wake:
                after_commit(tasks.wake_for_preflight, str(live.pk))
        return live


def _check(cutover: Cutover, by: User | None) -> None:
    if not cutover.is_open:
        raise CommandRefused(
            f"This cutover is closed: {cutover.get_status_display().lower()}.", means="Nothing was asked."
        )
    require_confirmed_runbook(cutover)
    if by is not None and get_member(cutover, by).part == MemberPart.STAKEHOLDER:
        raise CommandRefused(
            "You are stakeholder here; only a migration lead or an approver asks for a preflight.",
            means="Nothing was asked.",
        )
