"""The retrospective states what the record has, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, ProbeStatus, registry
from integrations.checksums import hash_file
from integrations.errors import Problem
from tests.integrations.recorder import Recorder

ACTION = registry()["retrospective.draft"]


def item(number: str, title: str, **more: Any) -> dict[str, Any]:
    plain = {
        "key": title.lower(),
        "phase": "One",
        "kind": "action",
        "owner": "Lead",
        "planned_seconds": 60.0,
        "waited_seconds": None,
        "actual_seconds": 30.0,
        "attempts": [],
        "state": "done",
        "notes": [],
        "skipped_reason": "",
    }
    return {**plain, "number": number, "title": title, **more}


def tried(number: int, status: str, **more: Any) -> dict[str, Any]:
    return {
        "number": number,
        "status": status,
        "summary": "",
        "seconds": 1.0,
        "by": "ama",
        "problem": None,
        **more,
    }


HISTORY = {
    "title": "First *rehearsal*",
    "kind": "rehearsal",
    "opened_at": "2026-11-22T03:00:00+00:00",
    "closed_at": None,
    "items": [
        item("1.1", "Quick"),
        item(
            "1.2",
            "Slow",
            actual_seconds=180.0,
            waited_seconds=600.0,
            attempts=[tried(1, "errored", problem="The cable | was out."), tried(2, "succeeded")],
            notes=["It was the cable."],
        ),
        item("1.3", "Left", actual_seconds=None, skipped_reason="This is the rehearsal."),
    ],
    "gates": [
        {"key": "go", "title": "Go", "passes": [], "voided": [{"at": None, "why": "The backup changed."}]}
    ],
    "decisions": [{"at": "2026-11-22T04:00:00+00:00", "by": "efua", "what": "said go at “Go”"}],
    "events": [],
    "rollback": {"at": "2026-11-22T05:00:00+00:00", "by": "ama", "reason": "The smoke test is red."},
}


@pytest.fixture
def bind(new_context: Callable[..., Context]) -> Callable[..., Any]:
    def bound(history: dict[str, Any] = HISTORY) -> Any:
        return ACTION.bind({}, Context(**{**vars(new_context({})), "history": history}))

    return bound


def test_planned_and_actual_waits_failures_and_decisions_are_there(bind: Any) -> None:
    values, report = bind(), Recorder()
    before = ACTION.before(values)
    assert ACTION.probe(values, before).status == ProbeStatus.NOT_DONE
    outcome = ACTION.run(values, report)
    assert outcome.ok, outcome.summary
    facts = report.facts["retrospective"]
    text = Path(facts["path"]).read_text()
    assert "| 1.2 Slow | 0:01:00 | 0:03:00 | 300 % |" in text
    assert text.index("1.2 Slow | 0:01:00") < text.index("1.1 Quick | 0:01:00"), "the worst overrun first"
    assert "| 1.2 Slow | Lead | 0:10:00 |" in text
    assert "try 1, errored: The cable \\| was out." in text
    assert "note: It was the cable." in text
    assert "1.3 Left: This is the rehearsal." in text
    assert "efua said go at “Go”" in text
    assert "became void: The backup changed." in text
    assert "**The rollback was ordered** 2026-11-22 05:00:00 UTC by ama: The smoke test is red." in text
    assert facts["sha256"] == hash_file(Path(facts["path"]))
    assert (facts["failures"], facts["attempts"], facts["planned_seconds"], facts["actual_seconds"]) == (
        1,
        2,
        120,
        210,
    )
    assert ACTION.probe(values, before).status == ProbeStatus.DONE


def test_markup_in_texts_of_people_is_escaped(bind: Any) -> None:
    report = Recorder()
    ACTION.run(bind(), report)
    assert "# Retrospective: First \\*rehearsal\\*" in Path(report.facts["retrospective"]["path"]).read_text()


def test_a_cutover_without_incidents_says_so(bind: Any) -> None:
    quiet = {**HISTORY, "items": [item("1.1", "Quick")], "gates": [], "decisions": [], "rollback": None}
    report = Recorder()
    ACTION.run(bind(quiet), report)
    text = Path(report.facts["retrospective"]["path"]).read_text()
    for said in (
        "Every attempt succeeded.",
        "Nothing was left out.",
        "No decision was recorded.",
        "No item waited",
    ):
        assert said in text
    assert "rollback was ordered" not in text


def test_an_empty_record_is_an_error(bind: Any) -> None:
    with pytest.raises(Problem, match="the record is empty"):
        ACTION.run(bind({}), Recorder())


def test_the_preview_names_the_file(bind: Any) -> None:
    assert "retrospective-" in ACTION.preview(bind()).lines[0]
