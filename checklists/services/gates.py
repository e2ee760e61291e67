"""Signing a gate: go or no-go, on exactly the evidence that was on the screen."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from checklists.gates import Board, ItemView, seats_for
from checklists.models import GatePass, Item, Member, SignOff
from checklists.services.permission import member_of, permitted, record
from checklists.services.refused import Refused
from checklists.states import Decision

#: What the database says by its own error codes, for the case that two people are quicker than our questions.
REFUSALS = {
    "CU001": "Your account is not active.",
    "CU002": "You do not fill this seat.",
    "CU003": "You started some of this work, so someone else has to approve it (four eyes).",
    "CU004": "Somebody else has just signed in this seat, or you already sit in another.",
}


def sign_gate(
    *, gate: Item, by: User, seat: str, decision: Decision, reason: str, digest: str, nonce: UUID
) -> SignOff:
    """Signs in one seat of a gate, and opens the gate when that completes the quorum.

    ``digest`` is that of the evidence on the signer's screen: when it changed meanwhile, nothing is
    signed. ``nonce`` comes from the form: sending the same form twice gives the first sign-off again.
    Raises `Refused`.
    """
    before = SignOff.objects.filter(nonce=nonce, person=by, gate=gate).first()
    if before is not None:
        return before
    try:
        return _sign(gate, by, seat, Decision(decision), reason.strip(), digest, nonce)
    except DatabaseError as error:
        again = SignOff.objects.filter(nonce=nonce, person=by, gate=gate).first()
        if again is not None:  # the same form, sent twice at once
            return again
        code = getattr(error.__cause__, "sqlstate", "")
        if code in REFUSALS:
            raise Refused(REFUSALS[code], means="Nothing was signed.", next="Reload the gate.") from error
        raise


@transaction.atomic
def _sign(
    gate: Item, by: User, seat: str, decision: Decision, reason: str, digest: str, nonce: UUID
) -> SignOff:
    if decision == Decision.NO_GO and not reason:
        raise Refused("A no-go needs a reason.", next="Say in a sentence what has to change.")
    board, view = permitted(gate, "sign", by=by)
    assert view.gate is not None
    _hold_against_screen(view, member_of(board.cutover, by), seat, digest)
    sign_off = SignOff.objects.create(
        gate=view.item,
        seat=seat,
        person=by,
        decision=decision,
        reason=reason,
        digest=digest,
        evidence=[_text(line) for line in view.gate.signed],
        attempts=view.gate.attempts,
        nonce=nonce,
        at=board.now,
    )
    passed = _open_if_complete(view, board)
    record(
        board.cutover,
        "gate.signed",
        by=by,
        gate=gate.key,
        title=gate.title,
        seat=seat,
        decision=decision,
        reason=reason,
        digest=digest,
    )
    if passed is not None:
        record(board.cutover, "gate.passed", by=None, gate=gate.key, title=gate.title, digest=digest)
    return sign_off


def _hold_against_screen(view: ItemView, member: Member, seat: str, digest: str) -> None:
    assert view.gate is not None
    if seat not in seats_for(member, view):
        raise Refused(
            "You cannot fill this seat.", means="It is taken, or not yours.", next="Reload the gate."
        )
    if digest != view.gate.digest:
        raise Refused(
            "The evidence changed while you were reading it.",
            means="Nothing was signed: a signature counts only for what was on your screen.",
            next="Look at the new evidence and decide again.",
        )


def _open_if_complete(view: ItemView, board: Board) -> GatePass | None:
    """The database counts for itself; we only ask when our own count says that it is time."""
    fresh = Board.of(board.cutover).items[view.item.key].gate
    assert fresh is not None
    if fresh.no_go or fresh.given < fresh.needed or fresh.passed:
        return None
    return GatePass.objects.create(gate=view.item, digest=fresh.digest, at=board.now)


def _text(line: dict[str, object]) -> dict[str, object]:
    return {**line, "observed_at": str(line["observed_at"])}
