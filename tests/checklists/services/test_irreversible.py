"""What nothing takes back waits in production for a passed gate whose signatures name it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from checklists import services
from checklists.board import Board, items_decided_by
from checklists.executor.begin_effect import begin_effect
from checklists.models import Attempt, Cutover, SignOff
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from checklists.states import CutoverKind, Decision, Direction
from tests.checklists.histories import RUNBOOK, item_of, make_cutover, person, sign, view_of
from tests.checklists.services.test_windows import queued
from tests.released import release

pytestmark = pytest.mark.django_db
TEXT = RUNBOOK.replace("undo: restore, planned: 10m", "irreversible: It is gone., planned: 10m")
LATER = TEXT.replace("needs: [go], action", "needs: [announce], action")


def production(at: str = "looked", text: str = TEXT) -> Cutover:
    return make_cutover(at, kind=CutoverKind.PRODUCTION, text=text)


def signed(cutover: Cutover) -> None:
    for name, seat in (("efua", "technical"), ("kofi", "finance")):
        sign(cutover, name, seat, accepted_irreversible=["change-it"])


def test_a_gate_decides_about_the_irreversible_items_behind_it() -> None:
    board = Board.load(production())
    assert [item.key for item in items_decided_by(board.items["go"].item, board.items)] == ["change-it"]


def test_a_go_names_each_of_them_and_a_no_go_none() -> None:
    cutover = production()
    with pytest.raises(CommandRefused, match=r"did not name 2\.1 Change it.*It is gone"):
        sign(cutover, "efua", "technical")
    assert not SignOff.objects.exists()
    sign(cutover, "efua", "technical", Decision.NO_GO, "Not tonight.")


def test_it_may_begin_once_a_passed_gate_names_it() -> None:
    cutover = production()
    assert [b for b in view_of(cutover, "change-it").blockers if b.what.startswith("Nothing takes this back")]
    signed(cutover)
    assert not view_of(cutover, "change-it").blockers
    entry = cutover.record.filter(kind="gate.signed").last()
    assert entry is not None
    assert entry.payload["accepted_irreversible"] == ["change-it"]
    assert begin_effect(queued(cutover), before={}, owner={}) is None


def test_without_a_gate_before_it_it_is_refused_everywhere() -> None:
    cutover = production(text=LATER)
    with pytest.raises(CommandRefused, match="Nothing takes this back"):
        services.start_attempt(
            item=item_of(cutover, "change-it"), by=person("ama"), typed_target="the change"
        )
    attempt = queued(cutover)
    refusal = begin_effect(attempt, before={}, owner={})
    assert refusal is not None
    assert "Nothing takes this back" in refusal.reason
    with pytest.raises(DatabaseError, match="no passed gate names it"), transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(status="RUNNING", effect_started_at=database_now())


def test_a_rehearsal_asks_for_no_names() -> None:
    assert not view_of(make_cutover("signed", text=TEXT), "change-it").blockers


def test_ordering_the_rollback_decides_about_its_items_behind_no_gate() -> None:
    text = RUNBOOK.replace("action: sample.look, planned: 15m", "action: sample.look, irreversible: Lost.")
    cutover = production("changed", text=text)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It is wrong.")
    cutover.refresh_from_db()
    assert not view_of(cutover, "restore").blockers
    assert begin_effect(queued_back(cutover), before={}, owner={}) is None


def queued_back(cutover: Cutover) -> Attempt:
    return queued(cutover, "restore")


def test_production_asks_for_the_typed_target_of_what_nothing_takes_back() -> None:
    cutover = production(text=TEXT.replace(", type_target: true", ""))
    signed(cutover)
    with pytest.raises(CommandRefused, match="target"):
        services.start_attempt(item=item_of(cutover, "change-it"), by=person("ama"))


@pytest.mark.parametrize("name", ["covenant-connect", "shop-move", "example"])
def test_every_irreversible_item_of_the_shipped_runbooks_is_behind_a_gate(name: str) -> None:
    folder = Path(__file__).parents[3] / "checklists" / "runbooks"
    text = (folder / f"{name}.yaml").read_text()
    release(text)
    runbook = services.load_runbook(text=text, by=person("ama"))
    cutover = services.open_cutover(
        runbook=runbook, kind=CutoverKind.REHEARSAL, title="R", slug="r", by=person("ama")
    )
    board = Board.load(cutover)
    gates = [view.item for view in board.gates]
    decided = {item.key for gate in gates for item in items_decided_by(gate, board.items)}
    forward = [
        view.item.key
        for view in board.items.values()
        if view.item.irreversible and view.item.phase.direction == Direction.FORWARD
    ]
    assert set(forward) <= decided
