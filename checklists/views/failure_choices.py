"""What people can do about an item that did not work, each with its consequence in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User

from checklists.board import Board, ItemView
from checklists.models import Member
from checklists.states import Direction, ItemState, MemberPart
from integrations.actions import Effect, registry

DID_NOT_WORK = frozenset({ItemState.FAILED, ItemState.CONTRADICTED})
#: What another start does, by what the action may do twice.
AGAIN = {
    Effect.PURE: "It only looks again, and changes nothing.",
    Effect.IDEMPOTENT: "It runs again from its beginning. What is done already is not done twice.",
    Effect.AT_MOST_ONCE: (
        "It runs again from its beginning, and it may happen only once: make sure first that nothing of the "
        "last attempt is left."
    ),
}


@dataclass(frozen=True)
class FailureChoice:
    """One way to go on; ``key`` says which form belongs to it."""

    key: str
    title: str
    consequence: str


def list_choices(
    member: Member | None, view: ItemView, board: Board, commands: set[str], successors: Sequence[User]
) -> list[FailureChoice]:
    """Only what this person may do now about an item that `did_not_work`."""
    if not did_not_work(view) or not board.cutover.is_open:
        return []
    offered = {
        "start": "start" in commands,
        "skip": "skip" in commands,
        "hand_over": "hand_over" in commands and bool(successors),
        "note": "note" in commands,
        "rollback": may_order_rollback(member, board),
    }
    texts = {
        "start": ("Try again", _describe_start(view)),
        "skip": ("Skip it", _describe_skip(view, board)),
        "hand_over": (
            "Hand it over",
            "The other person is responsible for it, and finds it under Waiting for me.",
        ),
        "note": (
            "Leave a note",
            "Everybody reads it beside the item, as the answer to this problem. It changes nothing else.",
        ),
        "rollback": (
            "Go back",
            "Nothing forward starts any more. The next page says what would be lost, before you order it.",
        ),
    }
    return [FailureChoice(key, *texts[key]) for key, is_offered in offered.items() if is_offered]


def did_not_work(view: ItemView) -> bool:
    """Has it failed, or does it no longer hold?"""
    return view.state in DID_NOT_WORK


def may_order_rollback(member: Member | None, board: Board) -> bool:
    """Can this person order the rollback of this cutover now?"""
    works = member is not None and member.part != MemberPart.STAKEHOLDER
    has_way_back = any(phase.phase.direction == Direction.ROLLBACK for phase in board.phases)
    return works and has_way_back and board.cutover.direction == Direction.FORWARD


def list_successors(view: ItemView, board: Board) -> list[User]:
    """To whom the item can be handed over: the leads, without the one who has it."""
    leads = [member.person for member in board.members if member.may_act and member.person.is_active]
    return [person for person in leads if person.pk != view.item.claimed_by_id]


def _describe_start(view: ItemView) -> str:
    action = registry().get(view.item.action)
    effect = action.effect_of(view.item.params) if action else Effect.AT_MOST_ONCE
    return AGAIN[effect]


def _describe_skip(view: ItemView, board: Board) -> str:
    waiting = [other.item.number for other in board.items.values() if view.item.key in other.item.needs]
    verb = "waits" if len(waiting) == 1 else "wait"
    may_begin = f"{', '.join(waiting)} no longer {verb} for it" if waiting else "Nothing waits for it"
    at_gates = "at a gate, each signature has to accept that by name"
    return f"{may_begin}. It counts as skipped, not as done: {at_gates}."
