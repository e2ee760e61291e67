"""A run of the suite that `tests/test_keeper.py` kills; by its name pytest does not collect it.

Each test starts what tests start, writes the run's folder and the process ids to a file, and waits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cutover.embedded import Postgres
from tests import servers
from tests.checklists.executor.conftest import Panel
from tests.keeper import LOOK
from tests.waiting import wait_for

DEAF = "trap '' TERM HUP INT; sleep 600; true"
#: Away from parent and session, as a daemon does it, without our environment; says its process id.
DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
print(os.getpid(), flush=True)
time.sleep(600)
"""


def start_escaping() -> list[int]:
    """Programs and forks that went away, or have nothing by which to know them."""
    away = subprocess.Popen(["setsid", "sh", "-c", DEAF])
    bare = subprocess.Popen(["sh", "-c", DEAF], env={}, start_new_session=True)
    daemon = subprocess.Popen([sys.executable, "-S", "-c", DAEMON], stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    its_pid = int(daemon.stdout.readline())
    forked = os.fork()
    if forked == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    return [away.pid, bare.pid, its_pid, forked]


def report(pids: list[int]) -> None:
    """Tells the test outside, and waits to be killed."""
    time.sleep(LOOK * 1.5)  # a program without our environment is known once the keeper has looked
    file = Path(os.environ["KILLED_RUN"]) / os.environ.get("PYTEST_XDIST_WORKER", "alone")
    told = {"folder": str(servers.FOLDER), "run": os.getpid(), "keeper": servers.KEEPER.process.pid}
    file.with_suffix(".new").write_text(json.dumps({**told, "pids": pids}))
    file.with_suffix(".new").rename(file)
    time.sleep(600)


@pytest.mark.timeout(0)
def test_that_is_killed(postgres_server: Postgres, tmp_path: Path) -> None:
    panel = Panel(tmp_path, {**os.environ, "REDIS_URL": servers.VALKEY.url})
    servers.VALKEY.start()
    worker = panel.start("worker", "--queues", "steps", "--concurrency", "1")
    wait_for(lambda: "ready" in panel.output(), message=panel.output)
    started = [one.pid for one in (postgres_server.process, servers.VALKEY.process, worker) if one]
    assert len(started) == 3
    report([*started, *start_escaping()])


@pytest.mark.timeout(0)
@pytest.mark.parametrize("number", [1, 2])
def test_of_a_worker_that_is_killed(number: int) -> None:
    report(start_escaping())
