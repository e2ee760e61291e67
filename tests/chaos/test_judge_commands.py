"""The judge finds what people and hosts did beside the control runs: each is violated here by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.chaos import judge, judge_commands
from tests.chaos.network_faults import CutOff
from tests.chaos.people import Acknowledged
from tests.chaos.test_judge import evidence, sign
from tests.checklists.histories import ended, make_cutover

A = frozenset({"a"})


def found_of(*cut_offs: CutOff, last: float) -> str:
    faults = SimpleNamespace(network=SimpleNamespace(cut_offs=list(cut_offs)))
    return "".join(judge_commands.cut_offs(evidence(sign(1.0), sign(last), faults=faults)))


def test_what_goes_on_on_a_host_that_is_cut_off_is_found() -> None:
    limit = judge_commands.TIMES.kill + judge_commands.ALARM + judge_commands.SLACK
    assert f"lived {limit + 1:.1f} s on w" in found_of(CutOff("w", A, 5.0, 90.0), last=limit + 6)
    assert found_of(CutOff("w", A, 5.0, 90.0), last=limit + 4) == ""
    assert found_of(CutOff("w", A, 5.0, 8.0), last=limit + 6) == ""  # it was back before the limit
    assert found_of(CutOff("w", A, 5.0, 90.0, disturbed=True), last=limit + 6) == ""


def test_a_decision_without_proof_of_death_is_found() -> None:
    people = SimpleNamespace(unproven=["efua decided"])
    assert list(judge_commands.unproven(evidence(people=people))) == ["efua decided"]


@pytest.mark.django_db
def test_a_start_by_a_form_that_was_sent_before_is_found() -> None:
    attempt = ended(make_cutover(), "look")
    place = (attempt.cutover_id, "look")
    people = SimpleNamespace(forms={(*place, 0)})
    assert list(judge_commands.forms(evidence(people=people))) == []
    people.forms.clear()
    assert "was started 1 times by 0 forms" in "".join(judge_commands.forms(evidence(people=people)))


@pytest.mark.django_db
def test_a_start_that_a_page_acknowledged_and_a_declaration_without_their_rows_are_found() -> None:
    attempt = ended(make_cutover(), "look")
    place = {"cutover": attempt.cutover_id, "key": "look"}
    said = [Acknowledged("start by form", **place, after=0), Acknowledged("start by form", **place, after=1)]
    said.append(Acknowledged("declare", cutover=attempt.cutover_id))
    lost = list(judge.acknowledged(evidence(people=SimpleNamespace(acknowledged=said))))
    assert len(lost) == 2
    assert "after=1" in lost[0]
    assert "declare" in lost[1]
