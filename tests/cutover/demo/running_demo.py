"""A demo that a test starts as people do: its output, its address, and the processes that it leaves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from cutover.data_folder import PROJECT

ROWS = "5000"  # in the old database


class RunningDemo:
    """A demo in its own process, and its output so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.output = folder, ""
        argv = [sys.executable, "-m", "cutover.demo", *options]
        env = {**os.environ, "CUTOVER_DATA": str(folder)}
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
        """Waits for its end; returns its exit code. One that does not end is killed, and fails the test."""
        try:
            self.output += self.process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
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


def processes_of(folder: Path) -> list[int]:
    """Processes that carry the demo's data folder in environment or command line."""
    mark, found = str(folder).encode(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in text and state not in "ZX":
            found.append(int(entry.name))
    return found
