"""A run of chaos that is killed leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cutover.data_folder import PROJECT
from tests.chaos.keeper import processes_of
from tests.waiting import wait_for

#: Servers as a run starts them, and a program that went away from its session.
RUN = """
import os, subprocess, sys, time
from tests.chaos.surroundings import Surroundings
around = Surroundings(with_prisma=False)
around.start()
environment = {**os.environ, "CUTOVER_DATA": str(around.data)}
subprocess.Popen(["setsid", "sh", "-c", "trap '' TERM; sleep 600; true"], env=environment)
print(around.folder, flush=True)
time.sleep(600)
"""


def test_nothing_outlives_a_run_that_is_killed() -> None:
    run = subprocess.Popen([sys.executable, "-c", RUN], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        folder = run.stdout.readline().strip()
    assert len(processes_of(folder)) >= 4  # PostgreSQL, Valkey, the name server, the program
    run.kill()
    run.wait()
    wait_for(lambda: not processes_of(folder) and not Path(folder).exists())
