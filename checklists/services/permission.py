"""How every service begins and ends: lock, check the permission, append to the audit record."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.db.models import QuerySet

from checklists.announcements import announce_on_commit
from checklists.board import Board, ItemView, allowed_commands, why_not_decide, why_not_sign
from checklists.compiled_query import compiled_query
from checklists.models import AuditEntry, Cutover, Item, Member
from checklists.services.refusal import CommandRefused
from checklists.states import ItemState

#: How a command is called in the sentence that refuses it.
VERBS = {
    "tick": "tick",
    "untick": "untick",
    "skip": "skip",
    "unskip": "take the skip back from",
    "claim": "claim",
    "hand_over": "hand over",
    "release": "release",
    "note": "note something on",
    "start": "start",
    "cancel": "cancel",
    "probe": "probe",
    "reconcile": "reconcile",
    "sign": "sign",
}


def lock_cutover(cutover_id: int, *, exclusively: bool = False) -> Cutover:
    """Locks the cutover's row and gives it: for share, or exclusively.

    A rollback locks it exclusively and so waits for every command under way. Take this lock first: the
    order everywhere is cutover → attempt → audit head.
    """
    if exclusively:
        rows = Cutover.objects.filter(pk=cutover_id).select_related("runbook")
        return rows.select_for_update(of=("self",)).get()
    with connection.cursor() as cursor:  # the ORM has no FOR SHARE
        cursor.execute("SELECT 1 FROM checklists_cutover WHERE id = %s FOR SHARE", [cutover_id])
    cutover = _cutovers.first(cutover_id)
    if cutover is None:
        raise Cutover.DoesNotExist(f"There is no cutover {cutover_id}.")
    return cutover


@compiled_query
def _cutovers(pk: int) -> QuerySet[Cutover]:
    return Cutover.objects.filter(pk=pk).select_related("runbook")


def lock_item(item: Item) -> Item:
    """Locks the item's row and gives it as it is now. Lock its cutover before."""
    assert connection.in_atomic_block  # Django asks this only where it builds the SQL
    locked = _locked_items.first(item.pk)
    if locked is None:
        raise Item.DoesNotExist(f"There is no item {item.pk}.")
    return locked


@compiled_query
def _locked_items(pk: int) -> QuerySet[Item]:
    # Without the order of items, which joins their cutover and phase: these would be locked as well.
    return Item.objects.filter(pk=pk).order_by().select_for_update(of=("self",))


def get_member(cutover: Cutover, person: AbstractBaseUser) -> Member:
    """The person's membership. Raises `CommandRefused` for a person without one, or with a closed account."""
    member = _members.first(cutover.pk, person.pk)
    if member is None or not person.is_active:
        raise CommandRefused(
            f"You have no part in {cutover.title}.", next="Ask its migration lead to add you."
        )
    return member


@compiled_query(values=2)
def _members(cutover: int, person: int) -> QuerySet[Member]:
    return Member.objects.filter(cutover=cutover, person=person).order_by()[:1]


def authorize(
    item: Item, verb: str, *, by: AbstractBaseUser, locked: Cutover | None = None
) -> tuple[Board, ItemView]:
    """Locks cutover and item, computes the board, and raises `CommandRefused` for what is not allowed now.

    The board is computed here although the page has computed one: only what is read under the locks counts.
    ``locked`` is the cutover when this transaction has locked it and the item (`lock_cutover`, `lock_item`).
    """
    cutover = locked
    if cutover is None:
        cutover = lock_cutover(item.cutover_id)
        lock_item(item)
    board = Board.load(cutover)
    view, member = board.items[item.key], get_member(cutover, by)
    if verb not in allowed_commands(member, view, board):
        raise CommandRefused(
            _explain_refusal(verb, view, board, member),
            means="Nothing was changed.",
            next="Reload the page to see how it stands." if member.may_act else "",
        )
    return board, view


def _explain_refusal(verb: str, view: ItemView, board: Board, member: Member) -> str:
    name = f"{view.item.number} {view.item.title}"
    if not board.cutover.is_open:
        return f"This cutover is closed: {board.cutover.get_status_display().lower()}."
    if not member.may_act and verb not in ("note", "sign", "probe", "reconcile"):
        part = member.get_part_display().lower()
        return f"You are {part} here; only a migration lead may {VERBS[verb]} {name}."
    if verb == "sign" and view.gate:
        return why_not_sign(member, view)
    if verb == "reconcile" and view.state == ItemState.UNKNOWN:
        return why_not_decide(member, view, board)
    if verb in ("tick", "start") and view.blockers:
        return f"{name} has to wait: {view.blockers[0].what}"
    return f"{name} is {view.state.label.lower()}; you cannot {VERBS[verb]} it now."


def append_entry(
    cutover: Cutover, kind: str, *, by: AbstractBaseUser | None, **payload: object
) -> AuditEntry:
    """Appends to the audit record, last before the commit; after the commit the pages are updated."""
    announce_on_commit(cutover.pk)
    return AuditEntry.objects.append(cutover, kind, by=by, **payload)
