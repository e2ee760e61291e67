"""Durable log lines: how many a second a guard writes, beside a bare COPY that commits as often.

``./panel bench lines`` writes the same lines in three ways, each time flushed to the disk by PostgreSQL: with
COPY alone, through the guard's writer (masking, spool, fence, announcement), and through a whole attempt,
whose action logs them in a process of its own. It fails when a line is missing, changed or out of order.
It is no timed test: times depend on the machine.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

import psutil
import psycopg

from tests import servers
from tests.benchmarks.load.panel import new_panel

if TYPE_CHECKING:
    from checklists.models import Attempt, Cutover

SECRETS = 60
#: One phase, to which the attempts are added.
RUNBOOK = """
name: lines
title: Lines
timezone: UTC
systems: {}
roles: {lead: Lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - {key: one, title: One, items: [{key: wait, title: Wait, kind: manual, owner: lead, how: Wait.}]}
"""
#: What is written, by the name of the way.
WAYS = ("bare COPY", "writer of a guard", "whole attempt")


@dataclass(frozen=True)
class Rate:
    """Lines and the seconds that they took."""

    lines: int
    seconds: float

    @property
    def a_second(self) -> float:
        """Lines a second."""
        return self.lines / self.seconds


def text_of(number: int) -> str:
    """A line as a program writes it."""
    return f"line {number}: copied batch {number} of the table donations, 1000 rows in 12 ms"


def copy_alone(texts: Sequence[str], batch: int) -> float:
    """The seconds of COPY into a table like that of the log, a commit for each batch."""
    with psycopg.connect(servers.POSTGRES.url("cutover"), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare_line")
        connection.execute("CREATE TABLE bare_line (LIKE checklists_logline INCLUDING ALL)")
        owner, began = "00000000-0000-0000-0000-000000000000", time.monotonic()
        for first in range(0, len(texts), batch):
            into = "COPY bare_line (attempt_id, number, at, text) FROM STDIN"
            with connection.cursor().copy(into) as rows:
                for place, text in enumerate(texts[first : first + batch], first):
                    rows.write_row((owner, place, "now", text))
        return time.monotonic() - began


def write_as_guard(attempt: Attempt, texts: Sequence[str]) -> float:
    """The seconds of the writer that a guard has, with `SECRETS` to mask."""
    from checklists.executor.writers.announcer import Announcer
    from checklists.executor.writers.log import LogWriter
    from integrations.redact import Redactor

    redactor = Redactor(secrets.token_urlsafe(24) for _ in range(SECRETS))
    writer = LogWriter(attempt.pk, attempt.fence, 1, redactor, Announcer(attempt.cutover_id))
    began = time.monotonic()
    for text in texts:
        writer.add(text, stream="out")
        if writer.is_behind:
            writer.flush(everything=True)
    writer.flush(everything=True)
    return time.monotonic() - began


def run_whole(attempt: Attempt) -> float:
    """The seconds of an attempt from its claim to its outcome."""
    from checklists.executor.launch import run_attempt

    began = time.monotonic()
    run_attempt(str(attempt.pk))
    return time.monotonic() - began


def what_is_wrong(attempt: Attempt, texts: Sequence[str]) -> list[str]:
    """The lines that PostgreSQL holds of it, beside those that were written."""
    from checklists.models import LogLine

    kept = LogLine.objects.filter(attempt=attempt.pk).order_by("number").values_list("number", "text")
    found = list(kept.iterator())
    numbers = [number for number, _ in found]
    faults = [] if numbers == list(range(1, len(texts) + 1)) else [f"{len(found)} of {len(texts)} lines"]
    return faults if [text for _, text in found] == list(texts) else [*faults, "lines differ"]


def new_attempt(cutover: Cutover, lines: int, *, queued: bool) -> Attempt:
    """An attempt that a guard can claim, or one that is claimed already."""
    from checklists.executor.claim import claim
    from tests.checklists.executor.conftest import queued_attempt

    params = {"world": str(servers.new_folder("world")), "lines": lines, "do": "succeed"}
    attempt = queued_attempt(cutover, "test.pure", params, deadline=900)
    if not queued:
        claim(attempt.pk, {"host": "bench", "pid": os.getpid()})
        attempt.refresh_from_db()
    return attempt


def measure(lines: int, times: int, faults: list[str]) -> dict[str, list[Rate]]:
    """All three ways, in turns."""
    from checklists.executor import record_heartbeat
    from checklists.executor.timings import LOG_BATCH
    from integrations.actions import registry
    from tests.checklists.executor.actions import ACTIONS
    from tests.checklists.histories import make_cutover

    registry().update(ACTIONS)
    cutover = make_cutover(text=RUNBOOK)
    found: dict[str, list[Rate]] = {name: [] for name in WAYS}
    texts = [text_of(number) for number in range(1, lines + 1)]
    for _ in range(times):
        record_heartbeat("reaper")
        found["bare COPY"].append(Rate(lines, copy_alone(texts, LOG_BATCH)))
        written = new_attempt(cutover, lines, queued=False)
        found["writer of a guard"].append(Rate(lines, write_as_guard(written, texts)))
        faults += what_is_wrong(written, texts)
        whole = new_attempt(cutover, lines, queued=True)
        record_heartbeat("reaper")
        found["whole attempt"].append(Rate(lines, run_whole(whole)))
        faults += what_is_wrong(whole, [f"line {number}" for number in range(1, lines + 1)])
    return found


def show(found: dict[str, list[Rate]]) -> None:
    """The medians, and those of the ratios of each turn."""
    print(f"{psutil.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'':20}{'lines':>10}{'seconds':>10}{'lines a second':>16}{'× bare COPY':>13}")
    for name, rates in found.items():
        ratio = statistics.median(
            one.seconds / bare.seconds for one, bare in zip(rates, found["bare COPY"], strict=True)
        )
        seconds = statistics.median(one.seconds for one in rates)
        lines = rates[0].lines
        print(f"{name:20}{lines:10,}{seconds:10.2f}{lines / seconds:16,.0f}{ratio:13.2f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; exit code 1 when a line is not as it was written."""
    parser = argparse.ArgumentParser(prog="./panel bench lines", description=__doc__)
    parser.add_argument("--lines", type=int, default=150_000, help="of one run; an attempt keeps 200,000")
    parser.add_argument("--times", type=int, default=4)
    options = parser.parse_args(arguments)
    faults: list[str] = []
    servers.POSTGRES.fsync = True  # a line that was acknowledged survives the machine
    with new_panel():
        found = measure(options.lines, options.times, faults)
    show(found)
    print("".join(f"WRONG: {fault}\n" for fault in faults), end="")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
