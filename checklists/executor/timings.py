"""Every duration and limit that running an attempt depends on."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Times:
    """Durations in seconds.

    Two conditions connect them. ``kill`` < ``lease``: every process of an attempt is dead before anybody
    may call the attempt lost. ``lease`` + ``reaper`` < 30 s: a loss is visible within 30 seconds.
    """

    heartbeat: float = 5  # a guard renews its lease; three may be lost
    lease: float = 20  # without a renewal for this long an executor counts as lost
    poll: float = 1  # a guard reads cancel and deadline this often
    ask_to_stop: float = 12  # without a renewal a guard asks its action to stop …
    kill: float = 17  # … and kills everything, before anyone may say that it is lost
    reaper: float = 3  # between two rounds of the reaper
    reaper_fresh: float = 10  # an effect begins only under a reaper seen this recently
    after_outage: float = 20  # PostgreSQL has to be up this long before a lease counts as lost
    clock_jump: float = 2  # a database clock that runs ahead of ours, or behind, by more than this has jumped
    dispatcher: float = 1  # between two scans for what is queued
    wake_again: float = 4  # a queued attempt is woken again after this
    log: float = 0.25  # log lines are written at least this often
    start: float = 5  # an order of rollback waits at most this long for a program that is starting
    progress: float = 0.5  # progress is written at most this often
    probe: float = 120  # a probe that takes longer is given up
    look_again: float = 10  # an unknown attempt whose probe gave no answer is probed again after this
    local_prober: float = 5  # a local prober that was not seen for this long is not waited for
    preflight: float = 540  # a run of the preflight that takes longer is ended; its checks have 480 s
    silence: float = 10  # after this long announcements try a Redis again that did not answer


def from_environment() -> Times:
    """The durations; ``CUTOVER_TIMES=lease=2,kill=1.7`` replaces some of them, for tests."""
    known = {field.name for field in fields(Times)}
    pairs = [pair.split("=", 1) for pair in os.environ.get("CUTOVER_TIMES", "").split(",") if pair]
    changed = {name.strip(): float(value) for name, value in pairs}
    unknown = sorted(set(changed) - known)
    if unknown:
        raise ValueError(f"CUTOVER_TIMES knows no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return Times(**changed)


TIMES = from_environment()
LOG_BATCH = 2000  # lines in one INSERT …
LOG_BATCH_CHARACTERS = 4_000_000  # … and characters, unless a single line has more
LOG_FLUSH_SECONDS = 0.5  # one round of writing lines takes no longer
LOG_FLUSH = 50  # this many unwritten lines are written at once, whatever the clock says
LOG_MAX_UNWRITTEN = 5000  # with more unwritten lines the action has to wait for the database
LOG_MAX_LINES = 200_000  # lines kept of one attempt
MEASUREMENT_INTERVAL = 1.0  # seconds between two points of an attempt's curves
MEASUREMENTS_MAX = 20_000  # points kept of one attempt
TABLES_MAX = 5_000  # tables of one comparison whose progress is shown
ROWS_MAX_PER_TABLE = 10_000  # rows that differ, kept of one table …
ROWS_MAX_PER_ATTEMPT = 50_000  # … and of one attempt; rows beyond are counted and not kept
ROWS_MAX_BYTES = 64_000_000  # of JSON, in all kept rows of one attempt
ROWS_BATCH = 500  # rows in one INSERT
ROWS_MAX_UNWRITTEN = 2_000  # with more unwritten rows the action has to wait for the database
