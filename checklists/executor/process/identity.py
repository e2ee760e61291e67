"""The identity of a process: host, boot, pid namespace, pid and start time, because pids are reused."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psutil import Process

from integrations import processes

#: What two processes must have in common to see each other in /proc. The start of the namespace's first
#: process is part of it, because the kernel gives the number of a namespace that ended to the next one.
PLACE = ("host", "boot", "space", "init")
FIRST_PROCESS = 1


def boot_id() -> str:
    """The identifier that the kernel made when it was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int | None = None) -> dict[str, Any]:
    """The identity of a process of this host (by default this one) as JSON."""
    pid = os.getpid() if pid is None else pid
    return {
        "host": socket.gethostname(),
        "boot": boot_id(),
        "space": str(Path("/proc/self/ns/pid").readlink()),
        "init": processes.start_ticks(FIRST_PROCESS),
        "pid": pid,
        "started": processes.start_ticks(pid),
    }


def place_key(who: Mapping[str, Any]) -> str:
    """A short name of the pid namespace in which a process runs, on its host; empty when that is not known.

    Processes of the same place can see, and kill, one another. Of a process elsewhere nothing can be said.
    """
    parts = [who.get(name) for name in PLACE]
    if not all(parts):
        return ""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def is_alive(who: Mapping[str, Any]) -> bool:
    """Whether exactly this process still runs. Only valid on its own host, in its own pid namespace."""
    return _find(who) is not None


def kill(who: Mapping[str, Any]) -> None:
    """Kills exactly this process, also a frozen one; does nothing when it is gone."""
    process = _find(who)
    if process is not None:
        processes.send_signal(process, signal.SIGKILL)


def _find(who: Mapping[str, Any]) -> Process | None:
    return processes.find_process(who["pid"], who.get("started") or "")
