"""Files of the sandbox that only their owner reads, and locks on files.

Small programs of the sandbox import it, so it imports nothing of the project.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Writes a file of mode 0600 that is whole or not there."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.new")
    partial.unlink(missing_ok=True)
    partial.touch(0o600)
    partial.write_text(text)
    partial.rename(path)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Two first needs at once: the second waits, and finds done what the first has done."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
