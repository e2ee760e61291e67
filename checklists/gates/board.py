"""How a whole cutover stands: worked out from what happened, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checklists.gates.answers import Blocker, ItemView, PhaseView
from checklists.gates.facts import Facts
from checklists.gates.gate import gate_view
from checklists.models import Attempt, Cutover, GatePass, Item, Member
from checklists.states import AttemptStatus, Direction, ItemKind, ItemState, Reconciliation

#: What an action's latest attempt makes of its item; a cancelled one leaves it to be started again.
STATE_OF = {
    AttemptStatus.QUEUED: ItemState.QUEUED,
    AttemptStatus.CLAIMED: ItemState.QUEUED,
    AttemptStatus.RUNNING: ItemState.RUNNING,
    AttemptStatus.SUCCEEDED: ItemState.DONE,
    AttemptStatus.FAILED: ItemState.FAILED,
    AttemptStatus.ERRORED: ItemState.FAILED,
    AttemptStatus.TIMED_OUT: ItemState.FAILED,
    AttemptStatus.UNKNOWN: ItemState.UNKNOWN,
}


@dataclass
class Board:
    """A cutover at one moment of the database's clock."""

    cutover: Cutover
    now: datetime
    phases: list[PhaseView]
    items: dict[str, ItemView]
    members: list[Member]

    @classmethod
    def of(cls, cutover: Cutover) -> Board:
        """Reads and works out everything; the number of queries does not grow with the runbook."""
        facts = Facts.of(cutover)
        views = {item.key: _first_view(item, facts) for item in facts.items}
        for view in views.values():
            _take_back(view, views, facts)
        board = cls(cutover, facts.now, [], views, facts.members)
        for view in views.values():  # in the runbook's order: a gate comes after its evidence
            board._decide(view, facts)
        board.phases = [
            PhaseView(phase, [v for v in views.values() if v.item.phase_id == phase.pk])
            for phase in facts.phases
        ]
        return board

    def _decide(self, view: ItemView, facts: Facts) -> None:
        view.blockers = self._blockers(view)
        if view.item.kind == ItemKind.GATE:
            view.gate = gate_view(view, self, facts)
            view.state = _state_of_gate(view)
            view.settled_at = view.gate.passed.at if view.gate.passed else None
        elif view.state == ItemState.READY and view.blockers:
            view.state = ItemState.BLOCKED

    def _blockers(self, view: ItemView) -> list[Blocker]:
        reasons = [*self._closed(view)]
        for key in view.item.needs:
            need = self.items.get(key)
            if need is not None and not need.settled:
                reasons.append(Blocker(_what_is_missing(need), need.item))
        return reasons

    def _closed(self, view: ItemView) -> list[Blocker]:
        if not self.cutover.is_open:
            return [Blocker(f"This cutover is closed: {self.cutover.get_status_display().lower()}.")]
        direction = view.item.phase.direction
        if direction == self.cutover.direction:
            return []
        if direction == Direction.ROLLBACK:
            return [Blocker("This belongs to the rollback, which nobody has ordered.")]
        return [Blocker("A rollback was ordered: nothing forward starts any more.")]

    def _in(self, *states: ItemState) -> list[ItemView]:
        return [view for view in self.items.values() if view.state in states]

    @property
    def running(self) -> list[ItemView]:
        """What a machine does now, or is about to."""
        return self._in(ItemState.RUNNING, ItemState.QUEUED)

    @property
    def unknown(self) -> list[ItemView]:
        """What nobody knows the ending of."""
        return self._in(ItemState.UNKNOWN)

    @property
    def failed(self) -> list[ItemView]:
        """What ended badly and was not settled since."""
        return self._in(ItemState.FAILED, ItemState.NO_GO)

    @property
    def ready(self) -> list[ItemView]:
        """What could be done now."""
        return self._in(ItemState.READY)

    @property
    def open_gates(self) -> list[ItemView]:
        """Gates that wait for signatures now."""
        return [view for view in self.ready if view.item.kind == ItemKind.GATE]

    @property
    def next(self) -> list[ItemView]:
        """The first few things that could be done now, gates left out."""
        return [view for view in self.ready if view.item.kind != ItemKind.GATE][:5]

    def member(self, person: object) -> Member | None:
        """The part of a person in this cutover."""
        return next((m for m in self.members if m.person == person), None)

    def passes_behind(self, view: ItemView) -> list[GatePass]:
        """The gate passes that an item relies on, through everything it needs."""
        found: dict[int, GatePass] = {}
        waiting, seen = list(view.item.needs), set[str]()
        while waiting:
            key = waiting.pop()
            if key in seen or key not in self.items:
                continue
            seen.add(key)
            need = self.items[key]
            if need.gate and need.gate.passed:
                found[need.gate.passed.pk] = need.gate.passed
            waiting += need.item.needs
        return list(found.values())


def _first_view(item: Item, facts: Facts) -> ItemView:
    attempt = facts.attempts.get(item.pk)
    evidence = facts.evidence.get(item.pk)
    success = facts.succeeded.get(item.pk)
    return ItemView(
        item=item,
        state=_state_of(item, attempt),
        attempt=attempt,
        evidence=evidence,
        age=facts.now - evidence.observed_at if evidence else None,
        settled_at=item.done_at or item.skipped_at or (success.ended_at if success else None),
    )


def _state_of(item: Item, attempt: Attempt | None) -> ItemState:
    if item.skipped_at:
        return ItemState.SKIPPED
    if item.done_at:
        return ItemState.DONE
    if attempt is None:
        return ItemState.READY
    if attempt.status == AttemptStatus.RECONCILED:
        return {
            Reconciliation.DONE: ItemState.DONE,
            Reconciliation.PARTIAL: ItemState.FAILED,
        }.get(Reconciliation(attempt.reconciliation), ItemState.READY)
    return STATE_OF.get(AttemptStatus(attempt.status), ItemState.READY)


def _take_back(view: ItemView, views: dict[str, ItemView], facts: Facts) -> None:
    """An item whose undo succeeded after it is not done any more."""
    undo = views.get(view.item.undo)
    done, undone = facts.succeeded.get(view.item.pk), facts.succeeded.get(undo.item.pk) if undo else None
    if view.state == ItemState.DONE and done and undone and undone.queued_at > done.queued_at:
        view.state = ItemState.UNDONE


def _state_of_gate(view: ItemView) -> ItemState:
    assert view.gate is not None
    if view.gate.passed:
        return ItemState.DONE
    if view.gate.no_go:
        return ItemState.NO_GO
    return ItemState.BLOCKED if view.gate.blockers else ItemState.READY


def _what_is_missing(need: ItemView) -> str:
    name = f"{need.item.number} {need.item.title}"
    match need.state:
        case ItemState.RUNNING | ItemState.QUEUED:
            return f"{name} is still under way."
        case ItemState.FAILED:
            return f"{name} ended badly: {need.attempt.summary if need.attempt else ''}".rstrip(": ")
        case ItemState.UNKNOWN:
            return f"We do not know whether {name} happened. Look at it first."
        case ItemState.UNDONE:
            return f"{name} was taken back."
        case ItemState.NO_GO:
            return f"{name}: somebody said no-go."
    if need.gate:
        return f"{name} has {need.gate.given} of {need.gate.needed} signatures."
    return f"{name} is not done yet."
