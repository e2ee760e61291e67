"""Every length of time that running an attempt depends on, in one table (seconds)."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Times:
    """The table. What holds them together: 17 s (the tree is dead) < 20 s (the lease is over), and
    20 + 3 s (the reaper has seen it) < 30 s, which is what people are promised."""

    heartbeat: float = 5  # a guard renews its lease; three may be lost
    lease: float = 20  # after this without renewal an executor counts as lost
    poll: float = 1  # a guard asks for cancel and deadline
    ask_to_stop: float = 12  # without a renewal a guard asks its action to stop …
    kill: float = 17  # … and kills everything, before anyone may say that it is lost
    reaper: float = 3  # between two rounds of the reaper
    reaper_fresh: float = 10  # an effect begins only under a reaper seen this recently
    after_outage: float = 20  # PostgreSQL has to be up this long before a lease counts as lost
    clock_jump: float = 2  # a database clock that moves otherwise than ours by more than this jumped
    dispatcher: float = 1  # between two scans for what is queued
    wake_again: float = 4  # a queued attempt is woken again after this
    log: float = 0.25  # log lines are written at least this often
    progress: float = 0.5  # progress is written at most this often
    probe: float = 120  # a probe that takes longer is given up
    look_again: float = 10  # an unknown attempt without an answer is looked at again after this
    silence: float = 10  # announcements stay away this long from a Redis that did not answer


def from_environment() -> Times:
    """The table, with ``CUTOVER_TIMES=lease=2,kill=1.7`` shortening it (for tests of what takes long)."""
    known = {field.name for field in fields(Times)}
    pairs = [pair.split("=", 1) for pair in os.environ.get("CUTOVER_TIMES", "").split(",") if pair]
    changed = {name.strip(): float(value) for name, value in pairs}
    unknown = sorted(set(changed) - known)
    if unknown:
        raise ValueError(f"CUTOVER_TIMES knows no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return Times(**changed)


TIMES = from_environment()
LOG_BATCH = 500  # lines in one INSERT
LOG_WAITING = 50  # lines that do not wait for the clock
LOG_BEHIND = 5000  # lines unwritten: then the action has to wait for the database
LOG_CAP = 200_000  # lines of one attempt
MEASURED_APART = 1.0  # seconds between two points of an attempt's curves
MEASURED_MOST = 20_000  # points of one attempt
PARTS_MOST = 5_000  # tables of one comparison whose progress is told
ROWS_OF_A_TABLE = 10_000  # rows that differ, kept of one table …
ROWS_OF_AN_ATTEMPT = 50_000  # … and of one attempt; what is beyond is counted and not kept
ROWS_BYTES = 64_000_000  # of JSON, in all rows of one attempt
ROWS_BATCH = 500  # rows in one INSERT
ROWS_BEHIND = 2_000  # rows unwritten: then the action has to wait for the database
