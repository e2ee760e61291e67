"""Many attempts at once: how long a worker needs for them, beside one attempt alone.

``./panel bench attempts`` starts reaper, dispatcher and a Celery worker with as many places as attempts, runs
one attempt that works for some seconds, and then all at the same time. It fails when one did not run exactly
once, or when not all of them ran at the same time. It is no timed test: times depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil

from tests import servers
from tests.benchmarks.bench_lines import RUNBOOK
from tests.benchmarks.load.panel import new_panel

if TYPE_CHECKING:
    from checklists.models import Attempt, Cutover

LIMIT = 600  # seconds after which the benchmark gives up


def queue(cutover: Cutover, count: int, seconds: float) -> list[Attempt]:
    """Attempts that wait for a worker, each with a folder of its own."""
    from tests.checklists.executor.conftest import queued_attempt

    found = []
    for _ in range(count):
        params = {"world": str(servers.new_folder("world")), "lines": 3, "do": "sleep", "seconds": seconds}
        found.append(queued_attempt(cutover, "test.once", params, deadline=LIMIT))
    return found


def wait_until_ended(attempts: Sequence[Attempt]) -> int:
    """Returns how many of them ran at the same time, at most."""
    from checklists.models import Attempt
    from checklists.states import LIVE, AttemptStatus

    until, together = time.monotonic() + LIMIT, 0
    ours = Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts])
    while statuses := list(ours.filter(status__in=LIVE).values_list("status", flat=True)):
        together = max(together, statuses.count(AttemptStatus.RUNNING))
        if time.monotonic() > until:
            raise TimeoutError(f"{len(statuses)} attempts did not end: {sorted(set(statuses))}")
        time.sleep(0.05)
    return together


def what_is_wrong(attempts: Sequence[Attempt]) -> list[str]:
    """What each wrote into its folder, and how it ended."""
    faults = []
    for attempt in attempts:
        attempt.refresh_from_db()
        lines = (Path(attempt.params["world"]) / "journal").read_text().splitlines()
        words = [word for line in lines if (word := line.split()[0]) != "pid"]  # which others kill it by
        if words != ["begin", "done"] or attempt.status != "SUCCEEDED":
            faults.append(f"an attempt ended as {attempt.status} and did {words}")
    return faults


def measure(cutover: Cutover, count: int, seconds: float) -> tuple[float, int, list[str]]:
    """The seconds from queueing to the last end, how many ran at once, and what is wrong."""
    began = time.monotonic()
    attempts = queue(cutover, count, seconds)
    together = wait_until_ended(attempts)
    return time.monotonic() - began, together, what_is_wrong(attempts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; exit code 1 when an attempt did not run exactly once."""
    parser = argparse.ArgumentParser(prog="./panel bench attempts", description=__doc__)
    parser.add_argument("--attempts", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20, help="that each of them works")
    options = parser.parse_args(arguments)
    with new_panel():
        return run_in_panel(options.attempts, options.seconds)


def run_in_panel(count: int, seconds: float) -> int:
    """Starts the processes of the panel, and measures."""
    from integrations.actions import registry
    from tests.checklists.executor.actions import ACTIONS
    from tests.checklists.executor.conftest import make_panel
    from tests.checklists.histories import make_cutover

    registry().update(ACTIONS)
    cutover, panel = make_cutover(text=RUNBOOK), make_panel(servers.new_folder("panel"))
    try:
        panel.start("reaper", times="")
        panel.start("dispatcher", times="")
        queues = ("--queues", "steps,probes,control")
        panel.start("worker", *queues, "--concurrency", str(count), "--cancel-on-stop", times="")
        measure(cutover, 1, 0)  # the worker is there
        alone, _, faults = measure(cutover, 1, seconds)
        all_of_them, together, more = measure(cutover, count, seconds)
    finally:
        panel.stop()
    faults += more
    faults += [f"only {together} of {count} ran at the same time"] if together < count else []
    print(f"{psutil.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {seconds:g} s of work each")
    print(f"one attempt      {alone:8.2f} s")
    print(f"{count} attempts at once {all_of_them:5.2f} s = {all_of_them / alone:.2f} × one")
    print("".join(f"WRONG: {fault}\n" for fault in faults), end="")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
