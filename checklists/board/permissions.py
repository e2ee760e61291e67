"""What a person may do with an item now. Pages and services use the same functions."""

from __future__ import annotations

from checklists.board.board import Board
from checklists.board.views import Dissent, ItemView
from checklists.models import Member
from checklists.states import AttemptStatus, ItemKind, ItemState, MemberPart
from integrations.actions import Effect, registry

STARTABLE = frozenset({ItemState.READY, ItemState.FAILED, ItemState.UNDONE, ItemState.CONTRADICTED})
SKIPPABLE = frozenset({ItemState.READY, ItemState.BLOCKED, ItemState.FAILED, ItemState.CONTRADICTED})


def allowed_commands(member: Member | None, view: ItemView, board: Board) -> set[str]:
    """The commands that the person may give now: of tick, untick, skip, unskip, claim, hand_over, release,
    note, start, cancel, probe, reconcile and sign.
    """
    if member is None or member.part == MemberPart.STAKEHOLDER or not board.cutover.is_open:
        return set()
    commands = {"note"}
    if member.may_act:
        commands |= _commands_of_a_lead(view)
    if view.state == ItemState.UNKNOWN:
        commands |= {"probe"} if why_not_decide(member, view, board) else {"probe", "reconcile"}
    if view.gate and not why_not_sign(member, view):
        commands.add("sign")
    return commands


def why_not_decide(member: Member, view: ItemView, board: Board) -> str:
    """Why this person may not decide what an attempt of unknown outcome did; empty when they may."""
    attempt = view.attempt
    once = attempt is not None and attempt.effect == Effect.AT_MOST_ONCE
    if attempt and once and not board.cutover.is_rehearsal and attempt.requested_by_id == member.person_id:
        return "You started this, so in production somebody else decides what it did (four eyes)."
    return ""


def _commands_of_a_lead(view: ItemView) -> set[str]:
    item, state = view.item, view.state
    commands: set[str] = set()
    if item.kind != ItemKind.GATE and state not in (ItemState.DONE, ItemState.SKIPPED):
        commands |= {"release" if item.claimed_by_id else "claim", "hand_over"}
    if item.kind == ItemKind.MANUAL:
        commands |= {"untick"} if state == ItemState.DONE else set()
        commands |= {"tick"} if _can_be_done(view) and not view.request else set()
    if item.kind == ItemKind.ACTION:
        commands |= _commands_for_an_action(view)
    can_be_skipped = item.kind != ItemKind.GATE and view.request is None
    if can_be_skipped and state in SKIPPABLE:
        commands.add("skip")
    if state == ItemState.SKIPPED:
        commands.add("unskip")
    return commands


def _can_be_done(view: ItemView) -> bool:
    """An item that is not needed may still be done: people may know more than the panel."""
    return view.state == ItemState.READY or (view.state == ItemState.NOT_NEEDED and not view.blockers)


def _commands_for_an_action(view: ItemView) -> set[str]:
    commands: set[str] = set()
    if not view.blockers and (view.state in STARTABLE or _can_be_done(view) or _can_be_repeated(view)):
        commands.add("start")
    if (
        view.attempt
        and view.attempt.is_live
        and view.attempt.status != AttemptStatus.UNKNOWN
        and view.attempt.cancel_requested_at is None
    ):
        commands.add("cancel")
    return commands


def _can_be_repeated(view: ItemView) -> bool:
    """A done action may run again when a second run does no harm (“compare again”)."""
    action = registry().get(view.item.action)
    if action is None or view.state != ItemState.DONE:
        return False
    return action.effect_of(view.item.params) != Effect.AT_MOST_ONCE


def seats_for(member: Member, view: ItemView) -> list[str]:
    """The seats of this gate that the person may fill now."""
    if view.gate is None:
        return []
    mine = [s.seat for s in view.gate.seats if s.sign_off and s.sign_off.person_id == member.person_id]
    free = [s.seat for s in view.gate.seats if s.sign_off is None and s.seat in member.seats]
    return [seat for seat in mine or free if (member.person_id, seat) not in view.gate.given_seats]


def why_not_sign(member: Member, view: ItemView) -> str:
    """Why this person may not sign this gate now, in a sentence; empty when they may."""
    gate = view.gate
    if gate is None:
        return "This is no gate."
    if gate.passed:
        return "This gate has passed."
    if gate.blockers:
        return gate.blockers[0].what
    if any(d.stands and d.no_go.person_id == member.person_id for d in gate.dissents):
        return "Your no-go stands. Withdraw it before you sign again."
    if acts := gate.acts.get(member.person_id):
        return f"{acts[0].of('You')}, so someone else has to approve it (four eyes)."
    if not seats_for(member, view):
        why = next((w for (person, _), w in gate.given_seats.items() if person == member.person_id), "")
        return (
            f"{why}: someone else has to sign (four eyes)." if why else "You fill no free seat of this gate."
        )
    return ""


def answering_seats(member: Member, view: ItemView, dissent: Dissent) -> list[str]:
    """The seats in which this person may answer a no-go: others than the dissenter's, and no lead's.

    The database has the same rule (`gate_triggers.ends_a_no_go_rightly`).
    """
    gate, no_go = view.gate, dissent.no_go
    if gate is None or not dissent.stands or member.part == MemberPart.LEAD or not member.person.is_active:
        return []
    if member.person_id == no_go.person_id or member.person_id in gate.acts:
        return []
    mine = [seat for seat in view.item.seats if seat in member.seats and seat != no_go.seat]
    return [seat for seat in mine if (member.person_id, seat) not in gate.given_seats]
