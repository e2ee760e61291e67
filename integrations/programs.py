"""Runs a program: no shell, an environment of its own, line by line, and ends all that it started.

The program is started through a few lines of Python (`LAUNCHER`) that tie its life to ours
(``PR_SET_PDEATHSIG``) before they become the program: the kernel then kills it when this thread
dies, whatever it died of. Call `run` from the main thread, since a thread's death counts as ours.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from integrations.errors import Problem
from integrations.processes import ATTEMPT, RUN, Tree, kill_leftovers, leftovers

__all__ = ["Finished", "environment", "find", "kill_leftovers", "leftovers", "run"]

ALLOWED = ("PATH", "LANG", "HOME", "TZ")
LINE = 16 * 1024  # bytes; a longer line is broken here and each piece but the last is marked
CONTINUED = "…+"
HELD = 64 * LINE  # bytes of one line that are waited for, so that its pieces stand together
TAIL = 256 * 1024  # bytes of output kept for explaining an error when nothing is captured
CAPTURE = 256 * 1024 * 1024  # bytes that may be captured before the program is stopped
GRACE = 5.0  # seconds between asking (SIGTERM) and killing (SIGKILL)
POLL = 0.2

LAUNCHER = """\
import ctypes, os, resource, sys
parent, program = int(sys.argv[1]), sys.argv[2]
os.umask(0o077)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != parent: os._exit(125)
try: os.execv(program, sys.argv[3:])
except OSError as error: print(f"{program}: {error.strerror}", file=sys.stderr, flush=True); os._exit(126)
"""

#: program → how to get it, for the sentence after “is not installed”
REMEDIES = {
    "pg_dump": "Install the PostgreSQL client programs (Debian: apt-get install postgresql-client).",
    "pg_restore": "Install the PostgreSQL client programs (Debian: apt-get install postgresql-client).",
    "psql": "Install the PostgreSQL client programs (Debian: apt-get install postgresql-client).",
    "node": "Install Node.js 20 or later (Debian: apt-get install nodejs npm).",
    "npm": "Install Node.js with npm (Debian: apt-get install nodejs npm).",
    "npx": "Install Node.js with npm (Debian: apt-get install nodejs npm).",
    "pnpm": "Install pnpm (npm install --global pnpm) where the worker runs.",
    "prisma": "Run npm install (or pnpm install) in the Prisma project.",
}


class Listener(Protocol):
    """The part of an action's report that a running program needs."""

    def log(self, line: str) -> None:
        """Takes one line of output."""

    def raise_if_cancelled(self) -> None:
        """Raises when it is time to stop."""


@dataclass(frozen=True)
class Finished:
    """A program that ended by itself.

    ``code`` is its exit code (negative: the signal that ended it). ``stdout`` and ``stderr`` are
    text as the program wrote it, secrets and all: whole standard output when it was captured,
    else its last 256 KiB. ``argv[0]`` is the full path of what ran.
    """

    argv: list[str]
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the program says that it succeeded."""
        return self.code == 0


def find(program: str, *, cwd: str | Path | None = None, path: str | None = None) -> str:
    """Full path of a program, or a `Problem` that names it and says how to install it."""
    name = Path(program).name
    if "/" in program:
        full = Path(cwd or ".", program).absolute()
        found = str(full) if full.is_file() and os.access(full, os.X_OK) else None
    else:
        found = shutil.which(program, path=os.environ.get("PATH", os.defpath) if path is None else path)
    if found is None:
        raise Problem(
            f"The program {program} is not installed where the worker runs.",
            means="Nothing was started and nothing was changed.",
            next=REMEDIES.get(name, f"Install {name}, or correct its path in the runbook, and try again."),
        )
    return found


def environment(extra: Mapping[str, str] | None = None, *, attempt: str = "") -> dict[str, str]:
    """What a program sees: the allow-list, what is given, and the mark of its attempt."""
    env = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    env.update(extra or {})
    if attempt:
        env[ATTEMPT] = attempt
    return env


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    report: Listener | None = None,
    stdin: str | None = None,
    capture: bool = False,
    timeout: float | None = None,
    attempt: str = "",
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Runs a program to its end and gives its exit code and output.

    Lines of both outputs go to ``report.log`` as they come; with ``capture`` standard output is
    kept apart instead, whole. ``on_line`` replaces ``report.log`` where lines have to be read for
    progress. ``stdin`` is text to give it (else nothing). After ``timeout`` seconds, and on any
    exception (a cancel among them), everything that it started is ended before this returns.
    Raises `Problem` for a missing program and for a passed timeout; an exit code is no exception.
    """
    words = [os.fspath(word) for word in argv]
    attempt = attempt or getattr(report, "attempt", "") or os.environ.get(ATTEMPT, "")
    mark = uuid.uuid4().hex
    full_env = {**environment(env, attempt=attempt), RUN: mark}
    words[0] = find(words[0], cwd=cwd, path=full_env.get("PATH", os.defpath))
    tell = on_line or (report.log if report else lambda line: None)
    started = time.monotonic()
    tree = Tree(mark)
    try:
        with _input(stdin) as source:
            tree.process = process = _start(words, full_env, cwd, source)
        output = _Output(process, tell, capture=capture)
        with contextlib.closing(output):
            output.follow(_checker(report, timeout, words[0]))
    except BaseException:
        tree.end(GRACE)
        raise
    if left := tree.end(0.0):
        tell(f"{left} process(es) that {Path(words[0]).name} left running were ended.")
    outputs = output.out.text(), output.err.text()
    return Finished(words, process.returncode, *outputs, seconds=time.monotonic() - started)


def _input(text: str | None) -> IO[bytes]:
    """A file to read standard input from: a pipe could deadlock against a program that does not read."""
    if text is None:
        return Path(os.devnull).open("rb")
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
    file.write(text.encode())
    file.seek(0)
    return file


def _start(
    words: list[str], env: dict[str, str], cwd: str | Path | None, source: IO[bytes]
) -> subprocess.Popen[bytes]:
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), words[0]]
    return subprocess.Popen(
        [*launcher, *words],
        env=env,
        cwd=cwd,
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@dataclass
class _Kept:
    """Output kept for the caller: all of it up to a limit, or only its end."""

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


class _Output:
    """Reads both pipes of a process until they close, and hands on whole lines."""

    def __init__(
        self, process: subprocess.Popen[bytes], tell: Callable[[str], None], *, capture: bool
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process, self.tell = process, tell
        self.pipes: list[IO[bytes]] = [process.stdout, process.stderr]
        self.out, self.err = _Kept(whole=capture), _Kept(whole=False)
        self.quiet = {process.stdout.fileno()} if capture else set()
        self.rest: dict[int, bytes] = {}

    def follow(self, check: Callable[[], None]) -> None:
        """Returns when the process has ended and its pipes are read. A grandchild that holds a pipe
        open does not keep us: what comes within half a second after the end is read, and no more."""
        ended: float | None = None
        with selectors.DefaultSelector() as selector:
            for pipe, kept in zip(self.pipes, (self.out, self.err), strict=True):
                selector.register(pipe, selectors.EVENT_READ, kept)
            while selector.get_map() and (ended is None or time.monotonic() < ended + 0.5):
                self._read(selector, 0.05 if ended else POLL)
                check()
                if ended is None and self.process.poll() is not None:
                    ended = time.monotonic()
        for rest in filter(None, self.rest.values()):
            self._tell_wrapped(rest)
        while self.process.poll() is None:  # it closed its outputs and works on
            time.sleep(0.05)
            check()

    def close(self) -> None:
        for pipe in self.pipes:
            pipe.close()

    def _read(self, selector: selectors.BaseSelector, wait: float) -> None:
        for key, _ in selector.select(wait):
            data = os.read(key.fd, 65536)
            if not data:
                selector.unregister(key.fileobj)
                continue
            key.data.add(data)
            if key.fd not in self.quiet:
                self._lines(key.fd, data)

    def _lines(self, fd: int, data: bytes) -> None:
        *lines, rest = (self.rest.get(fd, b"") + data).split(b"\n")
        for line in lines:
            self._tell_wrapped(line)
        if len(rest) > HELD:
            cut = len(rest) - len(rest) % LINE
            self._tell_wrapped(rest[:cut], more=True)
            rest = rest[cut:]
        self.rest[fd] = rest

    def _tell_wrapped(self, line: bytes, *, more: bool = False) -> None:
        line = line.rstrip(b"\r").rpartition(b"\r")[2]  # a progress bar: its last state
        while len(line) > LINE or (more and line):
            self.tell(line[:LINE].decode(errors="replace") + CONTINUED)
            line = line[LINE:]
        if not more:
            self.tell(line.decode(errors="replace"))


def _checker(report: Listener | None, timeout: float | None, program: str) -> Callable[[], None]:
    until = None if timeout is None else time.monotonic() + timeout

    def check() -> None:
        if report is not None:
            report.raise_if_cancelled()
        if until is not None and time.monotonic() > until:
            raise Problem(
                f"{Path(program).name} did not finish within {timeout:g} s.",
                means="It and everything that it had started were ended.",
                next="Read the log for where it stood still; try again when the cause is gone.",
            )

    return check
