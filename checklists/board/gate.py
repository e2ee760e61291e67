"""How one gate stands: its evidence, who signed on exactly that, what voided the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checklists.canonical import digest_of
from checklists.gates.answers import Blocker, Fact, GateView, ItemView, SeatView, Voided
from checklists.gates.words import duration
from checklists.models import GateEvidence, SignOff
from checklists.states import Decision, ItemState

if TYPE_CHECKING:
    from checklists.gates.board import Board
    from checklists.gates.facts import Facts


def gate_view(view: ItemView, board: Board, rows: Facts) -> GateView:
    """The gate as it stands on the evidence of this moment."""
    gate = view.item
    facts = [_fact(asked, board, rows) for asked in rows.asked.get(gate.pk, [])]
    digest = digest_of(
        {
            "cutover": board.cutover.slug,
            "runbook": board.cutover.runbook.sha256,
            "gate": gate.key,
            "facts": [fact.as_signed() for fact in facts],
        }
    )
    current = _latest_word(rows.sign_offs.get(gate.pk, []))
    standing = [s for s in current if s.digest == digest]
    passes = [p for p in rows.passes.get(gate.pk, []) if p.digest == digest]
    used = passes[-1] if passes and passes[-1].used_at else None
    stale = [] if used else [fact for fact in facts if fact.stale]
    counted = [] if stale else standing
    return GateView(
        facts=facts,
        digest=digest,
        seats=_seats(view, board, counted),
        needed=_needed(view, board),
        given=sum(s.decision == Decision.GO for s in counted),
        voided=[Voided(s, _why_void(s, facts, stale)) for s in current if s not in counted],
        passed=used or (passes[-1] if passes and not stale else None),
        no_go=next((s for s in counted if s.decision == Decision.NO_GO), None),
        blockers=_blockers(view, facts, stale),
    )


def _fact(asked: GateEvidence, board: Board, rows: Facts) -> Fact:
    view = next(v for v in board.items.values() if v.item.pk == asked.item_id)
    at = view.settled_at if view.state in (ItemState.DONE, ItemState.SKIPPED) else None
    evidence = view.evidence if view.state == ItemState.DONE else None
    if evidence:
        at = evidence.observed_at
    return Fact(
        item=view.item,
        attempt=view.attempt,
        ok=view.settled,
        missing=view.attempt is None and not view.settled,
        summary=_summary(view),
        digest=evidence.digest if evidence else digest_of([view.state, view.settled_at]),
        observed_at=at,
        age=rows.now - at if at else None,
        fresh_for=asked.fresh_for or view.item.fresh_for,
        evidence=evidence,
    )


def _summary(view: ItemView) -> str:
    if view.state == ItemState.SKIPPED:
        return f"Skipped by {view.item.skipped_by}: {view.item.skip_reason}"
    if view.state == ItemState.NOT_NEEDED:
        return f"Not needed. {view.why_not_needed}"
    if view.item.done_by:
        return f"Ticked by {view.item.done_by}"
    if view.gate:
        return f"{view.gate.given} of {view.gate.needed} signed"
    if view.attempt and view.state not in (ItemState.BLOCKED, ItemState.READY):
        return view.attempt.summary or view.attempt.get_status_display()
    return "Nothing yet"


def _blockers(view: ItemView, facts: list[Fact], stale: list[Fact]) -> list[Blocker]:
    """What its evidence lacks, and what else has to come before; nothing is said twice."""
    objections = [b for fact in facts if (b := _objection(fact, stale))]
    said = {fact.item.pk for fact in facts}
    return [b for b in view.blockers if b.item is None or b.item.pk not in said] + objections


def _objection(fact: Fact, stale: list[Fact]) -> Blocker | None:
    name = f"{fact.item.number} {fact.item.title}"
    if not fact.ok:
        return Blocker(f"{name}: {fact.summary[:1].lower()}{fact.summary[1:]}", fact.item)
    if fact in stale and fact.age and fact.fresh_for:
        return Blocker(
            f"{name} is {duration(fact.age)} old; this gate asks for less than {duration(fact.fresh_for)}. "
            "Do it again.",
            fact.item,
        )
    return None


def _latest_word(sign_offs: list[SignOff]) -> list[SignOff]:
    """Each person's last sign-off, in the order they were given."""
    latest = {s.person_id: s for s in sign_offs}
    return sorted(latest.values(), key=lambda s: s.pk)


def _seats(view: ItemView, board: Board, counted: list[SignOff]) -> list[SeatView]:
    return [
        SeatView(
            seat=seat,
            title=board.cutover.seat_titles.get(seat, seat.capitalize()),
            sign_off=next((s for s in counted if s.seat == seat), None),
            people=[m.person for m in board.members if seat in m.seats],
        )
        for seat in view.item.seats
    ]


def _needed(view: ItemView, board: Board) -> int:
    lowered = board.cutover.rehearsal_quorum
    if board.cutover.is_rehearsal and lowered is not None:
        return max(1, min(lowered, view.item.quorum))
    return view.item.quorum


def _why_void(sign_off: SignOff, facts: list[Fact], stale: list[Fact]) -> str:
    """Names the fact that changed since it was signed, or the one that grew old."""
    then = {line["item"]: line for line in sign_off.evidence}
    for fact in facts:
        line = then.get(fact.item.key)
        if line is None:
            return f"{fact.item.number} {fact.item.title} was not part of what was signed."
        if line["digest"] != fact.digest or line["attempt"] != fact.as_signed()["attempt"]:
            return f"{fact.item.number} {fact.item.title} changed: “{line['summary']}” → “{fact.summary}”."
    for fact in stale:
        if fact.age and fact.fresh_for:
            return (
                f"{fact.item.number} {fact.item.title} is {duration(fact.age)} old; "
                f"this gate asks for less than {duration(fact.fresh_for)}."
            )
    return "The evidence as a whole changed."
