"""Signing a gate: go or no-go, on exactly the evidence that was on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from checklists.board import Board, GateView, ItemView, items_decided_by, seats_for
from checklists.models import GatePass, Item, Member, SignOff
from checklists.services.permission import append_entry, authorize, get_member
from checklists.services.refusal import CommandRefused
from checklists.states import Decision

#: Refusals by the database's own rules, by error code. They come when two people sign at the same time.
REFUSALS = {
    "CU001": "Your account is not active.",
    "CU002": "You do not fill this seat.",
    "CU003": "You acted on some of this evidence, so someone else has to approve it (four eyes).",
    "CU004": "Somebody else has just signed in this seat, or you already sit in another.",
    "CU006": "Your no-go stands. Withdraw it before you sign again.",
    "CU008": "Something was skipped meanwhile that you did not accept by name.",
    "CU014": "The evidence changed at the moment at which you signed.",
    "CU015": "Evidence of this gate is missing by now, or no longer holds.",
    "CU016": "The evidence changed at the moment at which you signed.",
    "CU009": "Somebody who acted on this evidence gave you this seat (four eyes).",
}
#: Of these, the refusals that say that evidence changed after the board was read.
EVIDENCE_CHANGED = ("CU014", "CU015", "CU016")


@dataclass(frozen=True)
class _Signature:
    """What the signer's form says."""

    seat: str
    decision: Decision
    reason: str
    digest: str
    nonce: UUID
    accepted_gaps: list[str]
    accepted_irreversible: list[str]


def sign_gate(
    *,
    gate: Item,
    by: User,
    seat: str,
    decision: Decision,
    reason: str,
    digest: str,
    nonce: UUID,
    accepted_gaps: Sequence[str] = (),
    accepted_irreversible: Sequence[str] = (),
) -> SignOff:
    """Signs in one seat of a gate, and opens the gate when that completes the quorum.

    ``digest`` is that of the evidence on the signer's screen: when its content has changed since, nothing
    is signed. ``nonce`` comes from the form: the same form sent twice gives the first sign-off again.
    ``accepted_gaps``: the keys of skipped and reconciled items that the signer accepts; a go needs all.
    ``accepted_irreversible``: those of the items behind the gate that nothing takes back; in production too.
    Raises `CommandRefused`.
    """
    same_form = SignOff.objects.filter(nonce=nonce, person=by, gate=gate)
    if (first := same_form.first()) is not None:
        return first
    gaps, irreversible = sorted(set(accepted_gaps)), sorted(set(accepted_irreversible))
    given = _Signature(seat, Decision(decision), reason.strip(), digest, nonce, gaps, irreversible)
    try:
        return _sign(gate, by, given)
    except DatabaseError as error:
        if (first := same_form.first()) is not None:  # sent twice at the same time
            return first
        refusal = REFUSALS.get(getattr(error.__cause__, "sqlstate", ""))
        if refusal is None:
            raise
        raise CommandRefused(refusal, means="Nothing was signed.", next="Reload the gate.") from error


@transaction.atomic
def _sign(gate: Item, by: User, given: _Signature) -> SignOff:
    if given.decision == Decision.NO_GO and not given.reason:
        raise CommandRefused("A no-go needs a reason.", next="Say in a sentence what has to change.")
    board, view = authorize(gate, "sign", by=by)
    assert view.gate is not None
    _check_against_screen(view, get_member(board.cutover, by), given.seat, given.digest)
    _check_gaps_accepted(view, given)
    _check_irreversible_named(board, view, given)
    sign_off = SignOff.objects.create(
        gate=view.item,
        seat=given.seat,
        person=by,
        decision=given.decision,
        reason=given.reason,
        digest=given.digest,
        accepted_gaps=given.accepted_gaps,
        accepted_irreversible=given.accepted_irreversible,
        evidence=[_as_json(line) for line in view.gate.signed],
        attempts=view.gate.attempts,
        nonce=given.nonce,
        at=board.now,
    )
    passed = _pass_if_complete(board, board.gate_with(view, sign_off))
    about = {"gate": gate.key, "title": gate.title, "seat": given.seat, "decision": given.decision}
    accepted = {"accepted_gaps": given.accepted_gaps} if given.accepted_gaps else {}
    gaps = {"gaps": [gap.as_signed() for gap in view.gate.gaps]} if view.gate.gaps else {}
    if given.accepted_irreversible:
        accepted["accepted_irreversible"] = given.accepted_irreversible
    append_entry(
        board.cutover,
        "gate.signed",
        by=by,
        **about,
        reason=given.reason,
        digest=given.digest,
        **accepted,
        **gaps,
    )
    record_pass(board, view, passed)
    return sign_off


def record_pass(board: Board, view: ItemView, passed: GatePass | None) -> None:
    """Appends the pass to the record, if there is one."""
    if passed is not None:
        about = {"gate": view.item.key, "title": view.item.title, "digest": passed.digest}
        append_entry(board.cutover, "gate.passed", by=None, **about)


def _check_against_screen(view: ItemView, member: Member, seat: str, digest: str) -> None:
    assert view.gate is not None
    if seat not in seats_for(member, view):
        raise CommandRefused(
            "You cannot fill this seat.", means="It is taken, or not yours.", next="Reload the gate."
        )
    if digest != view.gate.digest:
        raise CommandRefused(
            "The evidence changed while you were reading it.",
            means="Nothing was signed: a signature counts only for what was on your screen.",
            next="Look at the new evidence and decide again.",
        )


def _check_gaps_accepted(view: ItemView, given: _Signature) -> None:
    assert view.gate is not None
    missing = [gap for gap in view.gate.gaps if gap.item.key not in given.accepted_gaps]
    if missing and given.decision == Decision.GO:
        raise CommandRefused(
            f"You did not accept that {missing[0].item} was {missing[0].kind} ({missing[0].reason}).",
            means="Nothing was signed: a go accepts each skip by name.",
            next="Tick what you accept, or say no-go.",
        )


def _check_irreversible_named(board: Board, view: ItemView, given: _Signature) -> None:
    """In production a go names each item behind the gate that nothing takes back."""
    if board.cutover.is_rehearsal or given.decision != Decision.GO:
        return
    decided = items_decided_by(view.item, board.items)
    missing = [item for item in decided if item.key not in given.accepted_irreversible]
    if missing:
        raise CommandRefused(
            f"You did not name {missing[0]}, which nothing takes back: {missing[0].irreversible}",
            means="Nothing was signed: in production a go names each irreversible item behind the gate.",
            next="Tick what may happen, or say no-go.",
        )


def pass_if_complete(board: Board, view: ItemView) -> GatePass | None:
    """Passes the gate as it stands now, if its quorum is complete and no no-go stands."""
    assert view.gate is not None
    return _pass_if_complete(board, view.gate)


def _pass_if_complete(board: Board, gate: GateView) -> GatePass | None:
    """The database counts once more by itself.

    The board was read under the lock of the gate's row, so no other sign-off can have come since. Evidence
    can have changed: then the gate does not pass, and the signatures are void.
    """
    if gate.no_go or gate.given < gate.needed or gate.passed or gate.blockers:
        return None
    try:
        with transaction.atomic():
            return GatePass.objects.create(gate=gate.item, digest=gate.digest, at=board.now)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") not in EVIDENCE_CHANGED:
            raise
        return None


def _as_json(line: dict[str, object]) -> dict[str, object]:
    return {**line, "observed_at": str(line["observed_at"])}
