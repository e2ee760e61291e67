"""Questions, no writes: where are we, in one sentence, and who is waited for?"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from checklists.gates import Board, ItemView, PhaseView, may, seats_for, why_not_sign
from checklists.models import Item, Member
from checklists.states import AttemptStatus, CutoverStatus, Direction, ItemKind, ItemState, Part


@dataclass(frozen=True)
class Wait:
    """Something that goes on only when one of these people does it; ``urgent`` comes before the rest."""

    what: str
    item: Item
    people: tuple[User, ...]
    urgent: bool = False


def headline(board: Board) -> str:
    """Where a cutover is, in a sentence that can be read out on the phone."""
    if not board.cutover.is_open:
        return CLOSED[CutoverStatus(board.cutover.status)]
    before = "A rollback was ordered. " if board.cutover.direction == Direction.ROLLBACK else ""
    return before + (_trouble(board) or _work(board) or _nothing_runs(board))


CLOSED = {
    CutoverStatus.COMPLETED: "Completed: everything is done.",
    CutoverStatus.ROLLED_BACK: "Rolled back: everything is as it was before.",
    CutoverStatus.ABANDONED: "Abandoned.",
}


def _trouble(board: Board) -> str:
    if board.unknown:
        return f"We do not know whether {named(board.unknown[0])} happened. Somebody has to look."
    if board.failed:
        return f"{named(board.failed[0])} ended badly and is not settled."
    return ""


def _work(board: Board) -> str:
    if not board.running:
        return ""
    more = len(board.running) - 1
    return f"{named(board.running[0])} is under way{f', and {more} more' if more else ''}."


def _nothing_runs(board: Board) -> str:
    if board.open_gates:
        gate = board.open_gates[0].gate
        assert gate is not None
        return f"{named(board.open_gates[0])} waits for signatures: {gate.given} of {gate.needed} are there."
    if board.next:
        return f"Nothing runs. Next is {named(board.next[0])}."
    left = [v for v in ahead(board) if not v.settled]
    return (
        "Nothing can go on: see what is blocked."
        if left
        else "Everything is done; the cutover can be closed."
    )


def named(view: ItemView) -> str:
    """“3.4 Fresh backup”."""
    return f"{view.item.number} {view.item.title}"


def ahead(board: Board) -> list[ItemView]:
    """The items of the direction in which the cutover goes."""
    return [v for v in board.items.values() if v.item.phase.direction == board.cutover.direction]


def waits(board: Board) -> list[Wait]:
    """What waits for whom now, trouble first, in the runbook's order."""
    if not board.cutover.is_open:
        return []
    found = [wait for view in board.items.values() for wait in _waits(view, board)]
    return sorted(found, key=lambda wait: not wait.urgent)


def waits_for(person: User, board: Board) -> list[Wait]:
    """Those in which this person is one of the people."""
    return [wait for wait in waits(board) if person in wait.people]


def _waits(view: ItemView, board: Board) -> list[Wait]:
    item = view.item
    match view.state:
        case ItemState.UNKNOWN:
            return [Wait("find out whether it happened", item, _who(board, "probe", view), urgent=True)]
        case ItemState.FAILED:
            return [Wait("see why it ended badly, and decide", item, _owners(view, board), urgent=True)]
        case ItemState.READY if view.gate:
            return _seats(view, board)
        case ItemState.READY if not item.optional:
            verb = "tick when done" if item.kind == ItemKind.MANUAL else "start"
            return [Wait(verb, item, _owners(view, board))]
    return []


def _seats(view: ItemView, board: Board) -> list[Wait]:
    assert view.gate is not None
    free = [seat for seat in view.gate.seats if seat.sign_off is None]
    if view.gate.given >= view.gate.needed:
        return []
    return [Wait(f"sign the {seat.title} seat", view.item, _signers(seat.seat, view, board)) for seat in free]


def _signers(seat: str, view: ItemView, board: Board) -> tuple[User, ...]:
    free = [m for m in board.members if seat in seats_for(m, view) and not why_not_sign(m, view)]
    return tuple(m.person for m in free)


def _owners(view: ItemView, board: Board) -> tuple[User, ...]:
    """Who claimed it; else those who have its role and may act; else every lead."""
    if view.item.claimed_by:
        return (view.item.claimed_by,)
    leads = [m for m in board.members if m.may_act]
    owners = [m for m in leads if view.item.owner in m.roles]
    return tuple(m.person for m in owners or leads)


def _who(board: Board, verb: str, view: ItemView) -> tuple[User, ...]:
    return tuple(m.person for m in board.members if verb in may(m, view, board))


def is_mine(board: Board, member: Member | None, view: ItemView) -> bool:
    """Did this person claim it, own it by role (as a lead, where nobody has the role), or a seat of it?"""
    if member is None or member.part == Part.STAKEHOLDER:
        return False
    if view.gate:
        return bool(set(member.seats) & set(view.item.seats))
    return member.person in _owners(view, board)


def forward_phases(board: Board) -> list[PhaseView]:
    """The phases of the way there, without those of the way back."""
    return [phase for phase in board.phases if phase.phase.direction == Direction.FORWARD]


def shown_phases(board: Board, *, everything: bool = False) -> list[PhaseView]:
    """In their order; the way back comes first once it was ordered, and last (or not at all) before."""
    back = [phase for phase in board.phases if phase.phase.direction == Direction.ROLLBACK]
    if board.cutover.direction == Direction.ROLLBACK:
        return back + forward_phases(board)
    return forward_phases(board) + (back if everything else [])


@dataclass(frozen=True)
class Waited:
    """A person who is waited for, and what for; nobody, when no one can do it."""

    person: User | None
    waits: list[Wait]


def by_people(waits: list[Wait], first: User) -> list[Waited]:
    """Grouped by the people who could; ``first`` before the others, what nobody can do at the top."""
    people: dict[User | None, list[Wait]] = {}
    for wait in waits:
        for person in wait.people or (None,):
            people.setdefault(person, []).append(wait)
    order = sorted(people, key=lambda p: (p is not None, p != first, p.get_username() if p else ""))
    return [Waited(person, people[person]) for person in order]


# ── for those who only watch ─────────────────────────────────────────────────


@dataclass(frozen=True)
class Service:
    """What is known of the service itself, in words for everybody; ``ok`` is None when nothing is known."""

    words: str
    ok: bool | None
    at: object = None


def service(board: Board) -> Service:
    """Is the service up? Only what a check of this cutover has really seen."""
    checks = [
        v.attempt
        for v in board.items.values()
        if v.item.action == "http.smoke" and v.attempt and v.attempt.ended_at
        and v.attempt.status in (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)
    ]  # fmt: skip
    if not checks:
        return Service("Nobody has checked the new service in this cutover yet.", None)
    latest = max(checks, key=lambda attempt: attempt.ended_at or board.now)
    if latest.succeeded:
        return Service("When it was last checked, the new service answered.", True, latest.ended_at)
    return Service(
        "When it was last checked, the new service did not answer as it should.", False, latest.ended_at
    )


def frozen_since(board: Board) -> object:
    """Since when the old service can be read and not written; None while it can be written."""
    done = [v for v in board.items.values() if v.item.action == "freeze.on" and v.state == ItemState.DONE]
    lifted = [
        v.settled_at for v in board.items.values()
        if v.item.action == "freeze.off" and v.state == ItemState.DONE and v.settled_at
    ]  # fmt: skip
    since = max((v.settled_at for v in done if v.settled_at), default=None)
    return since if since and not any(at > since for at in lifted) else None


def phase_now(board: Board) -> PhaseView | None:
    """The first phase of the present direction in which something is left to do."""
    phases = [p for p in board.phases if p.phase.direction == board.cutover.direction]
    return next((p for p in phases if any(not v.settled and not v.item.optional for v in p.items)), None)


def plainly(board: Board) -> str:
    """Where we are, for people who have never seen the runbook."""
    if not board.cutover.is_open:
        return PLAINLY_CLOSED[CutoverStatus(board.cutover.status)]
    if board.cutover.direction == Direction.ROLLBACK:
        return "We are going back to the old service."
    if board.unknown or board.failed:
        return "Something did not go as planned. The team is looking at it."
    phase = phase_now(board)
    if phase is None:
        return "Everything is done. The team is about to close the night."
    if board.running:
        return f"We are in part {phase.phase.number}: {phase.phase.title}. Work is under way."
    if board.open_gates:
        return (
            f"We are in part {phase.phase.number}: {phase.phase.title}. People are deciding whether to go on."
        )
    return f"We are in part {phase.phase.number}: {phase.phase.title}."


PLAINLY_CLOSED = {
    CutoverStatus.COMPLETED: "It is done: everyone is on the new service.",
    CutoverStatus.ROLLED_BACK: "We went back: everyone is on the old service, as before.",
    CutoverStatus.ABANDONED: "This was stopped, and nothing more happens here.",
}
