"""Browsers of tests share the machine's network, and who changes its links has it alone, and soon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT
from tests import quiet_network
from tests.quiet_network import changing_network, unchanged_network
from tests.waiting import wait_for

#: Says what it holds, and holds it until its input ends.
HOLD = """
import sys
from tests import quiet_network
quiet_network.TURN, quiet_network.ROOM = sys.argv[2:]
print("asks", flush=True)
with getattr(quiet_network, sys.argv[1])():
    print("has it", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Locks of this test alone."""
    files = [str(tmp_path / "turn"), str(tmp_path / "room")]
    monkeypatch.setattr(quiet_network, "TURN", files[0])
    monkeypatch.setattr(quiet_network, "ROOM", files[1])
    return files


def test_whoever_changes_links_waits_for_browsers_and_goes_before_those_that_come_later(
    locks: list[str], tmp_path: Path
) -> None:
    def other(how: str) -> tuple[subprocess.Popen[bytes], Path]:
        said = tmp_path / f"{how}.txt"
        with said.open("wb") as output:
            argv = [sys.executable, "-c", HOLD, how, *locks]
            return subprocess.Popen(argv, cwd=PROJECT, stdin=subprocess.PIPE, stdout=output), said

    with unchanged_network(), unchanged_network():
        changer, said = other("changing_network")
        wait_for(lambda: _waits_for_a_lock(changer.pid))
        browser, later = other("unchanged_network")
        wait_for(lambda: _waits_for_a_lock(browser.pid))
        assert "has it" not in said.read_text() + later.read_text()
    wait_for(lambda: "has it" in said.read_text())
    assert "has it" not in later.read_text()
    changer.communicate()
    wait_for(lambda: "has it" in later.read_text())
    browser.kill()  # a lock goes with its process
    browser.communicate()
    with changing_network():
        pass


def _waits_for_a_lock(pid: int) -> bool:
    return f" {pid} " in "".join(
        line for line in Path("/proc/locks").read_text().splitlines() if "->" in line
    )
