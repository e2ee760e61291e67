"""The lock that the first process of a container holds: once it is free, nothing of that container runs.

When the first process of a pid namespace ends, the kernel ends every other process in it. A container that is
started again has another namespace and cannot see the processes of its predecessor, but it can see that this
lock, in the data folder that both share, is no longer held. The lock says nothing across hosts: whether file
locks of two hosts meet depends on the file system, so it counts only under one kernel.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path

from django.conf import settings

from checklists.executor.process.identity import FIRST_PROCESS, identity, place_key

log = logging.getLogger(__name__)
SETTLING = 0.5  # seconds that the kernel may need to end the rest of a namespace after its first process
_held: list[int] = []  # the descriptor of the lock, in the process that took it and in those forked from it


def hold_container_lock() -> None:
    """Takes the lock for as long as this process lives, where it is the first of its namespace.

    Any other process takes none: when that ends, others of its namespace may live on. Processes forked from
    us inherit the lock, so it is free only when none of them is left either.
    """
    if os.getpid() != FIRST_PROCESS:
        return
    path = _path(place_key(identity()))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        log.warning("without a lock in the data folder no successor can prove that this ended: %s", error)
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
    _held.append(handle)


def is_container_locked() -> bool:
    """Whether this process runs below a worker that holds the lock."""
    return bool(_held)


def has_container_ended(place: str) -> bool:
    """Whether the lock of that place is there and free. Only valid under the kernel of that container."""
    if not place:
        return False
    try:
        handle = os.open(_path(place), os.O_RDWR)  # never created here: a missing file proves nothing
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    time.sleep(SETTLING)
    return True


def _path(place: str) -> Path:
    return Path(settings.CUTOVER_DATA) / "containers" / f"{place}.lock"
