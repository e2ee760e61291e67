"""Read-only queries: which tasks wait for whom."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from checklists.board import Board, ItemView, allowed_commands, answering_seats, seats_for, why_not_sign
from checklists.models import Item, Member, SignOff
from checklists.states import ItemKind, ItemState, MemberPart


@dataclass(frozen=True)
class PendingTask:
    """A task that one of these people has to do before work continues; urgent tasks are listed first."""

    what: str
    item: Item
    people: tuple[User, ...]
    urgent: bool = False


def first_names(people: tuple[User, ...]) -> str:
    """“Kofi or Esi”."""
    return " or ".join(person.first_name or person.get_username() for person in people)


def may_answer(view: ItemView, no_go: SignOff, board: Board) -> tuple[User, ...]:
    """The people who may answer a no-go in writing."""
    dissents = [d for d in (view.gate.dissents if view.gate else []) if d.no_go.pk == no_go.pk]
    return tuple(m.person for d in dissents for m in board.members if answering_seats(m, view, d))


def pending_tasks(board: Board) -> list[PendingTask]:
    """All tasks that wait for people now: urgent ones first, then in the runbook's order."""
    if not board.cutover.is_open:
        return []
    views = [view for view in board.items.values() if not _is_of_other_direction(view, board)]
    tasks = [task for view in views for task in _tasks_of_item(view, board)]
    return sorted(tasks, key=lambda task: not task.urgent)


def _is_of_other_direction(view: ItemView, board: Board) -> bool:
    """Nobody waits for what belongs to the other direction, even where people may do it now.

    Before a rollback those are its items; once it is ordered, nobody decides about forward items any more.
    Whether something happened has to be found out in any case.
    """
    return view.direction != board.cutover.direction and view.state != ItemState.UNKNOWN


def pending_tasks_of(person: User, board: Board) -> list[PendingTask]:
    """The tasks that this person can do."""
    return [task for task in pending_tasks(board) if person in task.people]


def _tasks_of_item(view: ItemView, board: Board) -> list[PendingTask]:
    item = view.item
    match view.state:
        case ItemState.UNKNOWN:
            return [_unknown_to_resolve(view, board)]
        case ItemState.FAILED:
            owners = _owners(view, board)
            return [PendingTask("see why it ended badly, and decide", item, owners, urgent=True)]
        case ItemState.CONTRADICTED:
            owners = _owners(view, board)
            return [PendingTask("see what changed, and do it again", item, owners, urgent=True)]
        case ItemState.NO_GO:
            return [*_no_gos_to_end(view, board), *_signatures_to_give(view, board)]
        case ItemState.READY if view.gate:
            return _signatures_to_give(view, board)
        case ItemState.READY if view.request:
            return []  # *Waiting for me* lists requests for a second person by themselves
        case ItemState.READY if not item.optional:
            verb = "tick when done" if item.kind == ItemKind.MANUAL else "start"
            return [PendingTask(verb, item, _owners(view, board))]
    return []


def _unknown_to_resolve(view: ItemView, board: Board) -> PendingTask:
    """For those who may decide what happened; where nobody may, those who may probe look for somebody."""
    if deciders := _people_who_may("reconcile", view, board):
        return PendingTask("find out whether it happened", view.item, deciders, urgent=True)
    probing = _people_who_may("probe", view, board)
    what = "find somebody else who may decide whether it happened"
    return PendingTask(what, view.item, probing, urgent=True)


def _no_gos_to_end(view: ItemView, board: Board) -> list[PendingTask]:
    """For each no-go: its giver may withdraw it, the holders of other seats may answer it."""
    assert view.gate is not None
    tasks = []
    for no_go in (dissent.no_go for dissent in view.gate.dissents if dissent.stands):
        answering = may_answer(view, no_go, board)
        what = f"answer the no-go of {first_names((no_go.person,))}: “{no_go.reason}”"
        tasks.append(PendingTask(what, view.item, answering, urgent=True))
        if board.member(no_go.person):
            what = "withdraw your no-go when its reason is settled"
            tasks.append(PendingTask(what, view.item, (no_go.person,), urgent=True))
    return tasks


def _signatures_to_give(view: ItemView, board: Board) -> list[PendingTask]:
    """One task for each person who can sign; one for nobody when the quorum cannot be reached with these."""
    gate = view.gate
    assert gate is not None
    if gate.passed or gate.blockers:
        return []
    if (
        gate.given >= gate.needed
    ):  # they signed while a no-go stood, or before the evidence went and came back
        signed = tuple(seat.sign_off.person for seat in gate.seats if seat.sign_off and not gate.no_go)
        return [PendingTask("sign once more: all signatures are there", view.item, signed)] if signed else []
    signers = possible_signers(view, board)
    tasks = [PendingTask(_what_to_sign(person, view, board), view.item, (person,)) for person in signers]
    if gate.given + len(signers) < gate.needed:
        missing = gate.needed - gate.given - len(signers)
        people = "one more person who may" if missing == 1 else f"{missing} more people who may"
        tasks.append(PendingTask(f"find {people} sign", view.item, ()))
    return tasks


def _what_to_sign(person: User, view: ItemView, board: Board) -> str:
    member = board.member(person)
    seats = seats_for(member, view) if member else []
    titles = " or ".join(board.cutover.seat_title(seat) for seat in seats)
    return f"sign the {titles} seat"


def possible_signers(view: ItemView, board: Board) -> list[User]:
    """The people who may sign a gate now and whose signature does not count yet."""
    assert view.gate is not None
    signed = {seat.sign_off.person_id for seat in view.gate.seats if seat.sign_off}
    members = [m for m in board.members if m.person_id not in signed and m.person.is_active]
    return [m.person for m in members if not why_not_sign(m, view)]


def _owners(view: ItemView, board: Board) -> tuple[User, ...]:
    """The person who claimed the item; else the leads who have its role; else every lead."""
    if view.item.claimed_by:
        return (view.item.claimed_by,)
    return board.leads_of(view.item.owner)


def _people_who_may(command: str, view: ItemView, board: Board) -> tuple[User, ...]:
    return tuple(m.person for m in board.members if command in allowed_commands(m, view, board))


def responsible_people(board: Board, view: ItemView) -> tuple[User, ...]:
    """Who is responsible for the item: by a claim, by its role, or by a seat of the gate."""
    if view.gate:
        return tuple(m.person for m in board.members if set(m.seats) & set(view.item.seats))
    return _owners(view, board)


def is_mine(board: Board, member: Member | None, view: ItemView) -> bool:
    """Is this person responsible for the item?"""
    if member is None or member.part == MemberPart.STAKEHOLDER:
        return False
    return member.person in responsible_people(board, view)


@dataclass(frozen=True)
class PersonTasks:
    """One person with the tasks that wait for them; ``person`` is None for tasks that nobody here can do."""

    person: User | None
    tasks: list[PendingTask]


def group_by_person(tasks: list[PendingTask], first: User) -> list[PersonTasks]:
    """Tasks by the people who can do them: tasks that nobody can do, then ``first``, then the others."""
    people: dict[User | None, list[PendingTask]] = {}
    for task in tasks:
        for person in task.people or (None,):
            people.setdefault(person, []).append(task)
    order = sorted(people, key=lambda p: (p is not None, p != first, p.get_username() if p else ""))
    return [PersonTasks(person, people[person]) for person in order]
