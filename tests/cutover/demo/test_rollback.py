"""The autopilot plays past the switch, then the rollback; tests/browser/test_rehearsal.py has the way on.

On the way to the switch it leaves out checks that the two other rehearsals have.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.belongings import processes_of
from tests.cutover.demo.running_demo import ROWS, RunningDemo
from tests.cutover.demo.short_runbook import write_short_runbook
from tests.ports import free_port

pytestmark = [pytest.mark.prisma, pytest.mark.timeout(4500)]


def test_the_autopilot_plays_past_the_switch_and_the_whole_rollback(folder: Path, tmp_path: Path) -> None:
    runbook = write_short_runbook(tmp_path / "short.yaml")
    options = ("--text", str(runbook), "--rows", ROWS, "--port", str(free_port()))
    demo = RunningDemo(folder, "--autopilot", "rollback", *options)
    assert demo.wait_for_end(4400) == 0, demo.output
    played = re.findall(r"^✓ (\d+\.\d+) ", demo.output, re.M)
    assert {number.split(".")[0] for number in played} == {"1", "2", "3", "4", "5", "6"}
    assert "✗ 5." in demo.output, "the smoke test after the switch must fail: the new stack was broken"
    assert "The cutover is closed as rolled back" in demo.output
    assert "The chain is whole" in demo.output
    assert processes_of(folder) == []
