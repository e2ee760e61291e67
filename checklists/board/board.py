"""How a whole cutover stands: worked out from what happened, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from checklists.gates.answers import Blocker, ItemView, PhaseView
from checklists.gates.facts import Facts
from checklists.gates.gate import gate_view
from checklists.gates.way_back import WayBack
from checklists.models import Attempt, Cutover, GatePass, Item, Member, Phase
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
    way_back: WayBack

    @classmethod
    def of(cls, cutover: Cutover) -> Board:
        """Reads and works out everything; the number of queries does not grow with the runbook."""
        facts = Facts.of(cutover)
        views = {item.key: _first_view(item, facts) for item in facts.items}
        for view in views.values():
            _take_back(view, views, facts)
        board = cls(cutover, facts.now, [], views, facts.members, WayBack.of(views, facts.began))
        for view in views.values():  # in the runbook's order: a gate comes after its evidence
            board._decide(view, facts)
        board.phases = [PhaseView(phase, board._items_of(phase)) for phase in facts.phases]
        return board

    def plan_back(self) -> list[tuple[ItemView, str]]:
        """The items of the way back as it would be now, in their order, each with why it is not needed."""
        back = [phase for phase in self.phases if phase.phase.direction == Direction.ROLLBACK]
        return [(v, self.way_back.why_not_needed(v)) for phase in back for v in phase.items]

    def _items_of(self, phase: Phase) -> list[ItemView]:
        views = [view for view in self.items.values() if view.item.phase_id == phase.pk]
        return self.way_back.ordered(views) if phase.direction == Direction.ROLLBACK else views

    def _decide(self, view: ItemView, facts: Facts) -> None:
        if self.cutover.direction == Direction.ROLLBACK and not view.settled and not view.attempt:
            view.why_not_needed = self.way_back.why_not_needed(view)
        view.blockers = self._blockers(view)
        if view.item.kind == ItemKind.GATE:
            view.gate = gate_view(view, self, facts)
            view.state = _state_of_gate(view)
            view.settled_at = view.gate.passed.at if view.gate.passed else None
        elif view.why_not_needed:
            view.state = ItemState.NOT_NEEDED
        elif view.state == ItemState.READY and view.blockers:
            view.state = ItemState.BLOCKED

    def _blockers(self, view: ItemView) -> list[Blocker]:
        reasons = [*self._closed(view)]
        for key in view.item.needs:
            need = self.items.get(key)
            if need is not None and not need.settled and not self._is_past(need, view):
                reasons.append(Blocker(_what_is_missing(need), need.item))
        if view.item.phase.direction == Direction.ROLLBACK == self.cutover.direction:
            reasons += self._comes_after(view)
        return reasons

    def _is_past(self, need: ItemView, view: ItemView) -> bool:
        """On the way back nothing forward is waited for: it will not be done any more."""
        going_back = view.item.phase.direction == self.cutover.direction == Direction.ROLLBACK
        return going_back and need.item.phase.direction == Direction.FORWARD

    def _comes_after(self, view: ItemView) -> list[Blocker]:
        """On the way back: what still runs, and what was done later and is not taken back yet."""
        live = [v for v in self.way_back.undone_by.get(view.item.key, []) if v.attempt and v.attempt.is_live]
        later = [v for v in self.way_back.comes_after(view) if not v.settled and not v.item.optional]
        said = "takes back what was done later, so it comes first."
        return [
            *(Blocker(_what_is_missing(v), v.item) for v in live),
            *(Blocker(f"{v.item.number} {v.item.title} {said}", v.item) for v in later),
        ]

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
    if view.why_not_needed:
        return ItemState.NOT_NEEDED
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
