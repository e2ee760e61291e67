"""What a rollback would lose is counted at any time; the count from before the order settles nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from checklists import services
from checklists.board import Board
from checklists.forecast import RollbackCost, find_rollback_costs
from checklists.forecast.rollback_cost import find_first_request
from checklists.models import Attempt, Cutover
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, Direction, ItemState
from checklists.status.headline import headline
from checklists.status.pending_tasks import pending_tasks
from integrations.row_values import mask_facts
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db

TEXT = """
name: there-and-back
title: There and back
timezone: UTC
systems: {}
roles: {lead: Migration lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: there
    title: There
    items:
      - {key: back-up, title: Back up, kind: action, owner: lead, action: sample.look}
      - {key: switch, title: Switch, kind: action, owner: lead, action: sample.look,
         needs: [back-up], undo: restore}
  - key: back
    title: Back
    direction: rollback
    items:
      - {key: stop-new, title: Stop the new one, kind: manual, owner: lead, how: Stop it.}
      - {key: count, title: Count the loss, kind: action, owner: lead, action: sample.count,
         needs: [back-up, stop-new], fresh_for: 2h}
      - {key: decide, title: Go back?, kind: gate, owner: lead, needs: [count],
         seats: [technical, data, finance],
         quorum: 2, evidence: [{item: count, fresh_for: 2h}], opens: The restore.}
      - {key: restore, title: Restore, kind: action, owner: lead, action: sample.look, needs: [decide]}
"""
LOSS = {"loss": {"answer": "loss", "rows": 12}}


@pytest.fixture
def cutover(db: object) -> Cutover:
    return make_cutover(text=TEXT)


def cost_of(cutover: Cutover) -> RollbackCost:
    (cost,) = find_rollback_costs(Board.load(Cutover.objects.get(pk=cutover.pk)))
    return cost


def counted(cutover: Cutover, **more: Any) -> Attempt:
    """A count that was made before the rollback was ordered."""
    attempt = ended(cutover, "count", **{"facts": LOSS, "summary": "12 rows created", **more})
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(direction=Direction.FORWARD)
    return attempt


def order(cutover: Cutover) -> Cutover:
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It is red.")
    return Cutover.objects.get(pk=cutover.pk)


def test_it_starts_before_the_rollback_is_ordered_once_there_is_a_backup(cutover: Cutover) -> None:
    with pytest.raises(CommandRefused, match="Back up is not done yet"):
        services.start_attempt(item=item_of(cutover, "count"), by=person("ama"))
    ended(cutover, "back-up")
    attempt = services.start_attempt(item=item_of(cutover, "count"), by=person("ama"))
    assert (attempt.direction, attempt.status) == (Direction.FORWARD, AttemptStatus.QUEUED)
    for key in ("stop-new", "restore"):
        assert view_of(cutover, key).state == ItemState.BLOCKED, "only what reads may run early"


def test_it_is_not_the_next_thing_to_do_and_its_red_is_no_trouble_of_the_way_forward(
    cutover: Cutover,
) -> None:
    ended(cutover, "back-up")
    assert [view.item.key for view in Board.load(cutover).next] == ["switch"]
    counted(cutover, status=AttemptStatus.FAILED, facts={"loss": {"answer": "unknown"}})
    assert Board.load(cutover).failed == []
    assert cost_of(cutover).answer == "unknown"


def test_a_count_from_before_the_order_is_shown_and_settles_nothing(cutover: Cutover) -> None:
    ended(cutover, "back-up")
    assert (cost_of(cutover).attempt, cost_of(cutover).answer) == (None, "unknown")
    attempt = counted(cutover, ago=timedelta(minutes=10))
    cost = cost_of(cutover)
    assert (cost.attempt, cost.answer, cost.before_order) == (attempt, "loss", False)
    assert cost.age is not None
    assert timedelta(minutes=10) <= cost.age < timedelta(minutes=11)

    cutover = order(cutover)
    services.tick_item(item=item_of(cutover, "stop-new"), by=person("ama"))
    view = view_of(cutover, "count")
    assert view.state == ItemState.READY, "the new stack may have written since"
    assert view_of(cutover, "decide").gate.facts[0].missing
    assert (cost_of(cutover).attempt, cost_of(cutover).before_order) == (attempt, True)
    again = services.start_attempt(item=item_of(cutover, "count"), by=person("ama"), after=view.attempts)
    assert (again.number, again.direction) == (2, Direction.ROLLBACK)


def test_a_count_that_runs_when_the_rollback_is_ordered_is_asked_to_stop(cutover: Cutover) -> None:
    ended(cutover, "back-up")
    attempt = services.start_attempt(item=item_of(cutover, "count"), by=person("ama"))
    order(cutover)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.CANCELLED


def test_nobody_waits_for_a_count_before_a_rollback_is_ordered() -> None:
    cutover = make_cutover(text=TEXT)
    ended(cutover, "back-up")
    ended(cutover, "switch")
    board = Board.load(cutover)
    assert board.items["count"].state == ItemState.READY
    assert headline(board) == "Everything is done; the cutover can be closed."
    assert pending_tasks(board) == []
    ended(cutover, "count", "FAILED")
    assert pending_tasks(Board.load(cutover)) == []


PRICE = {
    "loss": {
        "answer": "loss",
        "tables": {
            "prayer_requests": {"created": 1, "changed": 0, "deleted": 0, "keys": {"created": ["7"]}},
            "donations": {"created": 2, "changed": 1, "deleted": 0},
        },
        "money": [
            {
                "table": "donations",
                "at_least": True,
                "groups": [{"by": ["GHS", "pending"], "rows": 2, "sum": "150.00"}],
                "changed_from": [{"by": ["GHS", "paid"], "rows": 1, "sum": "10.00"}],
                "changed_to": [{"by": ["GHS", "paid"], "rows": 1, "sum": "20.00"}],
                "deleted": [],
            }
        ],
    }
}


def test_the_price_is_told_by_table_and_by_amount(cutover: Cutover) -> None:
    ended(cutover, "back-up")
    counted(cutover, facts=PRICE)
    cost = cost_of(cutover)
    assert [(t.name, t.created, t.changed, t.deleted) for t in cost.tables] == [
        ("donations", 2, 1, 0),
        ("prayer_requests", 1, 0, 0),
    ]
    assert cost.tables[1].keys == {"created": ["7"]}
    assert [(a.kind, a.total, a.group, a.is_at_least) for a in cost.amounts] == [
        ("created", "150.00", "GHS pending", True),
        ("changed", "20.00", "GHS paid", True),
    ]


def test_people_who_only_watch_read_how_many_rows_and_no_values(cutover: Cutover) -> None:
    ended(cutover, "back-up")
    counted(cutover, facts=mask_facts(PRICE))
    cost = cost_of(cutover)
    assert [(table.name, table.created) for table in cost.tables] == [
        ("donations", 2),
        ("prayer_requests", 1),
    ]
    assert [table.keys for table in cost.tables] == [{}, {}]
    assert cost.amounts == []


# ── what the runbook names, and since when people were on the new service ────

NAMED = TEXT.replace(
    "action: sample.count,",
    "action: sample.count,\n"
    "         params: {names: {users: people, prayer_requests: prayer requests, donations: gifts}},",
).replace("key: switch, title: Switch,", "key: switch, title: Switch, service_restored: true,")


def test_the_rows_that_the_runbook_names_come_first_also_where_none_is_lost() -> None:
    cutover = make_cutover(text=NAMED)
    ended(cutover, "back-up")
    counted(cutover, facts=PRICE)
    cost = cost_of(cutover)
    assert [(t.title, t.state, t.rows) for t in cost.tables] == [
        ("gifts", "loss", 3),
        ("prayer requests", "loss", 1),
        ("people", "nothing", 0),
    ]
    assert {amount.title for amount in cost.amounts} == {"gifts"}


@pytest.mark.parametrize(
    "change", [{"answer": "unknown", "unknown": {"users": "may not be read"}}, {"not_there": ["users"]}]
)
def test_named_rows_that_were_not_counted_are_not_known(change: dict[str, Any]) -> None:
    cutover = make_cutover(text=NAMED)
    ended(cutover, "back-up")
    counted(cutover, facts={"loss": PRICE["loss"] | change})
    assert ("people", "unknown") in [(table.title, table.state) for table in cost_of(cutover).tables]


def test_a_count_from_before_the_first_people_came_to_the_new_service_tells_no_price() -> None:
    cutover = make_cutover(text=NAMED)
    ended(cutover, "back-up", ago=timedelta(minutes=30))
    counted(cutover, facts=PRICE, ago=timedelta(minutes=20))
    assert (cost_of(cutover).answer, cost_of(cutover).people_since) == ("loss", None)
    led = ended(cutover, "switch", AttemptStatus.FAILED, ago=timedelta(minutes=10))
    cost = cost_of(cutover)
    assert (cost.answer, cost.before_people) == ("unknown", True)
    assert cost.people_since == led.effect_started_at, "whether or not it worked: some may have come"
    counted(cutover, facts=PRICE)
    assert (cost_of(cutover).answer, cost_of(cutover).before_people) == ("loss", False)


def test_what_leads_people_to_the_new_service_is_a_switch_of_the_way_forward() -> None:
    text = TEXT.replace(
        "action: sample.look,\n         needs: [back-up], undo: restore",
        "action: sample.look, needs: [back-up], service_restored: true",
    ).replace("title: Restore, kind: action", "title: Restore, service_restored: true, kind: action")
    cutover = make_cutover(text=text)
    ended(cutover, "restore", ago=timedelta(minutes=30))
    assert find_first_request(Board.load(cutover)) is None
    first = ended(cutover, "switch", ago=timedelta(minutes=20))
    ended(cutover, "switch", ago=timedelta(minutes=10))
    assert find_first_request(Board.load(cutover)) == first.effect_started_at
