"""A demo that does not end does not go on beside the tests that follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.belongings import processes_of
from tests.cutover.demo.running_demo import RunningDemo

#: A demo that stands still: with a server in a session of its own, which holds the demo's output.
STANDS_STILL = """
import subprocess
subprocess.run(["setsid", "--fork", "sh", "-c", "trap '' TERM; echo serving; sleep 600; true"])
subprocess.run(["sleep", "600"])
"""


def test_the_servers_of_a_demo_that_does_not_end_are_ended_with_it(folder: Path) -> None:
    demo = RunningDemo(folder, program=["-S", "-c", STANDS_STILL])
    demo.wait_for_line("serving")
    assert len(processes_of(folder)) >= 3
    with pytest.raises(AssertionError, match="did not end"):
        demo.wait_for_end(0.1)
    assert processes_of(folder) == []
