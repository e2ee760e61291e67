"""The command that asks what a start of an item would do."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from checklists import tasks
from checklists.announcements import after_commit
from checklists.models import Item, ItemPreview
from checklists.models.audit import database_now
from checklists.models.item_preview import COUNTS_FOR
from checklists.services.confirmed_runbooks import require_confirmed_runbook
from checklists.services.permission import get_member, lock_cutover
from checklists.services.refusal import CommandRefused
from checklists.states import ItemKind, PreviewStatus


def request_preview(*, item: Item, by: User) -> ItemPreview:
    """Queues a preview and wakes a worker once it is committed; gives the live one when there is one.

    Only people who may start the item ask for it: a worker runs the programs that the runbook names to find
    out. Raises `CommandRefused` for others, and for a closed cutover.
    """
    with transaction.atomic():
        cutover = lock_cutover(item.cutover_id)
        member = get_member(cutover, by)
        if item.kind != ItemKind.ACTION or not member.may_act:
            raise CommandRefused(
                f"You are {member.get_part_display().lower()} here; only a migration lead asks what "
                f"{item.number} {item.title} would do.",
                means="Nothing was asked.",
            )
        if not cutover.is_open:
            raise CommandRefused("This cutover is closed.", means="Nothing was asked.")
        require_confirmed_runbook(cutover)
        wanted = ItemPreview(cutover=cutover, item=item, requested_by=by, requested_at=database_now())
        # Two people may ask at once: the constraint lets one through, and both wait for its answer.
        ItemPreview.objects.bulk_create([wanted], ignore_conflicts=True)
        found = ItemPreview.objects.filter(pk=wanted.pk).first()
        if found is None:
            return ItemPreview.objects.filter(item=item).order_by("-requested_at")[0]
        after_commit(tasks.wake_for_preview, str(found.pk))
        return found


def get_previewed_target(item: Item) -> str:
    """The target that the latest preview names. Raises `CommandRefused` without a recent one."""
    latest = ItemPreview.objects.filter(item=item, status=PreviewStatus.DONE).order_by("-ended_at").first()
    if latest is None or latest.ended_at is None or database_now() - latest.ended_at > COUNTS_FOR:
        minutes = int(COUNTS_FOR.total_seconds() // 60)
        raise CommandRefused(
            f"Nobody has asked in the last {minutes} minutes what a start of {item.number} {item.title} "
            "would do.",
            means="Its target is not known, so its name cannot be compared with what you typed.",
            next="Press “Ask the systems” below; a worker answers in some seconds. Then type the target.",
        )
    return latest.where
