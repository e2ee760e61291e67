"""The story of a cutover is what the record and the attempts say, and nothing else."""

import json
from datetime import timedelta

import pytest

from checklists import services
from checklists.record.history import read_history
from checklists.states import AttemptStatus
from tests.checklists.histories import ended, item_of, make_cutover, person

pytestmark = pytest.mark.django_db


def story(cutover, key):
    return next(item for item in read_history(cutover)["items"] if item["key"] == key)


def test_planned_and_actual_waits_and_failures_stand_side_by_side():
    cutover = make_cutover("announced")
    ended(
        cutover, "look", AttemptStatus.ERRORED, problem={"what": "It broke.", "means": "", "next": "Mend it."}
    )
    ended(cutover, "look")
    ended(cutover, "look", AttemptStatus.RUNNING)  # as the one that asks for the story does
    services.add_note(item=item_of(cutover, "look"), by=person("ama"), text="It was the cable.")
    look = story(cutover, "look")
    assert look["planned_seconds"] == 60
    assert [a["status"] for a in look["attempts"]] == ["errored", "succeeded"]
    assert look["attempts"][0]["problem"] == "It broke. Mend it."
    assert look["notes"] == ["It was the cable."]
    assert 0 <= look["waited_seconds"] < timedelta(minutes=5).total_seconds()


def test_a_pass_names_who_signed_on_exactly_that_evidence():
    history = read_history(make_cutover("changed"))
    (gate,) = history["gates"]
    (passed,) = gate["passes"]
    assert {s["seat"]: s["person"] for s in passed["signoffs"]} == {"technical": "efua", "finance": "kofi"}
    assert any("said go at" in decision["what"] for decision in history["decisions"])
    assert history["rollback"] is None


def test_an_ordered_rollback_is_part_of_it_with_its_reason():
    cutover = make_cutover("changed")
    services.order_rollback(cutover=cutover, by=person("ama"), reason="The smoke test is red.")
    assert read_history(cutover)["rollback"]["reason"] == "The smoke test is red."


def test_it_is_json_and_reads_only_what_is_there():
    history = read_history(make_cutover())
    assert json.loads(json.dumps(history)) == history
    assert all(item["actual_seconds"] is None and item["attempts"] == [] for item in history["items"])
