"""Every status has a place wherever statuses are read: a forgotten one would look ready, or break a page."""

from __future__ import annotations

from checklists.board.item_views import STATE_OF
from checklists.states import EFFECT_BEGUN, HOLDING, LEASED, LIVE, TRANSITIONS, AttemptStatus, ItemState
from checklists.templatetags.cutover_tags import ATTEMPT_STATUS_STYLES, ITEM_STATE_STYLES

#: Statuses after which an item is ready again, or decided by what a person found out.
WITHOUT_A_STATE = {AttemptStatus.CANCELLED, AttemptStatus.RECONCILED}


def test_every_status_of_an_attempt_gives_its_item_a_state() -> None:
    assert STATE_OF.keys() | WITHOUT_A_STATE == set(AttemptStatus)
    assert not STATE_OF.keys() & WITHOUT_A_STATE


def test_every_status_and_every_state_has_its_icon() -> None:
    assert ATTEMPT_STATUS_STYLES.keys() == set(AttemptStatus)
    assert ITEM_STATE_STYLES.keys() == set(ItemState)


def test_every_status_has_its_transitions() -> None:
    assert TRANSITIONS.keys() == set(AttemptStatus)
    ended = {status for status, targets in TRANSITIONS.items() if not targets}
    assert not ended & LIVE


def test_who_owns_an_attempt_holds_its_resource_and_is_live() -> None:
    assert LEASED <= HOLDING <= LIVE
    assert AttemptStatus.QUEUED not in EFFECT_BEGUN
