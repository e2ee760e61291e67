"""Commands on items: tick, untick, skip, unskip, claim, hand over, release, note."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction

from checklists.models import Cutover, Item, Note, Tick
from checklists.services.changes import request_change
from checklists.services.permission import append_entry, authorize, lock_cutover, lock_item
from checklists.services.refusal import CommandRefused
from checklists.services.ticks import HandedIn, check_handed_in, describe_tick, keep_tick, mark_done
from checklists.states import ChangeKind, ItemState, Requirement

SAME_NOTE = timedelta(minutes=1)


def _require_reason(reason: str, verb: str) -> str:
    reason = reason.strip()
    if not reason:
        raise CommandRefused(f"Say why you {verb} it.", next="The reason goes into the record.")
    return reason


def _is_already(item: Item, state: ItemState) -> bool:
    """Has an earlier click done it already? ``item`` is locked: of two clicks one does it."""
    return bool(item.done_at) if state == ItemState.DONE else bool(item.skipped_at)


@transaction.atomic
def tick_item(*, item: Item, by: User, given: HandedIn | None = None) -> Item:
    """Marks a manual item as done; where the item asks for a second person, requests that instead.

    ``given`` is what the person hands in. Ticking it again changes nothing and is no error.
    """
    given = given or HandedIn()
    # A request locks the cutover exclusively. Taking the weaker lock before could end in a deadlock.
    cutover = lock_cutover(item.cutover_id, exclusively=Requirement.SECOND_PERSON in item.requires)
    if _is_already(locked := lock_item(item), ItemState.DONE):
        return locked
    board, view = authorize(item, "tick", by=by, locked=cutover)
    check_handed_in(view.item, given, [member.person for member in board.members])
    tick = keep_tick(view.item, given, by)
    if Requirement.SECOND_PERSON in view.item.requires:
        _request_second_person(cutover, tick)
    else:
        mark_done(board, view, by=by)
        about = {"item": item.key, "title": item.title, **describe_tick(tick)}
        append_entry(board.cutover, "item.ticked", by=by, **about)
    return view.item


def _request_second_person(cutover: Cutover, tick: Tick) -> None:
    request_change(
        cutover=cutover,
        kind=ChangeKind.TICK,
        summary=str(tick.item),
        payload={"tick": tick.pk},
        reason=tick.note or "It is done.",
        by=tick.by,
        tick=tick,
    )


@transaction.atomic
def untick_item(*, item: Item, by: User, reason: str) -> Item:
    """Takes a tick back, with a reason."""
    reason = _require_reason(reason, "untick")
    board, view = authorize(item, "untick", by=by)
    _write(view.item, done_by=None, done_at=None)
    append_entry(board.cutover, "item.unticked", by=by, item=item.key, title=item.title, reason=reason)
    return view.item


@transaction.atomic
def skip_item(*, item: Item, by: User, reason: str) -> Item:
    """Skips an item, with a reason. Items that need it can then be done, and gates show the skip."""
    reason = _require_reason(reason, "skip")
    cutover = lock_cutover(item.cutover_id)
    if _is_already(locked := lock_item(item), ItemState.SKIPPED):
        return locked
    board, view = authorize(item, "skip", by=by, locked=cutover)
    _write(view.item, skipped_by=by, skipped_at=board.now, skip_reason=reason)
    append_entry(board.cutover, "item.skipped", by=by, item=item.key, title=item.title, reason=reason)
    return view.item


@transaction.atomic
def unskip_item(*, item: Item, by: User, reason: str) -> Item:
    """Takes a skip back, with a reason."""
    reason = _require_reason(reason, "take the skip back from")
    board, view = authorize(item, "unskip", by=by)
    _write(view.item, skipped_by=None, skipped_at=None, skip_reason="")
    append_entry(board.cutover, "item.unskipped", by=by, item=item.key, title=item.title, reason=reason)
    return view.item


@transaction.atomic
def claim_item(*, item: Item, by: User) -> Item:
    """Marks an item as taken by this person, so that no two people do it."""
    board, view = authorize(item, "claim", by=by)
    _write(view.item, claimed_by=by, claimed_at=board.now)
    append_entry(board.cutover, "item.claimed", by=by, item=item.key, title=item.title)
    return view.item


@transaction.atomic
def hand_over_item(*, item: Item, by: User, to: User) -> Item:
    """Makes another lead responsible for an item. Raises `CommandRefused` for somebody who may not act."""
    board, view = authorize(item, "hand_over", by=by)
    member = board.member(to)
    if member is None or not member.may_act or not to.is_active:
        raise CommandRefused(
            f"{to} may not do items of this cutover.",
            means="Nothing was changed.",
            next="Hand it over to one of its migration leads.",
        )
    was = view.item.claimed_by
    if was != to:
        _write(view.item, claimed_by=to)
        about = {"item": item.key, "title": item.title, "to": str(to), "was": str(was) if was else None}
        append_entry(board.cutover, "item.handed_over", by=by, **about)
    return view.item


@transaction.atomic
def release_item(*, item: Item, by: User) -> Item:
    """Marks an item as not taken by anybody."""
    board, view = authorize(item, "release", by=by)
    was = view.item.claimed_by
    _write(view.item, claimed_by=None, claimed_at=None)
    append_entry(board.cutover, "item.released", by=by, item=item.key, title=item.title, was=str(was))
    return view.item


@transaction.atomic
def add_note(*, item: Item, by: User, text: str) -> Note:
    """Adds a note to an item; everybody in the cutover can read it.

    The same words of the same person within `SAME_NOTE` are one note: a form that was sent twice.
    """
    text = text.strip()
    if not text:
        raise CommandRefused("The note is empty.", next="Write something, or leave the page.")
    if "\x00" in text:
        raise CommandRefused("The note holds a NUL character.", next="Paste it as plain text.")
    board, view = authorize(item, "note", by=by)
    said = text[:4000]
    Item.objects.select_for_update().get(pk=view.item.pk)  # of two at the same time, the second one waits
    lately = view.item.notes.filter(by=by, text=said, at__gt=board.now - SAME_NOTE)
    if (first := lately.first()) is not None:
        return first
    note = Note.objects.create(item=view.item, by=by, at=board.now, text=said)
    append_entry(board.cutover, "item.noted", by=by, item=item.key, title=item.title, text=note.text)
    return note


def _write(item: Item, **changes: object) -> None:
    for name, value in changes.items():
        setattr(item, name, value)
    item.save(update_fields=list(changes))
