"""Ctrl-C leaves no process running, and the next start continues the demo."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from cutover.data_folder import PROJECT
from cutover.demo.demo_folder import environment
from tests.belongings import processes_of
from tests.cutover.demo.running_demo import ROWS, RunningDemo
from tests.ports import free_port

pytestmark = pytest.mark.timeout(600)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return int(answer.status)


def red_at_first(folder: Path) -> set[str]:
    """The checks that are red in the first preflight, which the schedule asked for; waits for its end."""
    code = (
        "from checklists.models import PreflightRun as R\n"
        "import json, time\n"
        "while (run := R.objects.order_by('requested_at').first()) is None or run.is_live: time.sleep(1)\n"
        "bad = run.results.filter(verdict__in=['red', 'unknown']).values_list('check_key', flat=True)\n"
        "print(json.dumps([run.source, sorted(set(bad))]))"
    )
    argv = [PROJECT / "panel", "manage", "shell", "--no-imports", "-c", code]
    env = environment(folder, {})  # not that of the suite
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True, timeout=200)
    source, red = json.loads(done.stdout)
    assert source == "SCHEDULE"
    return set(red)


def test_ctrl_c_ends_all_processes_and_the_next_start_continues(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUTOVER_PREFLIGHT_MINUTES", "15")  # the rest of the suite has no schedule
    port = str(free_port())
    first = RunningDemo(folder, "--rows", ROWS, "--port", port)
    first.wait_for_line("Everything is running")
    assert status(f"{first.address}/health/ready") == 200
    assert status(f"{first.address}/accounts/login/") == 200
    worker = re.search(r"The worker is process (\d+)", first.output)
    assert worker
    assert int(worker[1]) in processes_of(folder)
    assert red_at_first(folder) == {"images.start"}, "the customer's images, and nothing that was not ready"
    first.process.send_signal(signal.SIGINT)
    assert first.wait_for_end() == 0
    assert "continues where it stopped" in first.output
    assert processes_of(folder) == []

    second = RunningDemo(folder)
    second.wait_for_line("Everything is running")
    assert second.address == first.address
    assert [second.password(name) for name in ("kwame", "efua", "kofi", "ama")] == [
        first.password(name) for name in ("kwame", "efua", "kofi", "ama")
    ]
    assert "Filling the old database" not in second.output
    second.process.send_signal(signal.SIGTERM)
    assert second.wait_for_end() == 0


def test_ctrl_c_during_the_start_ends_all_processes(folder: Path) -> None:
    demo = RunningDemo(folder, "--rows", ROWS, "--port", str(free_port()))
    demo.wait_for_line("Tables and static files")
    time.sleep(0.3)
    demo.process.send_signal(signal.SIGINT)
    assert demo.wait_for_end() == 0
    assert processes_of(folder) == []
