"""Proof that an attempt's old executor is dead: before it, nobody may believe “not done”."""

from __future__ import annotations

import time
from typing import Any

from checklists.executor.identity import identity, is_alive, kill
from checklists.models import Attempt
from integrations import programs


def proof_of_death(attempt: Attempt, *, seconds: float = 10.0) -> str:
    """How it is proven that nothing of the attempt runs any more, in words; empty without proof.

    An executor that still lives here has lost its lease, and whatever it writes is refused: it is
    killed, with all it started. What runs on another host only that host's workers can see.
    """
    owner: dict[str, Any] = attempt.owner or {}
    here = identity()
    if owner.get("host") != here["host"]:
        return ""
    if owner.get("boot") != here["boot"]:
        return f"The host {here['host']} was started again since."
    if owner.get("space") != here["space"]:
        return f"The container {here['host']} was started again since."
    processes = [owner, *([owner["action"]] if owner.get("action") else [])]
    until = time.monotonic() + seconds
    while any(map(is_alive, processes)) and time.monotonic() < until:
        for process in processes:
            kill(process)
        time.sleep(0.05)
    left = programs.kill_leftovers(str(attempt.pk))
    if left or any(map(is_alive, processes)):
        return ""
    return f"On {here['host']} its process {owner['pid']} and everything that it had started are gone."
