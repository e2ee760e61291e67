"""A forked process that does one piece of work and sends messages to its parent, as lines of JSON."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import Any

from django.db import connections

from checklists.executor.process import cgroup
from checklists.executor.process.tree import (
    die_with_parent,
    redirect_inherited_sockets,
    reset_signal_handlers,
    set_process_name,
)
from integrations.storable_values import LONGEST_TEXT, clean_text, make_storable, shorten_text

Message = dict[str, Any]
GO, NO = b"go", b"no"


class Channel:
    """The child's end: it sends messages up and reads one permission.

    ``sending`` is true while a message is being written: a signal handler that raised an exception then
    would leave half a message in the pipe. Threads of an action send one after the other.
    """

    def __init__(self, up: int, down: int) -> None:
        self.up, self.down = up, down
        self.sending = False
        self.after_sending: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        """Sends one message; waits while the pipe is full.

        Values that nothing could store or show are replaced (`make_storable`): the parent must not fail
        because of what a provider or a program said.
        """
        self._write(json.dumps(make_storable(message), allow_nan=False).encode() + b"\n")

    def send_line(self, piece: str, stream: str, *, more: bool) -> None:
        """Sends ``log=[piece, stream, more]``: programs print thousands of lines a second."""
        text = shorten_text(clean_text(piece), LONGEST_TEXT)
        end = "true" if more else "false"
        self._write(f'{{"log": [{quote(text)}, {quote(clean_text(stream))}, {end}]}}\n'.encode())

    def _write(self, data: bytes) -> None:
        with self._lock:
            self.sending = True
            try:
                while data:
                    data = data[os.write(self.up, data) :]
            finally:
                self.sending = False
        self.after_sending()

    def wait_for_permission(self) -> bool:
        """Waits for the guard's permission; False when the guard refused it or closed the channel."""
        return os.read(self.down, len(GO)) == GO


class ChildProcess:
    """The parent's end. Database connections are closed before the fork: two processes cannot share one.

    ``group``: the cgroup that the child joins before it does anything.
    """

    def __init__(self, work: Callable[[Channel], None], group: Path | None = None) -> None:
        read_up, write_up = os.pipe()
        read_down, self._down = os.pipe()
        connections.close_all()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _run_child(work, Channel(write_up, read_down), parent, group)
        os.close(write_up)
        os.close(read_down)
        os.set_blocking(read_up, False)
        self._up, self._handle = read_up, os.pidfd_open(self.pid)
        self._incomplete = b""  # the beginning of a line whose end was not read yet
        self.exit_code: int | None = None  # negative for a signal; None while it runs

    def read(self, seconds: float) -> list[Message]:
        """Waits up to ``seconds`` for messages and gives them; returns early when the child ends."""
        ready, _, _ = select.select([self._up, self._handle], [], [], seconds)
        if not ready:
            return []
        messages = self._messages(1 << 20)
        if self.exit_code is None and self._handle in ready:
            self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return messages

    def read_rest(self) -> list[Message]:
        """What is left in the pipe of a child that ended; never waits for processes that it left behind."""
        return self._messages(1 << 26)

    def _messages(self, limit: int) -> list[Message]:
        taken = 0
        parts = [self._incomplete]
        while taken < limit:
            try:
                data = os.read(self._up, 1 << 16)
            except BlockingIOError:
                break
            if not data:
                break
            parts.append(data)
            taken += len(data)
        *lines, self._incomplete = b"".join(parts).split(b"\n")
        return list(json.loads(b"[" + b",".join(lines) + b"]"))

    def permit(self) -> None:
        """Gives the permission to begin the effect, or to start a program."""
        os.write(self._down, GO)

    def refuse(self) -> None:
        """Answers the request for a permission with no."""
        os.write(self._down, NO)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to this child, never to another process that got its pid."""
        if self.exit_code is None:
            signal.pidfd_send_signal(self._handle, number)

    def close(self) -> None:
        """Closes the pipes of a child that ended."""
        for number in (self._up, self._down, self._handle):
            os.close(number)


def _run_child(work: Callable[[Channel], None], channel: Channel, parent: int, group: Path | None) -> None:
    """The whole life of the child. It never returns into the code that forked it."""
    code = 1
    try:
        die_with_parent(parent)
        if group is not None:
            cgroup.join(group)
        set_process_name("cutover-action")
        reset_signal_handlers()
        redirect_inherited_sockets(keep={channel.up, channel.down})
        work(channel)
        code = 0
    finally:
        os._exit(code)


def run_in_child(work: Callable[[Channel], None], seconds: float) -> tuple[list[Message], int | None]:
    """Runs short work in a child; gives its messages and exit code (None: killed after ``seconds``)."""
    child = ChildProcess(work)
    until = time.monotonic() + seconds
    messages: list[Message] = []
    try:
        while child.exit_code is None and time.monotonic() < until:
            messages += child.read(0.2)
        if child.exit_code is None:
            child.signal(signal.SIGKILL)
            os.waitpid(child.pid, 0)
            return messages, None
        return messages + child.read_rest(), child.exit_code
    finally:
        child.close()
