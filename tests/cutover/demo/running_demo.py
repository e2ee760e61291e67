"""A demo that a test starts as people do: its output and its address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cutover.data_folder import PROJECT
from tests.belongings import Belongings

ROWS = "5000"  # in the old database
#: A demo has visitors for people to look at; in a play that lasts long they take a sixth of its CPU.
#: `tests/integrations/sandbox/test_traffic.py` has all of them.
PACE = {"VISITORS_PACE": "0.4"}


class RunningDemo:
    """A demo in its own process, and its output so far."""

    def __init__(self, folder: Path, *options: str, program: Sequence[str] = ("-m", "cutover.demo")) -> None:
        self.folder, self.output = folder, ""
        argv = [sys.executable, *program, *options]
        env = {**os.environ, **PACE, "CUTOVER_DATA": str(folder)}
        self.process = subprocess.Popen(
            argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_for_line(self, words: str) -> None:
        """Reads the output up to a line with these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if words in line:
                return
        raise AssertionError(f"the demo ended without «{words}»:\n{self.output}")

    def wait_for_end(self, seconds: float = 150) -> int:
        """Waits for its end; returns its exit code. One that does not end fails the test, and is killed with
        its servers: they would go on working beside the tests that follow."""
        try:
            self.output += self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            Belongings([str(self.folder)]).end(grace=0)
            self.output += self.process.communicate()[0]
            raise AssertionError(f"the demo did not end:\n{self.output}")
        return self.process.returncode

    @property
    def address(self) -> str:
        found = re.search(r"Pages at (http://\S+)", self.output)
        assert found, self.output
        return found[1]

    def password(self, username: str) -> str:
        found = re.search(rf" {username} +(\S+)", self.output)
        assert found, self.output
        return found[1]
