"""The preflight as an item: red for what is red or unknown, amber as warnings, everything as evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.actions import Context, registry
from integrations.errors import Cancelled
from integrations.preflight import check, registered_checks
from tests.checklists import sample_checks
from tests.checklists.sample_checks import KEY, says
from tests.integrations.recorder import Recorder

ACTION = registry()["preflight.check"]


@pytest.fixture
def bind(new_context: Callable[..., Context], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Parameters in a world that is as the test says; the tests' check is the only one."""
    registered_checks()
    before = dict(check._CHECKS)
    check._CHECKS.clear()
    check._CHECKS[KEY] = check.Check(KEY, "The world is right", sample_checks.check_world, 60)

    def make(**verdicts: Any) -> Any:
        says(tmp_path, **verdicts)
        return ACTION.bind({}, new_context({"world": {"kind": "folder", "path": str(tmp_path)}}))

    yield make
    check._CHECKS.clear()
    check._CHECKS.update({key: each for key, each in before.items() if key != KEY})


def test_green_and_amber_are_a_yes_with_warnings(bind: Any) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(wall="green", roof="amber"), report)
    assert outcome.ok, outcome.summary
    assert report.facts["warnings"] == ["roof (The world is right)"]
    assert [one["verdict"] for one in report.facts["preflight"]["results"]] == ["amber", "green"]
    assert report.steps == [(1, 1, "The world is right")]


@pytest.mark.parametrize("verdict", ["red", "unknown"])
def test_red_and_unknown_are_a_no_that_names_them(bind: Any, verdict: str) -> None:
    report = Recorder()
    outcome = ACTION.run(bind(wall="green", door=verdict), report)
    assert not outcome.ok
    assert "door" in outcome.summary
    assert f"{verdict.upper()} door" in report.text
    assert report.facts["preflight"]["results"][0]["subject"] == "door"


def test_a_cancelled_run_stops(bind: Any) -> None:
    with pytest.raises(Cancelled):
        ACTION.run(bind(sleep=30), Recorder(cancel_when=lambda report: True))


def test_the_preview_states_the_load_and_the_checks(bind: Any) -> None:
    lines = ACTION.preview(bind()).lines
    assert "one query at a time" in lines[0]
    assert f"The world is right ({KEY})" in lines
