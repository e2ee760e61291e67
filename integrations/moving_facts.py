"""Facts that move by themselves: durations, ages, rates, moments of looking, ids of an attempt's own things.

A signature is bound to the digest of the facts. A check that is repeated on an unchanged system must give the
same digest, so these facts are left out of it. They stay in the evidence and on the pages. Places are dotted
names from the evidence's first member on; lists add nothing to a place. A name alone decides nothing: a table
may be called “seconds”.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: places whose values move by themselves; everything below them too
MOVING = frozenset(
    {
        # durations
        "smoke.slowest_ms",
        "smoke.asked.ms",
        "redis.ping_ms",
        "verified.seconds",
        "restored.seconds",
        "restored.seconds_closed",
        "swapped_back.seconds_closed",
        "freeze.watched_seconds",
        "served.watched_seconds",
        "watched_seconds",
        "canary.seconds",
        "retry.pause",
        "rehearsal.seconds",
        "rehearsal.slowest.seconds",
        "rehearsal.locks.seconds",
        "rehearsed.locks.ms",
        "rehearsed.locks.resolution_ms",
        "dual_run.seconds",
        "dual_run.old.p50_ms",
        "dual_run.old.p95_ms",
        "dual_run.new.p50_ms",
        "dual_run.new.p95_ms",
        "dual_run.queue.depth.oldest_waiting",
        "parity.cost",
        "parity.tables.seconds",
        "shift.seen.seconds",
        "switch.seen.seconds",
        # ages, rates, and what a server or its users do meanwhile
        "redis.used_bytes",
        "redis.checks.measured",
        "depth.oldest_waiting",
        "depth.completed",
        "completed",
        "completed_per_minute",
        "dual_run.queue.completed_per_minute",
        "schedules.due_in",
        "served.quiet_minutes",
        "served.before",
        "served.after",
        "shift.seen.requests",
        "shift.seen.old_percent_of_people",
        "switch.seen.requests",
        "switch.seen.old_percent_of_people",
        "switched.people.requests",
        "switched.people.old_percent",
        # moments of looking
        "export.taken_at",
        "fingerprint.taken_at",
        "fingerprint.path",  # the file holds the moment; its content has a digest of its own
        "fingerprint.sha256",
        "kept_pass.taken_at",
        "loss.counted_at",
        "looked_at",
        "served.counted_at",
        "shift.seen.counted_at",
        "switch.seen.counted_at",
        "switched.people.counted_at",
        "parity.started",
        "parity.finished",
        # things of the attempt itself
        "added.job",
        "canary.job",
        "retry.job",
        "schedules.next_job",  # its id holds the moment of the next run
        "reference",  # of the events that webhooks.check sends
        "signin.row",
        "signin.at",
    }
)
#: places whose values look as if they moved, and are content
STEADY = frozenset(
    {
        "backup.taken_at",  # the moment that a restore brings back; with its SHA-256 each backup is another
        "backup.seconds",
        "backup.clock_ahead",
        "restored.taken_at",
        "served.stopped_at",
        "dual_run.broken_after_seconds",  # that a limit was broken, and when, is a result
        "retrospective.planned_seconds",
        "retrospective.actual_seconds",
    }
)
#: names that say “a duration”, “an age” or “a moment”
SUSPICIOUS = re.compile(r"(^|_)(ms|seconds?|minutes?|ages?|latency|elapsed|took|duration|at|when|pids?)$")


def without_moving(facts: Any, place: str = "") -> Any:
    """The facts without those that move by themselves; everything else as it is."""
    if isinstance(facts, Mapping):
        members = ((name, value, _below(place, name)) for name, value in facts.items())
        return {name: without_moving(value, inner) for name, value, inner in members if inner not in MOVING}
    if isinstance(facts, list | tuple):
        return [without_moving(value, place) for value in facts]
    return facts


def looks_moving(place: str) -> bool:
    """Whether the last name of a place says “a duration”, “an age” or “a moment”."""
    return SUSPICIOUS.search(place.rpartition(".")[2]) is not None


def _below(place: str, name: Any) -> str:
    return f"{place}.{name}".lstrip(".")
