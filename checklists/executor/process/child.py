"""A forked process that does one piece of work and speaks to us in lines of JSON."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connections

from checklists.executor.tree import call_ourselves, default_signals, die_with, drop_sockets

Message = dict[str, Any]
GO = b"go"


class Channel:
    """The child's end: messages up, one permission down.

    ``sending`` is true while a message is on its way, so that a signal's handler does not tear it; threads
    of an action send one after the other.
    """

    def __init__(self, up: int, down: int) -> None:
        self.up, self.down = up, down
        self.sending = False
        self.after_sending: Callable[[], None] = lambda: None
        self._turn = threading.Lock()

    def send(self, **message: Any) -> None:
        """One message; waits while the guard is busy."""
        data = json.dumps(message, default=str, allow_nan=False).encode() + b"\n"
        with self._turn:
            self.sending = True
            try:
                while data:
                    data = data[os.write(self.up, data) :]
            finally:
                self.sending = False
        self.after_sending()

    def wait_for_permission(self) -> bool:
        """Blocks until the guard says go; False when it closed the channel instead."""
        return os.read(self.down, len(GO)) == GO


class Child:
    """The parent's end. The database connection is closed before the fork: it cannot be shared."""

    def __init__(self, work: Callable[[Channel], None]) -> None:
        read_up, write_up = os.pipe()
        read_down, self._down = os.pipe()
        connections.close_all()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _work(work, Channel(write_up, read_down), parent)
        os.close(write_up)
        os.close(read_down)
        os.set_blocking(read_up, False)
        self._up, self._handle = read_up, os.pidfd_open(self.pid)
        self._rest = b""
        self.code: int | None = None  # exit code, negative for a signal; None while it runs

    def read(self, seconds: float) -> list[Message]:
        """Messages that came within the seconds, at the first of them; also returns when it ended."""
        ready, _, _ = select.select([self._up, self._handle], [], [], seconds)
        if not ready:
            return []
        messages = self._messages(1 << 20)
        if self.code is None and self._handle in ready:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return messages

    def rest(self) -> list[Message]:
        """What is left in the channel of a child that ended. A process it left behind cannot hold us up."""
        return self._messages(1 << 26)

    def _messages(self, limit: int) -> list[Message]:
        taken = 0
        parts = [self._rest]
        while taken < limit:
            try:
                data = os.read(self._up, 1 << 16)
            except BlockingIOError:
                break
            if not data:
                break
            parts.append(data)
            taken += len(data)
        *lines, self._rest = b"".join(parts).split(b"\n")
        return [json.loads(line) for line in lines]

    def permit(self) -> None:
        """Says go."""
        os.write(self._down, GO)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to exactly this child."""
        if self.code is None:
            signal.pidfd_send_signal(self._handle, number)

    def close(self) -> None:
        """Lets go of a child that ended."""
        for number in (self._up, self._down, self._handle):
            os.close(number)


def _work(work: Callable[[Channel], None], channel: Channel, parent: int) -> None:
    """All that happens in the child; it never returns into the code that forked it."""
    code = 1
    try:
        die_with(parent)
        call_ourselves("cutover-action")
        default_signals()
        drop_sockets(keep={channel.up, channel.down})
        work(channel)
        code = 0
    finally:
        os._exit(code)


def answer(work: Callable[[Channel], None], seconds: float) -> tuple[list[Message], int | None]:
    """Runs a short piece of work in a child, killed after the seconds; its messages and exit code."""
    child = Child(work)
    until = time.monotonic() + seconds
    messages: list[Message] = []
    try:
        while child.code is None and time.monotonic() < until:
            messages += child.read(0.2)
        if child.code is None:
            child.signal(signal.SIGKILL)
            os.waitpid(child.pid, 0)
            return messages, None
        return messages + child.rest(), child.code
    finally:
        child.close()
