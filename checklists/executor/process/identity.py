"""Which process it is: host, boot, pid namespace, pid, start time; a reused number is another process."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def boot() -> str:
    """The kernel's identity since it was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def started(pid: int) -> str:
    """When the process began, in clock ticks since boot; empty when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if stat[0] in "ZX" else stat[19]


def identity(pid: int | None = None) -> dict[str, Any]:
    """The identity of a process of this host (by default this one) as JSON."""
    pid = os.getpid() if pid is None else pid
    return {
        "host": socket.gethostname(),
        "boot": boot(),
        "space": str(Path("/proc/self/ns/pid").readlink()),
        "pid": pid,
        "started": started(pid),
    }


def is_alive(who: Mapping[str, Any]) -> bool:
    """Does exactly this process still run? Only to be asked on its own host, in its own namespace."""
    return bool(who.get("started")) and started(who["pid"]) == who["started"]


def kill(who: Mapping[str, Any]) -> None:
    """Kills exactly this process, also a frozen one; nothing happens when it is gone."""
    try:
        handle = os.pidfd_open(who["pid"])
    except OSError:
        return
    try:
        if is_alive(who):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)
