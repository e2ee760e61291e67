"""The state of one gate: its evidence, who signed on exactly that evidence, and who said no-go."""

from __future__ import annotations

from checklists.board.acts import Act
from checklists.board.gate_contents import NOT_COMPUTED
from checklists.board.gate_facts import find_gaps, list_blockers, read_facts
from checklists.board.gate_signatures import judge_signatures
from checklists.board.rows import BoardRows
from checklists.board.views import EvidenceGap, Fact, GateRules, GateView, ItemView, ItemViews, SeatView
from checklists.canonical import digest_of
from checklists.models import SignOff


def gate_view(view: ItemView, items: ItemViews, rows: BoardRows) -> GateView:
    """The gate on the evidence of this moment. ``items`` are the views of all items, by key."""
    gate = view.item
    rules = rules_of(view, items, rows)
    of_gate = rows.sign_offs.get(gate.pk, [])
    signatures = judge_signatures(rules, of_gate, rows.passes.get(gate.pk, []), rows.no_gos.get(gate.key, []))
    standing = [dissent.no_go for dissent in signatures.dissents if dissent.stands]
    return GateView(
        item=gate,
        facts=rules.facts,
        digest=signatures.digest,
        seats=_seats(view, rows, [*standing, *signatures.counted]),
        needed=rules.needed,
        given=len(signatures.counted),
        voided=signatures.voided,
        passed=signatures.passed,
        no_go=standing[0] if standing else None,
        dissents=signatures.dissents,
        blockers=list_blockers(view, rules.facts, signatures.stale),
        gaps=rules.gaps,
        acts=rules.acts,
        given_seats=rules.given_seats,
    )


def rules_of(view: ItemView, items: ItemViews, rows: BoardRows) -> GateRules:
    facts, gaps = read_facts(view, items, rows), find_gaps(view, items, rows)
    acts = _acts_on(view, items, rows, gaps)
    return GateRules(
        facts=facts,
        gaps=gaps,
        digest=_digest(view, rows, facts),
        digest_of_version_1=_digest_of_version_1(view, rows, facts),
        needed=_quorum(view, rows),
        acts=acts,
        given_seats=_seats_given_by_actors(rows, acts),
        holders=frozenset(
            (m.person_id, seat) for m in rows.members for seat in m.seats if m.person.is_active
        ),
    )


def _digest(view: ItemView, rows: BoardRows, facts: list[Fact]) -> str:
    """Of the content of the evidence (version 2, docs/adr/0026), as the database computes it.

    While the board knows of evidence that does not hold, it is a digest that nobody can have signed.
    """
    digest = rows.gate_contents.get(view.item.pk, NOT_COMPUTED).digest
    return digest if all(fact.ok for fact in facts) else digest_of([digest, [fact.content for fact in facts]])


def _digest_of_version_1(view: ItemView, rows: BoardRows, facts: list[Fact]) -> str:
    """As earlier panels computed it: bound to attempts, their summaries and moments."""
    lines = [fact.as_signed() | {"summary": fact.found_summary} for fact in facts]
    return digest_of(
        {
            "cutover": rows.cutover.slug,
            "runbook": view.item.runbook_sha256,
            "gate": view.item.key,
            "facts": [{name: value for name, value in line.items() if name != "content"} for line in lines],
        }
    )


def _acts_on(
    view: ItemView, items: ItemViews, rows: BoardRows, gaps: list[EvidenceGap]
) -> dict[int, list[Act]]:
    found = {
        person: [Act(items[rows.keys[item]].item, verb) for item, verb in done if item in rows.keys]
        for person, done in rows.acts.get(view.item.pk, {}).items()
    }
    for gap in gaps:
        act = Act(gap.item, gap.kind)
        if gap.person_id is not None and act not in found.setdefault(gap.person_id, []):
            found[gap.person_id].append(act)
    return found


def _seats_given_by_actors(rows: BoardRows, acts: dict[int, list[Act]]) -> dict[tuple[int, str], str]:
    """Person and seat → why it does not count: who gave it after work had begun, and what they did."""
    names = {member.person_id: str(member.person) for member in rows.members}
    return {
        key: acts[giver][0].of(f"{names.get(giver, 'A person without a part')} gave this seat, and")
        for key, givers in rows.seat_givers.items()
        for giver in sorted(givers & acts.keys())[:1]
    }


def _seats(view: ItemView, rows: BoardRows, filled: list[SignOff]) -> list[SeatView]:
    return [
        SeatView(
            seat=seat,
            title=rows.cutover.seat_title(seat),
            sign_off=next((s for s in filled if s.seat == seat), None),
            people=[m.person for m in rows.members if seat in m.seats],
        )
        for seat in view.item.seats
    ]


def _quorum(view: ItemView, rows: BoardRows) -> int:
    lowered = rows.cutover.rehearsal_quorum
    if rows.cutover.is_rehearsal and lowered is not None:
        return max(1, min(lowered, view.item.quorum))
    return view.item.quorum
