"""Reads the schedules of a queue, and the next runs that each of them has put into the queue.

Source of the keys: the scripts of BullMQ 5 (addRepeatableJob, addJobScheduler, getDelayedScore), and what
Bull 3 and 4 and BullMQ 1 to 5 were seen to write (`tests/integrations/clients/queue_layouts.json`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.clients.redis_server import RedisClient

MOST_SCHEDULES = 200
MOST_RUNS = 2000  # delayed jobs among which the next runs are searched, the next ones first
SCORE = 4096  # a delayed job's score is its time in milliseconds × this, plus a counter
RUN = "repeat:"  # begins the id of every job that a schedule adds


@dataclass(frozen=True)
class QueuedRun:
    """A delayed job that a schedule has added: “repeat:KEY:milliseconds”. ``of`` is the schedule that the job
    names ("" where its version records none); ``at``: its time in milliseconds."""

    id: str
    name: str
    of: str
    at: int

    @property
    def key(self) -> str:
        """What the ids of all runs of one schedule begin with: its id, or a hash of it."""
        return self.id.rpartition(":")[0].removeprefix(RUN)


@dataclass(frozen=True)
class JobSchedule:
    """A job scheduler of BullMQ 5, or (``old``) a repeatable job of Bull or of earlier versions of BullMQ.

    ``name``: of the jobs that it adds. ``due_in``: seconds until the next run, negative when overdue.
    ``pattern``: its cron pattern, "" where it has none; ``every``: its interval in milliseconds, "" where it
    has none; ``zone``: the time zone of the pattern, "" for the server's. ``next_job``: the id of the delayed
    job that is the next run, "" when there is none. ``more_runs``: ids of further delayed jobs of it.
    ``attempts`` and ``backoff``: how often that job is tried, and the pause between two tries as “exponential
    5000 ms”; None and "" where the job does not say.
    """

    id: str
    name: str
    old: bool
    due_in: float
    pattern: str = ""
    next_job: str = ""
    attempts: int | None = None
    backoff: str = ""
    every: str = ""
    zone: str = ""
    more_runs: tuple[str, ...] = ()


def read_schedules(client: RedisClient, base: str) -> list[JobSchedule]:
    """The schedules, the next one first, `MOST_SCHEDULES` at most. ``base``: “prefix:queue”."""
    found: Any = client.zrange(f"{base}:repeat", 0, MOST_SCHEDULES - 1, withscores=True)
    runs = read_queued_runs(client, base)
    return [_schedule(client, base, str(member), float(score), runs) for member, score in found]


def read_queued_runs(client: RedisClient, base: str) -> list[QueuedRun]:
    """The delayed jobs that schedules have added, the next one first."""
    delayed: Any = client.zrange(f"{base}:delayed", 0, MOST_RUNS - 1, withscores=True)
    jobs = [(str(job), int(score) // SCORE) for job, score in delayed if str(job).startswith(RUN)]
    pipe = client.pipeline(transaction=False)
    for job, _ in jobs:
        pipe.hmget(f"{base}:{job}", "name", "rjk", "opts")
    return [
        QueuedRun(job, str(name or ""), str(of or _key_in_options(options)), at)
        for (job, at), (name, of, options) in zip(jobs, pipe.execute(), strict=True)
    ]


def _key_in_options(options: Any) -> str:
    """Bull writes the schedule's key into the options of the job."""
    repeat = _json(options).get("repeat")
    return str(repeat.get("key") or "") if isinstance(repeat, Mapping) else ""


def _json(text: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(str(text or ""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _schedule(
    client: RedisClient, base: str, member: str, at: float, runs: Sequence[QueuedRun]
) -> JobSchedule:
    """A job scheduler of BullMQ 5 counts its runs (``ic``), an earlier repeatable job does not."""
    known: Any = client.hmget(f"{base}:repeat:{member}", "name", "ic", "pattern", "every", "tz")
    stored_name, counted, pattern, every, zone = (str(value or "") for value in known)
    its = _runs_of(member, stored_name, int(at), runs)
    in_key = _read_key(member, its[0].name if its else "")
    name = stored_name or (its[0].name if its else "") or in_key["name"]
    # A run that waits for another moment than the schedule's own next one is not its next run.
    due = [run for run in its if run.at == int(at)]
    job = due[0].id if due else ""
    attempts, backoff = _tries(client.hget(f"{base}:{job}", "opts") if job else None)
    return JobSchedule(
        member,
        name,
        not counted,
        at / 1000 - time.time(),
        pattern or in_key["pattern"],
        job,
        attempts,
        backoff,
        every or in_key["every"],
        zone or in_key["zone"],
        tuple(run.id for run in its if run.id != job),
    )


def _runs_of(member: str, name: str, at: int, runs: Sequence[QueuedRun]) -> list[QueuedRun]:
    """The runs that belong to a schedule: by the schedule that they name, by their ids, or, where neither
    tells, by the name and the moment."""
    own = [run for run in runs if member in (run.of, run.key)]
    if not own:
        own = [run for run in runs if not run.of and run.at == at and run.name in (name, member)]
    keys = {run.key for run in own}
    return [run for run in runs if run in own or run.key in keys]


def _read_key(member: str, name: str) -> dict[str, str]:
    """What the key of an old repeatable job says: “name:id:end:zone:pattern”; Bull leaves the zone out of one
    with an interval. A name may have colons, so the fields are counted from the end."""
    fields = {"name": "", "pattern": "", "every": "", "zone": ""}
    if ":" not in member:
        return fields
    rest = member.removeprefix(name) if name and member.startswith(f"{name}:") else ""
    parts = rest.split(":")[1:] if rest else member.rsplit(":", 4)[1:]
    fields["name"] = name or member.rsplit(":", 4)[0]
    suffix = parts[-1] if parts else ""
    fields["every" if suffix.isdigit() else "pattern"] = suffix
    fields["zone"] = parts[-2] if len(parts) >= 4 and not suffix.isdigit() else ""
    return fields


def _tries(options: Any) -> tuple[int | None, str]:
    found = _json(options)
    backoff = found.get("backoff")
    if isinstance(backoff, Mapping):
        backoff = f"{backoff.get('type')} {backoff.get('delay')} ms"
    attempts = found.get("attempts")
    return (int(attempts) if isinstance(attempts, int) else None), str(backoff or "")


def job_options(client: RedisClient, base: str, job: str) -> dict[str, Any]:
    """The options by which a job is tried again: its ``attempts`` and ``backoff``, as far as it has them."""
    found = _json(client.hget(f"{base}:{job}", "opts"))
    return {name: found[name] for name in ("attempts", "backoff") if name in found}
