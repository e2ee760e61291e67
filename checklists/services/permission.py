"""The locked cutover, its board and the right to give a command: how every service begins."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection

from checklists.announcements import announce_on_commit
from checklists.gates import Board, ItemView, may
from checklists.models import AuditEntry, Cutover, Item, Member
from checklists.services.refused import Refused

#: What a refused verb is called in a sentence.
VERBS = {
    "tick": "tick",
    "untick": "untick",
    "skip": "skip",
    "unskip": "take the skip back from",
    "claim": "claim",
    "release": "release",
    "note": "note something on",
    "start": "start",
    "cancel": "cancel",
    "probe": "look at",
    "reconcile": "reconcile",
    "sign": "sign",
}


def locked(cutover_id: int, *, exclusively: bool = False) -> Cutover:
    """The cutover's row: shared, so that a rollback waits for us; or exclusively, for the rollback itself.

    Take it first: the lock order everywhere is cutover → attempt → audit head.
    """
    rows = Cutover.objects.filter(pk=cutover_id).select_related("runbook")
    if exclusively:
        return rows.select_for_update(of=("self",)).get()
    with connection.cursor() as cursor:  # Django knows no FOR SHARE
        cursor.execute("SELECT 1 FROM checklists_cutover WHERE id = %s FOR SHARE", [cutover_id])
    return rows.get()


def member_of(cutover: Cutover, person: AbstractBaseUser) -> Member:
    """The person's part, or a refusal: who has none may not touch anything."""
    member = Member.objects.filter(cutover=cutover, person_id=person.pk).first()
    if member is None or not person.is_active:
        raise Refused(f"You have no part in {cutover.title}.", next="Ask its migration lead to add you.")
    return member


def permitted(item: Item, verb: str, *, by: AbstractBaseUser) -> tuple[Board, ItemView]:
    """Locks the cutover and the item, works out how things stand, and refuses in words what may not be."""
    cutover = locked(item.cutover_id)
    Item.objects.select_for_update().get(pk=item.pk)
    board = Board.of(cutover)
    view, member = board.items[item.key], member_of(cutover, by)
    if verb not in may(member, view, board):
        raise Refused(
            _why_not(verb, view, board, member),
            means="Nothing was changed.",
            next="Reload the page to see how it stands." if member.may_act else "",
        )
    return board, view


def _why_not(verb: str, view: ItemView, board: Board, member: Member) -> str:
    name = f"{view.item.number} {view.item.title}"
    if not board.cutover.is_open:
        return f"This cutover is closed: {board.cutover.get_status_display().lower()}."
    if not member.may_act and verb not in ("note", "sign", "probe", "reconcile"):
        part = member.get_part_display().lower()
        return f"You are {part} here; only a migration lead may {VERBS[verb]} {name}."
    if verb in ("tick", "start") and view.blockers:
        return f"{name} has to wait: {view.blockers[0].what}"
    return f"{name} is {view.state.label.lower()}; you cannot {VERBS[verb]} it now."


def record(cutover: Cutover, kind: str, *, by: AbstractBaseUser | None, **payload: object) -> AuditEntry:
    """Appends to the record, as the last thing before the commit, and tells the pages after it."""
    announce_on_commit(cutover.pk)
    return AuditEntry.objects.append(cutover, kind, by=by, **payload)
