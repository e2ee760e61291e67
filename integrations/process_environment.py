"""With which variables a process of this host was started, as the kernel has them."""

from __future__ import annotations

import time
from pathlib import Path

EXEC_TIMEOUT = 2.0  # seconds for the kernel to load a program
ENVIRONMENT_END = 51  # a field of /proc/PID/stat, counted from 1 (man 5 proc)


def has_mark(pid: int, name: str, value: str) -> bool:
    """Whether a process was started with that variable; no when its environment is not ours to read."""
    return f"\0{name}={value}\0".encode() in b"\0" + read_environment(pid) + b"\0"


def read_environment(pid: int) -> bytes:
    """The variables with which its program was started, as the kernel has them; empty when it has ended.

    A process that is being started has none yet, also for who has waited until `exec` was reported: the
    kernel writes them last. Taken for a process without the mark, it would be missed by a proof of death.
    """
    # Not psutil's `environ`: it makes a dictionary of every variable of every process of the host.
    file, until = Path(f"/proc/{pid}/environ"), time.monotonic() + EXEC_TIMEOUT
    try:
        while not (environment := file.read_bytes()):
            if not _is_being_started(pid):
                return file.read_bytes()  # between the two questions it may have been written
            if time.monotonic() > until:
                break
            time.sleep(0.001)
    except OSError:
        return b""
    return environment


def _is_being_started(pid: int) -> bool:
    """Whether a living process has no environment yet. An empty one, given to a program, has an end."""
    state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return state not in b"ZX" and fields[ENVIRONMENT_END - 4] == b"0"
