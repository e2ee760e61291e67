"""The demo as a stranger starts it: pages, people, a rehearsal without hands; nothing left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT
from cutover.embedded import free_port
from tests import servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROWS = "5000"


class Started:
    """A demo that runs, and what it said so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.said = folder, ""
        argv = [sys.executable, "-m", "cutover.demo", *options]
        env = {**os.environ, "CUTOVER_DATA": str(folder)}
        self.process = subprocess.Popen(
            argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def until(self, words: str) -> None:
        """Reads on until a line has these words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return
        raise AssertionError(f"it ended without «{words}»:\n{self.said}")

    def end(self) -> int:
        """Waits for its end; its exit code."""
        self.said += self.process.communicate(timeout=1000)[0]
        return self.process.returncode

    @property
    def address(self) -> str:
        found = re.search(r"Pages at (http://\S+)", self.said)
        assert found, self.said
        return found[1]

    def password(self, username: str) -> str:
        found = re.search(rf" {username} +(\S+)", self.said)
        assert found, self.said
        return found[1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one that `nobody` can reach; whatever still runs in it fails the test and is ended."""
    path = servers.FOLDER / f"demo-{os.urandom(3).hex()}"
    yield path
    left = living(path)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(path, ignore_errors=True)
    assert not left, "the demo left processes behind"


def living(folder: Path) -> list[int]:
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


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return int(answer.status)


def test_ctrl_c_leaves_nothing_and_the_next_start_goes_on(folder: Path) -> None:
    port = str(free_port())
    first = Started(folder, "--rows", ROWS, "--port", port)
    first.until("Everything is there")
    assert status(f"{first.address}/health/ready") == 200
    assert status(f"{first.address}/accounts/login/") == 200
    first.process.send_signal(signal.SIGINT)
    assert first.end() == 0
    assert "goes on where it was" in first.said
    assert living(folder) == []

    second = Started(folder)
    second.until("Everything is there")
    assert second.address == first.address
    assert [second.password(name) for name in ("kwame", "efua", "kofi", "ama")] == [
        first.password(name) for name in ("kwame", "efua", "kofi", "ama")
    ]
    assert "Filling the old database" not in second.said
    second.process.send_signal(signal.SIGTERM)
    assert second.end() == 0


def test_ctrl_c_while_it_still_starts_leaves_nothing(folder: Path) -> None:
    demo = Started(folder, "--rows", ROWS, "--port", str(free_port()))
    demo.until("Tables and static files")
    time.sleep(0.3)
    demo.process.send_signal(signal.SIGINT)
    assert demo.end() == 0
    assert living(folder) == []


@pytest.mark.prisma
def test_the_whole_rehearsal_plays_without_hands(folder: Path) -> None:
    demo = Started(folder, "--autopilot", "--rows", ROWS, "--port", str(free_port()))
    assert demo.end() == 0, demo.said
    assert "The chain is whole" in demo.said
    assert "The rehearsal came to its end" in demo.said
    played = re.findall(r"^✓ (\d+\.\d+) ", demo.said, re.M)
    assert {number.split(".")[0] for number in played} == {"1", "2", "3", "4", "5", "7"}  # 6 is the way back
    assert living(folder) == []


@pytest.mark.prisma
def test_past_the_switch_and_all_the_way_back_without_hands(folder: Path) -> None:
    demo = Started(folder, "--autopilot", "rollback", "--rows", ROWS, "--port", str(free_port()))
    assert demo.end() == 0, demo.said
    played = re.findall(r"^✓ (\d+\.\d+) ", demo.said, re.M)
    assert {number.split(".")[0] for number in played} == {"1", "2", "3", "4", "5", "6"}
    assert "✗ 5." in demo.said, "the smoke test after the switch fails, as it was broken to"
    assert "The cutover is closed as rolled back" in demo.said
    assert "The chain is whole" in demo.said
    assert living(folder) == []
