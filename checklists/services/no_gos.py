"""Ending a no-go: withdrawing it, or answering it in writing. Nothing else ends one."""

from __future__ import annotations

import unicodedata

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from checklists.board import Board, Dissent, ItemView, answering_seats
from checklists.models import Item, NoGoAnswer, SignOff
from checklists.models.gate_triggers import MIN_ANSWER
from checklists.services.gates import pass_if_complete, record_pass
from checklists.services.permission import append_entry, get_member, lock_cutover
from checklists.services.refusal import CommandRefused
from checklists.states import NoGoEnding


@transaction.atomic
def withdraw_no_go(*, no_go: SignOff, by: User, reason: str) -> NoGoAnswer:
    """Withdraws a person's own no-go, with a reason. Opens the gate when its quorum is complete without it.

    Raises `CommandRefused`.
    """
    board, view = _lock(no_go, by)
    dissent = _find_standing(view, no_go)
    if dissent.no_go.person_id != by.pk:
        raise CommandRefused(
            "Only the person who said no-go withdraws it.", next="The holder of another seat may answer it."
        )
    if not _visible(reason):
        raise CommandRefused("Say why you withdraw it.", next="The reason stays beside the no-go.")
    return _end(board, view, dissent, NoGoEnding.WITHDRAWN, by, "", reason)


@transaction.atomic
def answer_no_go(*, no_go: SignOff, by: User, text: str) -> NoGoAnswer:
    """Answers another person's no-go in writing, in a seat of one's own. No-go and answer stay for good.

    Opens the gate when its quorum is complete without the dissenter. Raises `CommandRefused` for the
    dissenter, a lead, an actor of the evidence, and a text of less than 20 characters.
    """
    board, view = _lock(no_go, by)
    dissent = _find_standing(view, no_go)
    seats = answering_seats(get_member(board.cutover, by), view, dissent)
    if not seats:
        raise CommandRefused(
            "You may not answer this no-go.",
            means="The holder of another seat answers it, who neither leads nor acted on the evidence.",
            next="Ask one of them; the gate names who may.",
        )
    if len(_visible(text)) < MIN_ANSWER:
        raise CommandRefused(
            f"The answer has less than {MIN_ANSWER} characters.",
            means="The no-go stands.",
            next="Say what was done about the reason, or why the cutover goes on all the same.",
        )
    return _end(board, view, dissent, NoGoEnding.ANSWERED, by, seats[0], text)


def _visible(text: str) -> str:
    """The text with blanks and invisible characters, several in a row, as one blank."""
    shown = ("" if unicodedata.category(c) in ("Cf", "Cc", "Cn") and not c.isspace() else c for c in text)
    return " ".join("".join(shown).replace("\u2800", " ").replace("\u3164", " ").split())


def _lock(no_go: SignOff, by: User) -> tuple[Board, ItemView]:
    """Locks the cutover and the gate as it is defined now, and computes the board."""
    cutover = lock_cutover(no_go.gate.cutover_id)
    gates = Item.objects.current().filter(cutover=cutover, key=no_go.gate.key).order_by()
    gate = gates.select_for_update(of=("self",)).first()
    get_member(cutover, by)
    if gate is None or not cutover.is_open:
        raise CommandRefused("This gate is decided no more: it was removed, or the cutover is closed.")
    board = Board.load(cutover)
    return board, board.items[gate.key]


def _find_standing(view: ItemView, no_go: SignOff) -> Dissent:
    assert view.gate is not None
    found = next((d for d in view.gate.dissents if d.no_go.pk == no_go.pk and d.stands), None)
    if found is None:
        raise CommandRefused("This no-go stands no more.", next="Reload the gate to see how it ended.")
    return found


def _end(
    board: Board, view: ItemView, dissent: Dissent, ending: NoGoEnding, by: User, seat: str, text: str
) -> NoGoAnswer:
    no_go = dissent.no_go
    try:
        with transaction.atomic():
            answer = NoGoAnswer.objects.create(
                no_go=no_go, ending=ending, by=by, seat=seat, text=text.strip(), at=board.now
            )
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") != "CU007":
            raise
        raise CommandRefused("You may not end this no-go.", next="Reload the gate.") from error
    append_entry(
        board.cutover,
        f"gate.no_go_{ending.lower()}",
        by=by,
        gate=view.item.key,
        title=view.item.title,
        no_go_by=no_go.person.get_username(),
        no_go_reason=no_go.reason,
        seat=seat,
        text=answer.text,
    )
    after = Board.load(board.cutover)
    record_pass(after, view, pass_if_complete(after, after.items[view.item.key]))
    return answer
