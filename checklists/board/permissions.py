"""What a person may do with an item now; pages and services ask the same question."""

from __future__ import annotations

from checklists.gates.answers import ItemView
from checklists.gates.board import Board
from checklists.models import Member
from checklists.states import AttemptStatus, ItemKind, ItemState, Part
from integrations.actions import registry
from integrations.actions.base import Effect

STARTABLE = frozenset({ItemState.READY, ItemState.FAILED, ItemState.UNDONE})


def may(member: Member | None, view: ItemView, board: Board) -> set[str]:
    """The verbs: tick untick skip unskip claim release note start cancel probe reconcile sign."""
    if member is None or member.part == Part.STAKEHOLDER or not board.cutover.is_open:
        return set()
    verbs = {"note"}
    if member.may_act:
        verbs |= _for_a_lead(view)
    if view.state == ItemState.UNKNOWN:
        verbs |= {"probe", "reconcile"}
    if view.gate and not why_not_sign(member, view):
        verbs.add("sign")
    return verbs


def _for_a_lead(view: ItemView) -> set[str]:
    item, state = view.item, view.state
    verbs: set[str] = set()
    if item.kind != ItemKind.GATE and state not in (ItemState.DONE, ItemState.SKIPPED):
        verbs.add("release" if item.claimed_by_id else "claim")
    if item.kind == ItemKind.MANUAL:
        verbs |= {"untick"} if state == ItemState.DONE else set()
        verbs |= {"tick"} if _doable(view) else set()
    if item.kind == ItemKind.ACTION:
        verbs |= _for_an_action(view)
    if item.kind != ItemKind.GATE and state in (ItemState.READY, ItemState.BLOCKED, ItemState.FAILED):
        verbs.add("skip")
    if state == ItemState.SKIPPED:
        verbs.add("unskip")
    return verbs


def _doable(view: ItemView) -> bool:
    """What is not needed may still be done: people can know of more than the panel did."""
    return view.state == ItemState.READY or (view.state == ItemState.NOT_NEEDED and not view.blockers)


def _for_an_action(view: ItemView) -> set[str]:
    verbs: set[str] = set()
    if not view.blockers and (view.state in STARTABLE or _doable(view) or _repeatable(view)):
        verbs.add("start")
    if (
        view.attempt
        and view.attempt.is_live
        and view.attempt.status != AttemptStatus.UNKNOWN
        and view.attempt.cancel_requested_at is None
    ):
        verbs.add("cancel")
    return verbs


def _repeatable(view: ItemView) -> bool:
    """A done action may be done again when doing it twice is doing it once (“compare again”)."""
    action = registry().get(view.item.action)
    return view.state == ItemState.DONE and action is not None and action.effect != Effect.AT_MOST_ONCE


def seats_for(member: Member, view: ItemView) -> list[str]:
    """The seats of this gate that the person may fill now."""
    if view.gate is None:
        return []
    mine = [s.seat for s in view.gate.seats if s.sign_off and s.sign_off.person_id == member.person_id]
    free = [s.seat for s in view.gate.seats if s.sign_off is None and s.seat in member.seats]
    return mine or free


def why_not_sign(member: Member, view: ItemView) -> str:
    """Why this person may not sign this gate now, in a sentence; empty when they may."""
    gate = view.gate
    if gate is None:
        return "This is no gate."
    if gate.passed:
        return "This gate has passed."
    if gate.blockers:
        return gate.blockers[0].what
    started = [f for f in gate.facts if f.attempt and f.attempt.requested_by_id == member.person_id]
    if started:
        return (
            f"You started {started[0].item.number} {started[0].item.title}, "
            "so someone else has to approve it (four eyes)."
        )
    if not seats_for(member, view):
        return "You fill no free seat of this gate."
    return ""
