"""What people do with items: tick, untick, skip, claim, note."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from checklists.models import Item, Note
from checklists.services.permission import locked, permitted, record
from checklists.services.refused import Refused
from checklists.states import ItemState


def _with_reason(reason: str, verb: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Refused(f"Say why you {verb} it.", next="The reason goes into the record.")
    return reason


def _already(item: Item, state: ItemState) -> bool:
    """Did an earlier click of the same kind do it already? Then there is nothing left to do."""
    locked(item.cutover_id)
    fresh = Item.objects.select_for_update().get(pk=item.pk)
    return bool(fresh.done_at) if state == ItemState.DONE else bool(fresh.skipped_at)


@transaction.atomic
def tick_item(*, item: Item, by: User) -> Item:
    """Says that a manual item is done. Ticking what is ticked changes nothing and is no error."""
    if _already(item, ItemState.DONE):
        return Item.objects.get(pk=item.pk)
    board, view = permitted(item, "tick", by=by)
    _write(view.item, done_by=by, done_at=board.now)
    record(board.cutover, "item.ticked", by=by, item=item.key, title=item.title)
    return view.item


@transaction.atomic
def untick_item(*, item: Item, by: User, reason: str) -> Item:
    """Takes a tick back; asks why."""
    reason = _with_reason(reason, "untick")
    board, view = permitted(item, "untick", by=by)
    _write(view.item, done_by=None, done_at=None)
    record(board.cutover, "item.unticked", by=by, item=item.key, title=item.title, reason=reason)
    return view.item


@transaction.atomic
def skip_item(*, item: Item, by: User, reason: str) -> Item:
    """Leaves an item out; asks why. What needs it may then go on, and gates show the skip as evidence."""
    reason = _with_reason(reason, "skip")
    if _already(item, ItemState.SKIPPED):
        return Item.objects.get(pk=item.pk)
    board, view = permitted(item, "skip", by=by)
    _write(view.item, skipped_by=by, skipped_at=board.now, skip_reason=reason)
    record(board.cutover, "item.skipped", by=by, item=item.key, title=item.title, reason=reason)
    return view.item


@transaction.atomic
def unskip_item(*, item: Item, by: User, reason: str) -> Item:
    """Takes a skip back; asks why."""
    reason = _with_reason(reason, "take the skip back from")
    board, view = permitted(item, "unskip", by=by)
    _write(view.item, skipped_by=None, skipped_at=None, skip_reason="")
    record(board.cutover, "item.unskipped", by=by, item=item.key, title=item.title, reason=reason)
    return view.item


@transaction.atomic
def claim_item(*, item: Item, by: User) -> Item:
    """Says who takes care of an item, so that two people do not."""
    board, view = permitted(item, "claim", by=by)
    _write(view.item, claimed_by=by)
    record(board.cutover, "item.claimed", by=by, item=item.key, title=item.title)
    return view.item


@transaction.atomic
def release_item(*, item: Item, by: User) -> Item:
    """Gives an item back to everyone."""
    board, view = permitted(item, "release", by=by)
    was = view.item.claimed_by
    _write(view.item, claimed_by=None)
    record(board.cutover, "item.released", by=by, item=item.key, title=item.title, was=str(was))
    return view.item


@transaction.atomic
def add_note(*, item: Item, by: User, text: str) -> Note:
    """Leaves a remark on an item, for everybody."""
    text = text.strip()
    if not text:
        raise Refused("The note is empty.", next="Write something, or leave the page.")
    if "\x00" in text:
        raise Refused("The note holds a NUL character.", next="Paste it as plain text.")
    board, view = permitted(item, "note", by=by)
    note = Note.objects.create(item=view.item, by=by, text=text[:4000])
    record(board.cutover, "item.noted", by=by, item=item.key, title=item.title, text=note.text)
    return note


def _write(item: Item, **changes: object) -> None:
    for name, value in changes.items():
        setattr(item, name, value)
    item.save(update_fields=list(changes))
