"""Whether people can use the service: what a production night does to it, step by step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from checklists import services
from checklists.board import Board
from checklists.models import Cutover, Item
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind
from checklists.status.milestones import find_milestones
from checklists.status.service_use import ServiceUse, Use, service_use
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover, person

pytestmark = pytest.mark.django_db

TEXT = """
name: a-night
title: A night
timezone: UTC
systems: {}
roles: {lead: Lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: there
    title: There
    items:
      - {key: freeze, title: Freeze, kind: action, owner: lead, action: sample.look}
      - {key: start-new, title: Start it, kind: action, owner: lead, action: sample.look}
      - {key: pilot, title: Pilot, kind: action, owner: lead, action: sample.look}
      - {key: switch, title: Switch, kind: action, owner: lead, action: sample.look}
      - {key: check, title: Check, kind: action, owner: lead, action: sample.look}
      - {key: stop-old, title: Stop the old one, kind: action, owner: lead, action: sample.look}
  - key: back
    title: Back
    direction: rollback
    items:
      - {key: stop-new, title: Stop the new one, kind: action, owner: lead, action: sample.look}
      - {key: restore, title: Restore, kind: action, owner: lead, action: sample.look}
      - {key: start-old, title: Start the old one, kind: action, owner: lead, action: sample.look}
      - {key: point-back, title: Point back, kind: action, owner: lead, action: sample.look}
      - {key: thaw, title: Thaw, kind: action, owner: lead, action: sample.look}
"""
#: What the items would be in a real runbook.
ACTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "freeze": ("freeze.on", {}),
    "start-new": ("service.start", {"services": ["api"]}),
    "pilot": ("lb.shift", {"to": 20}),
    "switch": ("lb.shift", {"to": 100}),
    "check": ("http.smoke", {}),
    "stop-old": ("service.stop", {"services": ["flask"]}),
    "stop-new": ("service.stop", {"services": ["api", "worker"]}),
    "restore": ("rollback.restore", {}),
    "start-old": ("service.start", {"services": ["flask"]}),
    "point-back": ("lb.shift", {"back_to": "pilot"}),
    "thaw": ("freeze.off", {}),
}


@pytest.fixture
def night(db: object) -> Cutover:
    now = database_now()
    window = {"window_start": now - timedelta(hours=1), "window_end": now + timedelta(hours=2)}
    cutover = make_cutover(kind=CutoverKind.PRODUCTION, text=TEXT, **window)
    with by_hand():
        for key, (action, params) in ACTIONS.items():
            Item.objects.filter(cutover=cutover, key=key).update(action=action, params=params)
    return cutover


def use_of(cutover: Cutover) -> ServiceUse:
    cutover = Cutover.objects.get(pk=cutover.pk)
    return service_use(Board.load(cutover), cutover.window_end)


def test_on_the_way_there_each_step_says_what_people_can_do(night: Cutover) -> None:
    assert use_of(night).use == Use.WRITE
    for key, use, old, new in (
        ("freeze", Use.READ, "can read it", "Nobody uses it yet."),
        ("start-new", Use.READ, "can read it", "Nobody uses it yet."),
        ("pilot", Use.READ, "can read it", "About 20 %"),
        ("switch", Use.WRITE, "Nobody uses it", "Everyone uses it."),
        ("stop-old", Use.WRITE, "switched off", "Everyone uses it."),
    ):
        ended(night, key)
        now = use_of(night)
        assert now.use == use, key
        assert old in now.old, key
        assert new in now.new, key
        assert (now.until == night.window_end) == (use == Use.READ), key


def test_on_the_way_back_each_step_says_what_people_can_do(night: Cutover) -> None:
    for key in ("freeze", "start-new", "pilot", "switch", "stop-old"):
        ended(night, key)
    services.order_rollback(cutover=night, by=person("ama"), reason="It does not answer.")
    night.refresh_from_db()
    assert use_of(night).use == Use.WRITE, "the new service still runs"
    for key, use in (
        ("stop-new", Use.NONE),
        ("restore", Use.NONE),
        ("start-old", Use.NONE),
        ("point-back", Use.READ),
        ("thaw", Use.WRITE),
    ):
        ended(night, key)
        assert use_of(night).use == use, key
    assert use_of(night).words == "You can use the service: it is the old one, as before"


@pytest.mark.parametrize("status", [AttemptStatus.UNKNOWN, AttemptStatus.FAILED])
@pytest.mark.parametrize("key", ["freeze", "pilot", "switch", "stop-old"])
def test_what_is_not_known_is_not_called_usable(night: Cutover, key: str, status: AttemptStatus) -> None:
    ended(night, key, status, unknown_reason="Its worker died.")
    assert use_of(night).use == Use.UNKNOWN
    ended(night, "stop-old" if key == "stop-old" else key)
    assert use_of(night).use != Use.UNKNOWN


def test_a_new_service_that_does_not_answer_is_not_called_usable(night: Cutover) -> None:
    ended(night, "check", AttemptStatus.FAILED)
    ended(night, "switch")
    assert use_of(night).use == Use.WRITE, "that check was before people came"
    ended(night, "check", AttemptStatus.FAILED)
    assert use_of(night).use == Use.UNKNOWN
    ended(night, "check")
    assert use_of(night).use == Use.WRITE


def test_a_moment_that_has_passed_is_called_late(night: Cutover) -> None:
    ended(night, "freeze")
    board = Board.load(night)
    assert not service_use(board, board.now + timedelta(minutes=1)).overdue
    assert service_use(board, board.now - timedelta(minutes=1)).overdue
    assert service_use(board, None).until is None


def test_work_that_cannot_be_seen_from_here_is_not_called_harmless() -> None:
    now = database_now()
    for start, use in ((now + timedelta(hours=1), Use.WRITE), (now - timedelta(hours=1), Use.UNKNOWN)):
        window = {"window_start": start, "window_end": now + timedelta(hours=2)}
        assert use_of(make_cutover(kind=CutoverKind.PRODUCTION, **window)).use == Use.WRITE
        assert use_of(make_cutover("looked", kind=CutoverKind.PRODUCTION, **window)).use == use


def test_the_moments_that_people_notice_come_in_order_with_the_next_one(night: Cutover) -> None:
    def states() -> dict[str, str]:
        return {moment.key: moment.state for moment in find_milestones(Board.load(night))}

    assert states() == {"freeze": "next", "pilot": "later", "switch": "later", "stop-old": "later"}
    ended(night, "freeze")
    ended(night, "pilot", AttemptStatus.RUNNING)
    assert states() == {"freeze": "done", "pilot": "now", "switch": "later", "stop-old": "later"}
    services.skip_item(item=night.items.get(key="switch"), by=person("ama"), reason="Not tonight.")
    assert "switch" not in states(), "what was skipped is no moment"


def test_where_no_action_tells_it_the_runbooks_mark_does() -> None:
    text = TEXT.replace("title: Switch,", "title: Switch, service_restored: true,")
    text = text.replace("title: Thaw,", "title: Thaw, service_restored: true,")
    now = database_now()
    window = {"window_start": now - timedelta(hours=1), "window_end": now + timedelta(hours=2)}
    cutover = make_cutover(kind=CutoverKind.PRODUCTION, text=text, **window)
    ended(cutover, "freeze")
    ended(cutover, "switch", AttemptStatus.UNKNOWN, unknown_reason="Its worker died.")
    assert use_of(cutover).use == Use.UNKNOWN
    ended(cutover, "switch")
    assert (use_of(cutover).use, use_of(cutover).new) == (Use.WRITE, "Everyone uses it.")
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It does not answer.")
    cutover.refresh_from_db()
    ended(cutover, "thaw")
    assert (use_of(cutover).use, use_of(cutover).old) == (Use.WRITE, "People use it as usual.")
