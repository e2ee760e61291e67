"""The output of a running program: read from its pipes, and passed on line by line."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Protocol

from integrations.errors import Problem

LINE = 16 * 1024  # bytes; a longer line comes in pieces
HELD = 64 * LINE  # bytes of an unfinished line that are held, so that its pieces come together
TAIL = 256 * 1024  # bytes of output kept for explaining an error when nothing is captured
CAPTURE = 256 * 1024 * 1024  # bytes that may be captured before the program is stopped
POLL = 0.2


class ProgramReport(Protocol):
    """The part of an action's report that a running program needs."""

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Takes one line of that output; with ``more`` a piece of a long one, and the next piece follows."""

    def raise_if_cancelled(self) -> None:
        """Raises when it is time to stop."""


@dataclass
class _Kept:
    """Output that is kept for the result: all of it up to `CAPTURE`, or only the last `TAIL` bytes."""

    whole: bool
    parts: deque[bytes] = field(default_factory=deque)
    size: int = 0

    def add(self, data: bytes) -> None:
        self.parts.append(data)
        self.size += len(data)
        if self.whole and self.size > CAPTURE:
            raise Problem(
                f"The program wrote more than {CAPTURE // 2**20} MB of output.",
                means="It was stopped: its answer cannot be this large.",
                next="Read the end of the log for what it repeats.",
            )
        while not self.whole and self.size > TAIL and len(self.parts) > 1:
            self.size -= len(self.parts.popleft())

    def text(self) -> str:
        return b"".join(self.parts).decode(errors="replace")


@dataclass
class OutputLines:
    """Passes lines on: to ``on_line`` whole, else to the report, long ones in pieces."""

    run: str
    report: ProgramReport | None
    on_line: Callable[[str], None] | None

    def add(self, line: bytes, stream: str, *, more: bool) -> bytes:
        """Takes a line, or as much of one as fits into the memory; gives back what is not passed on yet."""
        # A progress bar overwrites its line: only its last state counts.
        line = line.rstrip(b"\r").rpartition(b"\r")[2]
        if self.on_line:
            self.on_line(line.decode(errors="replace"))
        if self.on_line or not self.report:
            return b""
        while len(line) > LINE:
            cut = _end_of_character(line, LINE)
            self._log(line[:cut], stream, more=True)
            line = line[cut:]
        if more:
            return line
        self._log(line, stream)
        return b""

    def _log(self, line: bytes, stream: str, *, more: bool = False) -> None:
        assert self.report is not None
        self.report.log(line.decode(errors="replace"), stream=f"{self.run} {stream}", more=more)


def _end_of_character(line: bytes, limit: int) -> int:
    """The limit, or up to three bytes less where it would cut a character of several bytes."""
    return next((at for at in range(limit, limit - 4, -1) if line[at] & 0xC0 != 0x80), limit)


class ProgramOutput:
    """Reads both pipes of a process until they close, and passes whole lines on."""

    def __init__(self, process: subprocess.Popen[bytes], lines: OutputLines, *, capture: bool) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process, self.lines = process, lines
        self.pipes: list[IO[bytes]] = [process.stdout, process.stderr]
        self.names = {process.stdout.fileno(): "stdout", process.stderr.fileno(): "stderr"}
        self.out, self.err = _Kept(whole=capture), _Kept(whole=False)
        self.captured = {process.stdout.fileno()} if capture else set()
        self.rest: dict[int, bytes] = {}

    def follow(self, check: Callable[[], None]) -> None:
        """Reads until the process has ended and its pipes are empty.

        A grandchild may hold a pipe open. So reading goes on for half a second after the end, not longer.
        """
        try:
            self._read_pipes(check)
        finally:  # also when it is stopped: what it had begun to say may be the reason
            for fd, rest in self.rest.items():
                if rest:
                    self.lines.add(rest, self.names[fd], more=False)
        while self.process.poll() is None:  # it closed its outputs and goes on working
            time.sleep(0.05)
            check()

    def close(self) -> None:
        """Closes the pipes."""
        for pipe in self.pipes:
            pipe.close()

    def _read_pipes(self, check: Callable[[], None]) -> None:
        ended: float | None = None
        with selectors.DefaultSelector() as selector:
            for pipe, kept in zip(self.pipes, (self.out, self.err), strict=True):
                selector.register(pipe, selectors.EVENT_READ, kept)
            while selector.get_map() and (ended is None or time.monotonic() < ended + 0.5):
                self._read(selector, 0.05 if ended else POLL)
                check()
                if ended is None and self.process.poll() is not None:
                    ended = time.monotonic()

    def _read(self, selector: selectors.BaseSelector, wait: float) -> None:
        for key, _ in selector.select(wait):
            data = os.read(key.fd, 65536)
            if not data:
                selector.unregister(key.fileobj)
                continue
            key.data.add(data)
            if key.fd not in self.captured:
                self._lines(key.fd, data)

    def _lines(self, fd: int, data: bytes) -> None:
        *lines, rest = (self.rest.pop(fd, b"") + data).split(b"\n")
        for line in lines:
            self.lines.add(line, self.names[fd], more=False)
        self.rest[fd] = rest if len(rest) <= HELD else self.lines.add(rest, self.names[fd], more=True)
