"""The autopilot plays a rehearsal with the customer's defects. Plays have a file each, to run in parallel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from integrations.sandbox.repairs import load_repairs
from tests.belongings import processes_of
from tests.cutover.demo.running_demo import ROWS, RunningDemo
from tests.ports import free_port

pytestmark = [pytest.mark.prisma, pytest.mark.timeout(4500)]


def test_every_defect_is_reported_by_a_check_and_the_last_gate_gets_a_no_go(folder: Path) -> None:
    demo = RunningDemo(folder, "--autopilot", "recorded", "--rows", ROWS, "--port", str(free_port()))
    assert demo.wait_for_end(4400) == 0, demo.output
    reported = dict(re.findall(r"^  (\S+), reported by (\S+) ", demo.output, re.M))
    assert reported.keys() == load_repairs().keys()
    assert "no-go. Defects to repair before production:" in demo.output
    seen_red_first = re.findall(r"^✗ (\S+) .*, as it must$", demo.output, re.M)
    assert seen_red_first, "no check was run before the work that it should see"
    assert processes_of(folder) == []
