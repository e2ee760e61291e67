"""An effect that a runbook declares is stored with the attempt, and decides what may follow."""

from __future__ import annotations

import pytest

from checklists import services
from checklists.board import Board, allowed_commands
from checklists.executor.outcome import ExecutionFacts, needs_probe
from checklists.models import Cutover, Member
from checklists.runbook import read
from checklists.states import AttemptStatus
from tests.by_hand import by_hand
from tests.checklists.histories import end, item_of, person

ITEM = """
      - {key: KEY, title: Run it, kind: action, owner: lead, action: command.run,
         params: {argv: [/usr/bin/true], effect: EFFECT}UNDO}"""
RUNBOOK = """
name: effects
title: Effects
timezone: UTC
roles: {lead: Migration lead}
phases:
  - key: one
    title: One
    items:"""
EFFECTS = {"pure": "PURE", "idempotent": "IDEMPOTENT", "at_most_once": "AT_MOST_ONCE"}


def text(*, undo: str = ", irreversible: It is only a test.") -> str:
    items = [
        ITEM.replace("KEY", word.replace("_", "-")).replace("EFFECT", word).replace("UNDO", undo)
        for word in EFFECTS
    ]
    return RUNBOOK + "".join(items) + "\n"


@pytest.fixture
def night(db: None) -> Cutover:
    runbook = services.load_runbook(text=text(), by=None)
    return services.open_cutover(
        runbook=runbook, kind="REHEARSAL", title="Effects", slug="effects", by=person("ama")
    )


@pytest.mark.parametrize("word", EFFECTS)
def test_the_attempt_keeps_the_effect_of_its_item(night: Cutover, word: str) -> None:
    item = item_of(night, word.replace("_", "-"))
    attempt = services.start_attempt(item=item, by=person("ama"))
    assert attempt.effect == EFFECTS[word]
    # a process that died after the effect began: only a program that may run once needs a probe
    assert needs_probe(ExecutionFacts(began=True), attempt.effect) is (word == "at_most_once")


@pytest.mark.parametrize("word", EFFECTS)
def test_only_a_program_that_may_run_once_cannot_be_started_again_when_done(
    night: Cutover, word: str
) -> None:
    item = item_of(night, word.replace("_", "-"))
    attempt = services.start_attempt(item=item, by=person("ama"))
    rows = type(attempt).objects.filter(pk=attempt.pk)
    with by_hand():
        rows.update(status=AttemptStatus.RUNNING, effect_started_at=attempt.queued_at)
    end(attempt, AttemptStatus.SUCCEEDED)
    board = Board.load(night)
    member = Member.objects.get(cutover=night, person=person("ama"))
    commands = allowed_commands(member, board.items[item.key], board)
    assert ("start" in commands) is (word != "at_most_once")


def test_a_program_that_changes_something_must_name_its_undo() -> None:
    refused = [error.where for error in read(text(undo="")).errors]
    assert refused == ["item idempotent", "item at-most-once"]
