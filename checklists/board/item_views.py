"""The view of an item as far as its own rows tell it."""

from __future__ import annotations

from datetime import datetime

from checklists.board.later_facts import LaterFact
from checklists.board.rows import BoardRows
from checklists.board.views import ItemView
from checklists.models import Attempt, Evidence, Item
from checklists.states import AttemptStatus, ItemState, Reconciliation

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


def view_by_own_rows(item: Item, rows: BoardRows) -> ItemView:
    """The view as far as the item's own rows tell it; `Board._complete` adds the rest."""
    pk = item.pk
    attempt = rows.attempts.get(pk)
    evidence = rows.evidence.get(pk)
    state, later = _state_of(item, attempt), rows.later.get(pk)
    if state == ItemState.DONE and later and not later.agrees:
        state = ItemState.CONTRADICTED
    success, tick = rows.succeeded.get(pk), rows.ticks.get(pk)
    return ItemView(
        item=item,
        state=state,
        attempt=attempt,
        evidence=evidence,
        age=rows.now - _last_observed(evidence, later) if evidence else None,
        settled_at=item.done_at or item.skipped_at or (success.ended_at if success else None),
        warnings=rows.warnings.get(pk, []) if state == ItemState.DONE else [],
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


def mark_undone(view: ItemView, views: dict[str, ItemView], rows: BoardRows) -> None:
    """An item is no longer done when its undo succeeded after it."""
    if view.state != ItemState.DONE:
        return
    undo = views.get(view.item.undo)
    done, undone = rows.succeeded.get(view.item.pk), rows.succeeded.get(undo.item.pk) if undo else None
    if done and undone and undone.queued_at > done.queued_at:
        view.state = ItemState.UNDONE
