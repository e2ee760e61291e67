"""Proof that an attempt's old executor is dead. Without it “not done” may change a moment later."""

from __future__ import annotations

import time
from typing import Any

from psutil import Process

from checklists.executor.process import cgroup
from checklists.executor.process.container_lock import has_container_ended
from checklists.executor.process.identity import identity, is_alive, kill, place_key
from checklists.executor.process.subreaper import find_orphans
from checklists.models import Attempt, HostDeath
from integrations import processes


def prove_death(attempt: Attempt, *, seconds: float = 10.0) -> str:
    """A sentence that says why nothing of the attempt can run any more; empty when that is not proven.

    - In the pid namespace of the executor its processes can be seen. One that still lives has lost its lease:
      it is killed, with everything that it started.
    - From another container under the same kernel only the end of the whole container can be seen.
    - Otherwise nothing is proven: another boot, host or namespace may only have the same name. Then two
      people may declare the host dead.
    """
    owner: dict[str, Any] = attempt.owner or {}
    here, place = identity(), place_key(owner)
    if place and place == place_key(here):
        return _end_everything_here(attempt, owner, seconds)
    same_kernel = owner.get("boot") == here["boot"]
    if owner.get("container") and same_kernel and has_container_ended(place):
        return f"The container {owner.get('host')} in which it ran has ended, with every process in it."
    return _find_declaration(attempt)


def _end_everything_here(attempt: Attempt, owner: dict[str, Any], seconds: float) -> str:
    executors = [owner, *([owner["action"]] if owner.get("action") else [])]
    until = time.monotonic() + seconds
    while any(map(is_alive, executors)) and time.monotonic() < until:
        for executor in executors:
            kill(executor)
        time.sleep(0.05)
    cgroup.end_attempt(str(attempt.pk))
    left = processes.kill_leftovers(str(attempt.pk))
    while _orphans(owner) and time.monotonic() < until:
        time.sleep(0.05)
    if left or any(map(is_alive, executors)) or _orphans(owner):
        return ""
    return f"On {owner['host']} its process {owner['pid']} and everything that it had started are gone."


def _orphans(owner: dict[str, Any]) -> list[Process]:
    """What dropped its mark and its parents: the worker's first process inherited it, and ends it soon."""
    subreaper = owner.get("subreaper")
    return find_orphans(subreaper["pid"]) if subreaper and is_alive(subreaper) else []


def _find_declaration(attempt: Attempt) -> str:
    """Who declared the executor's host dead; empty when nobody did, or when a heartbeat came after that."""
    since = attempt.heartbeat_at or attempt.claimed_at
    if since is None:
        return ""
    said = HostDeath.objects.covering(str(attempt.owner.get("host", "")), since)
    death = said.select_related("declared_by", "confirmed_by").last()
    if death is None:
        return ""
    return (
        f"{death.declared_by} and {death.confirmed_by} declared the host {death.host} dead at "
        f"{death.at:%H:%M:%S} UTC. No process has seen that."
    )
