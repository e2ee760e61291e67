"""The state of a whole cutover: computed from what happened, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from django.contrib.auth.models import User

from checklists.board.gate import gate_view
from checklists.board.item_views import mark_undone, view_by_own_rows
from checklists.board.kept_rows import kept_rows
from checklists.board.production import production_blockers
from checklists.board.rollback_plan import RollbackPlan
from checklists.board.rows import BoardRows
from checklists.board.views import Blocker, GateView, ItemView, PhaseView, find_reopened
from checklists.models import Cutover, GatePass, Item, Member, Phase, SignOff
from checklists.states import Direction, ItemKind, ItemState
from integrations.actions import registry


@dataclass
class Board:
    """A cutover at one moment of the database's clock."""

    rows: BoardRows
    items: dict[str, ItemView]  # by key, in the runbook's order
    rollback_plan: RollbackPlan
    phases: list[PhaseView]
    # What is asked for each item of a page, once it was computed.
    _leads: dict[str, tuple[User, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _of_direction: dict[str, list[ItemView]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def load(cls, cutover: Cutover) -> Board:
        """Reads the rows and computes everything; the number of queries does not grow with the runbook."""
        return cls._compute(BoardRows.load(cutover))

    @classmethod
    def load_for_page(cls, cutover: Cutover) -> Board:
        """The same, to be shown and not to decide by: rows that have not changed are not read again."""
        return cls._compute(kept_rows.load(cutover))

    @classmethod
    def _compute(cls, rows: BoardRows) -> Board:
        views = {item.key: view_by_own_rows(item, rows) for item in rows.items}
        for view in views.values():
            mark_undone(view, views, rows)
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

    def views_of(self, direction: str) -> list[ItemView]:
        """The items of one direction, in the runbook's order."""
        if direction not in self._of_direction:
            found = [view for view in self.items.values() if view.direction == direction]
            self._of_direction[direction] = found
        return self._of_direction[direction]

    def leads_of(self, role: str) -> tuple[User, ...]:
        """The leads who have this role; else every lead."""
        if role not in self._leads:
            leads = [member for member in self.members if member.may_act]
            with_role = [member for member in leads if role in member.roles]
            self._leads[role] = tuple(member.person for member in with_role or leads)
        return self._leads[role]

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
        if view.direction == Direction.ROLLBACK == self.cutover.direction:
            reasons += self._blockers_of_rollback(view)
        return reasons

    def _will_not_be_done(self, need: ItemView, view: ItemView) -> bool:
        """Not what is of the other direction, nor what the item itself contradicted."""
        if need.state == ItemState.CONTRADICTED and need.later and need.later.item_id == view.item.pk:
            return True
        return need.direction != self.cutover.direction and (
            view.direction == self.cutover.direction == Direction.ROLLBACK or runs_in_any_direction(view.item)
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
        direction = view.direction
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
        return [view for view in found if view.direction == self.cutover.direction]

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


def _state_of_gate(view: ItemView) -> ItemState:
    assert view.gate is not None
    if view.gate.passed:
        return ItemState.DONE
    if view.why_not_needed:
        return ItemState.NOT_NEEDED
    if view.gate.no_go:
        return ItemState.NO_GO
    return ItemState.BLOCKED if view.gate.blockers else ItemState.READY
