"""The state of a whole cutover: computed from what happened, never stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from checklists.board.gate import gate_view
from checklists.board.later_facts import LaterFact
from checklists.board.production import production_blockers
from checklists.board.rollback_plan import RollbackPlan
from checklists.board.rows import BoardRows
from checklists.board.views import Blocker, GateView, ItemView, PhaseView, find_reopened
from checklists.models import Attempt, Cutover, Evidence, GatePass, Item, Member, Phase, SignOff
from checklists.states import AttemptStatus, Direction, ItemKind, ItemState, Reconciliation
from integrations.actions import registry

#: The state of an action by its latest attempt. A cancelled attempt leaves it to be started again.
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

    rows: BoardRows
    items: dict[str, ItemView]  # by key, in the runbook's order
    rollback_plan: RollbackPlan
    phases: list[PhaseView]

    @classmethod
    def load(cls, cutover: Cutover) -> Board:
        """Reads the rows and computes everything; the number of queries does not grow with the runbook."""
        rows = BoardRows.load(cutover)
        views = {item.key: _view_by_own_rows(item, rows) for item in rows.items}
        for view in views.values():
            _mark_undone(view, views, rows)
        board = cls(rows, views, RollbackPlan.build(views, rows.began), [])
        for view in views.values():  # in the runbook's order, because a gate comes after its evidence
            board._complete(view)
        of_phase: dict[int, list[ItemView]] = {}
        for view in views.values():
            view.reopened = find_reopened(view, views)
            of_phase.setdefault(view.item.phase_id, []).append(view)
        phases = [PhaseView(phase, board._sorted(phase, of_phase.get(phase.pk, []))) for phase in rows.phases]
        board.phases = [phase for phase in phases if phase.items]  # an amendment may have emptied one
        return board

    @property
    def cutover(self) -> Cutover:
        """The cutover whose board this is."""
        return self.rows.cutover

    @property
    def now(self) -> datetime:
        """The moment of the database's clock at which the rows were read."""
        return self.rows.now

    @property
    def members(self) -> list[Member]:
        """The people of the cutover."""
        return self.rows.members

    def gate_with(self, view: ItemView, sign_off: SignOff) -> GateView:
        """The gate with one more sign-off, computed without reading anything again."""
        known = self.rows.sign_offs.get(view.item.pk, [])
        sign_offs = {**self.rows.sign_offs, view.item.pk: [*known, sign_off]}
        return gate_view(view, self.items, replace(self.rows, sign_offs=sign_offs))

    def signed_gates_on(self, view: ItemView) -> list[ItemView]:
        """Gates with signatures that rest on this item and that another result would void."""
        return [
            gate
            for gate in self.gates
            if gate.gate and gate.gate.given and any(fact.item.pk == view.item.pk for fact in gate.gate.facts)
        ]

    def rollback_steps(self) -> list[tuple[ItemView, str]]:
        """The items of the rollback as it would be now, in their order, each with why it is not needed."""
        back = [phase for phase in self.phases if phase.phase.direction == Direction.ROLLBACK]
        return [(v, self.rollback_plan.why_not_needed(v)) for phase in back for v in phase.items]

    def _sorted(self, phase: Phase, views: list[ItemView]) -> list[ItemView]:
        return self.rollback_plan.sort(views) if phase.direction == Direction.ROLLBACK else views

    def _complete(self, view: ItemView) -> None:
        """Adds what depends on other items: blockers, the gate, and the final state."""
        if self.cutover.direction == Direction.ROLLBACK and not view.settled and not view.attempt:
            view.why_not_needed = self.rollback_plan.why_not_needed(view)
        view.blockers = self._blockers(view)
        if view.item.kind == ItemKind.GATE:
            view.gate = gate_view(view, self.items, self.rows)
            view.state = _state_of_gate(view)
            view.settled_at = view.gate.passed.at if view.gate.passed else None
        elif view.why_not_needed:
            view.state = ItemState.NOT_NEEDED
        elif view.state == ItemState.READY and view.blockers:
            view.state = ItemState.BLOCKED

    def _blockers(self, view: ItemView) -> list[Blocker]:
        reasons = [*self._blockers_of_cutover(view)]
        reasons += production_blockers(view, self.items, self.cutover, self.now, self.rows.production)
        for key in view.item.needs:
            need = self.items.get(key)
            if need is not None and not need.settled and not self._will_not_be_done(need, view):
                reasons.append(Blocker(need.what_is_missing, need.item))
        if view.item.phase.direction == Direction.ROLLBACK == self.cutover.direction:
            reasons += self._blockers_of_rollback(view)
        return reasons

    def _will_not_be_done(self, need: ItemView, view: ItemView) -> bool:
        """Not what is of the other direction, nor what the item itself contradicted."""
        if need.state == ItemState.CONTRADICTED and need.later and need.later.item_id == view.item.pk:
            return True
        return need.item.phase.direction != self.cutover.direction and (
            view.item.phase.direction == self.cutover.direction == Direction.ROLLBACK
            or runs_in_any_direction(view.item)
        )

    def _blockers_of_rollback(self, view: ItemView) -> list[Blocker]:
        """What still runs of what this item reverts, and what was done later and is not reverted yet."""
        live = [
            v for v in self.rollback_plan.reverts.get(view.item.key, []) if v.attempt and v.attempt.is_live
        ]
        later = [v for v in self.rollback_plan.must_follow(view) if not v.settled and not v.item.optional]
        reason = "takes back what was done later, so it comes first."
        return [
            *(Blocker(v.what_is_missing, v.item) for v in live),
            *(Blocker(f"{v.item.number} {v.item.title} {reason}", v.item) for v in later),
        ]

    def _blockers_of_cutover(self, view: ItemView) -> list[Blocker]:
        if not self.cutover.is_open:
            return [Blocker(f"This cutover is closed: {self.cutover.get_status_display().lower()}.")]
        direction = view.item.phase.direction
        if direction == self.cutover.direction or runs_in_any_direction(view.item):
            return []
        if direction == Direction.ROLLBACK:
            return [Blocker("This belongs to the rollback, which nobody has ordered.")]
        return [Blocker("A rollback was ordered: nothing forward starts any more.")]

    def _in(self, *states: ItemState) -> list[ItemView]:
        return [view for view in self.items.values() if view.state in states]

    @property
    def running(self) -> list[ItemView]:
        """Actions that run or are queued."""
        return self._in(ItemState.RUNNING, ItemState.QUEUED)

    @property
    def unknown(self) -> list[ItemView]:
        """Items whose attempt has an unknown outcome."""
        return self._in(ItemState.UNKNOWN)

    def _in_direction(self, *states: ItemState) -> list[ItemView]:
        """Without items of the rollback that may run before it: nobody has to do these now."""
        found = self._in(*states)
        return [view for view in found if view.item.phase.direction == self.cutover.direction]

    @property
    def failed(self) -> list[ItemView]:
        """Items that failed or no longer hold, and gates with a no-go, in the present direction."""
        return self._in_direction(ItemState.FAILED, ItemState.CONTRADICTED, ItemState.NO_GO)

    @property
    def ready(self) -> list[ItemView]:
        """Items that can be done now, in the present direction."""
        return self._in_direction(ItemState.READY)

    @property
    def gates(self) -> list[ItemView]:
        """All gates, in the runbook's order."""
        return [view for view in self.items.values() if view.gate]

    @property
    def open_gates(self) -> list[ItemView]:
        """Gates that can be signed now."""
        return [view for view in self.ready if view.item.kind == ItemKind.GATE]

    @property
    def next(self) -> list[ItemView]:
        """The first five items that can be done now, without gates."""
        return [view for view in self.ready if view.item.kind != ItemKind.GATE][:5]

    def member(self, person: object) -> Member | None:
        """The person's membership in this cutover; None when they have none."""
        return next((m for m in self.members if m.person == person), None)

    def passes_behind(self, view: ItemView) -> list[GatePass]:
        """The gate passes on which an item relies, directly or through what it needs."""
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


def runs_in_any_direction(item: Item) -> bool:
    """Whether an item only reads, and may also run before its direction is ordered."""
    action = registry().get(item.action) if item.kind == ItemKind.ACTION else None
    return action is not None and action.any_direction


def _view_by_own_rows(item: Item, rows: BoardRows) -> ItemView:
    """The view as far as the item's own rows tell it; `Board._complete` adds the rest."""
    attempt = rows.attempts.get(item.pk)
    evidence = rows.evidence.get(item.pk)
    state, later = _state_of(item, attempt), rows.later.get(item.pk)
    if state == ItemState.DONE and later and not later.agrees:
        state = ItemState.CONTRADICTED
    success, tick = rows.succeeded.get(item.pk), rows.ticks.get(item.pk)
    return ItemView(
        item=item,
        state=state,
        attempt=attempt,
        evidence=evidence,
        age=rows.now - _last_observed(evidence, later) if evidence else None,
        settled_at=item.done_at or item.skipped_at or (success.ended_at if success else None),
        warnings=rows.warnings.get(item.pk, []) if state == ItemState.DONE else [],
        tick=tick if item.done_at else None,
        request=tick.open_request if tick else None,
        later=later,
        attempts=rows.numbers.get(item.key, 0),
    )


def _last_observed(evidence: Evidence, later: LaterFact | None) -> datetime:
    """An observation that says the same makes the evidence as fresh as itself."""
    return max(evidence.observed_at, later.at) if later and later.agrees else evidence.observed_at


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


def _mark_undone(view: ItemView, views: dict[str, ItemView], rows: BoardRows) -> None:
    """An item is no longer done when its undo succeeded after it."""
    undo = views.get(view.item.undo)
    done, undone = rows.succeeded.get(view.item.pk), rows.succeeded.get(undo.item.pk) if undo else None
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
