"""Keeps tests that change the machine's network apart from those with a browser.

A browser drops what it is loading when a link of the machine comes, goes or changes (ERR_NETWORK_CHANGED). So
a test with a browser waits until nobody changes links, and who changes them waits for the browsers: at the
first lock, so that browsers which follow each other do not keep it waiting for ever.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

#: Of the whole machine: another run has the same links.
TURN, ROOM = (f"/var/tmp/cutover-network-{os.geteuid()}-{name}.lock" for name in ("turn", "room"))


@contextmanager
def _locked(file: str, how: int) -> Iterator[None]:
    handle = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)  # and the lock with it, unless a fork has it open, too


@contextmanager
def unchanged_network() -> Iterator[None]:
    """Nobody changes the machine's links within it. Many tests may be within it at the same time."""
    with ExitStack() as room:
        with _locked(TURN, fcntl.LOCK_EX):
            room.enter_context(_locked(ROOM, fcntl.LOCK_SH))
        yield


@contextmanager
def changing_network() -> Iterator[None]:
    """No browser of a test runs within it, and no other test changes links."""
    with _locked(TURN, fcntl.LOCK_EX), _locked(ROOM, fcntl.LOCK_EX):
        yield
